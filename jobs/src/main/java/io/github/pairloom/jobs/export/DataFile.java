package io.github.pairloom.jobs.export;

import java.io.Serializable;

/**
 * A file of an export.
 *
 * @param path from the export's root, with slashes
 * @param bytes its size
 * @param sha256 SHA-256 of its bytes, 64 hex digits
 */
record DataFile(String path, long bytes, String sha256) implements Serializable {}

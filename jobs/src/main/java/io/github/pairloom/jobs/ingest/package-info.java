/**
 * The first step: source files in, {@code images}, {@code samples} and {@code quarantine} out.
 *
 * <p>One task reads one file, as a stream. What a row says is checked there; images that lie in
 * files of their own are opened afterwards, each once, by tasks that share them evenly. Rows carry
 * where the bytes of an image lie, never the bytes.
 */
package io.github.pairloom.jobs.ingest;

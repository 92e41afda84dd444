package io.github.pairloom.jobs.export;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumFileSystem;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Writes and reads files under one folder from executors. A file appears whole or not at all: it is
 * written under a name of its own and renamed, so attempts of the same task do not meet.
 */
final class StagedFiles implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String ATTEMPTS = "_attempts";

  private final SerializableConfiguration hadoop;
  private final String root;

  StagedFiles(Configuration hadoop, Path root) {
    this.hadoop = new SerializableConfiguration(hadoop);
    this.root = root.toString();
  }

  /** What a file is to hold. */
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * Returns the file system of {@code path} without Hadoop's own checksum files: they would lie
   * beside every file of a folder that people copy and upload.
   */
  static FileSystem fileSystem(Path path, Configuration hadoop) throws IOException {
    FileSystem files = path.getFileSystem(hadoop);
    return files instanceof ChecksumFileSystem checked ? checked.getRawFileSystem() : files;
  }

  /** Writes {@code name}; its folder is there. Attempts to write it give the same content. */
  void write(String name, Content content) throws IOException {
    FileSystem files = fileSystem();
    Path attempt = new Path(path(ATTEMPTS), UUID.randomUUID().toString());
    try (OutputStream out = new BufferedOutputStream(files.create(attempt, false))) {
      content.writeTo(out);
    }
    if (!files.rename(attempt, path(name)) && !files.exists(path(name))) {
      throw new IOException("Cannot rename " + attempt + " to " + path(name));
    }
  }

  /** Removes what attempts that were killed left behind. */
  void removeAttempts() throws IOException {
    fileSystem().delete(path(ATTEMPTS), true);
  }

  /** Returns the size and digest of the file called {@code name}. */
  DataFile digest(String name) throws IOException {
    MessageDigest sha256;
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
    try (InputStream in = new DigestInputStream(fileSystem().open(path(name)), sha256)) {
      long bytes = in.transferTo(OutputStream.nullOutputStream());
      return new DataFile(name, bytes, HexFormat.of().formatHex(sha256.digest()));
    }
  }

  Path path(String name) {
    return new Path(root, name);
  }

  FileSystem fileSystem() throws IOException {
    return fileSystem(new Path(root), hadoop.value());
  }
}

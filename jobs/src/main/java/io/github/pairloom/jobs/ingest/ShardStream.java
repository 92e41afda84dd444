package io.github.pairloom.jobs.ingest;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Objects;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * A source file read once from start to end, counted and hashed on the way.
 *
 * <p>A failure of the file system comes out as {@link UncheckedIOException}: the task must fail and
 * be tried again. Thus an {@link IOException} out of a parser above is a fault of the content.
 */
final class ShardStream extends InputStream {
  private static final int BUFFER_BYTES = 1 << 17;

  private final String uri;
  private final InputStream in;
  private final MessageDigest digest;
  private long position;

  private ShardStream(String uri, InputStream in, MessageDigest digest) {
    this.uri = uri;
    this.in = in;
    this.digest = digest;
  }

  static ShardStream open(String uri, Configuration hadoop) {
    try {
      Path path = new Path(uri);
      InputStream in = path.getFileSystem(hadoop).open(path);
      return new ShardStream(
          uri, new BufferedInputStream(in, BUFFER_BYTES), MessageDigest.getInstance("SHA-256"));
    } catch (IOException e) {
      throw failed(uri, e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Returns the SHA-256 of a whole file. */
  static String sha256(String uri, Configuration hadoop) {
    try (ShardStream in = open(uri, hadoop)) {
      in.drain();
      return in.sha256();
    }
  }

  @Override
  public int read() {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, bytes.length);
    try {
      int n = in.read(bytes, offset, length);
      if (n > 0) {
        digest.update(bytes, offset, n);
        position += n;
      }
      return n;
    } catch (IOException e) {
      throw failed(uri, e);
    }
  }

  /** Returns the number of bytes read so far. */
  long position() {
    return position;
  }

  /** Reads what is left; returns whether any of it is not zero. */
  boolean drain() {
    byte[] buffer = new byte[BUFFER_BYTES];
    boolean content = false;
    for (int n = read(buffer, 0, buffer.length); n >= 0; n = read(buffer, 0, buffer.length)) {
      for (int i = 0; i < n && !content; i++) {
        content = buffer[i] != 0;
      }
    }
    return content;
  }

  /** Returns the SHA-256 of what has been read; the stream is spent. */
  String sha256() {
    return HexFormat.of().formatHex(digest.digest());
  }

  @Override
  public void close() {
    try {
      in.close();
    } catch (IOException e) {
      throw failed(uri, e);
    }
  }

  private static UncheckedIOException failed(String uri, IOException e) {
    return new UncheckedIOException(
        "Cannot read source file " + uri + ": " + e + ". Nothing is written; run ingest again", e);
  }
}

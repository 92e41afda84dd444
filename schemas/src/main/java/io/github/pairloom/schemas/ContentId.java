package io.github.pairloom.schemas;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Builds SHA-256 ids from content, so that the same row gets the same id in every run, on every
 * machine. Each part is preceded by its length: ("ab", "c") and ("a", "bc") differ.
 */
public final class ContentId {
  private final MessageDigest digest = sha256();

  /** Adds a text by its UTF-8 bytes; {@code null} is a part of its own, different from "". */
  public ContentId add(String text) {
    if (text == null) {
      return addLength(-1);
    }
    return add(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Adds a number. */
  public ContentId add(long number) {
    return add(Long.toString(number));
  }

  /** Adds raw bytes. */
  public ContentId add(byte[] bytes) {
    addLength(bytes.length);
    digest.update(bytes);
    return this;
  }

  /** Returns the id, 64 lower-case hex digits; the builder is spent. */
  public String toHex() {
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Returns the SHA-256 of {@code bytes} alone, as {@code sha256sum} prints it. */
  public static String of(byte[] bytes) {
    return HexFormat.of().formatHex(sha256().digest(bytes));
  }

  /** Returns the SHA-256 of the bytes of {@code file} alone, however large it is. */
  public static String of(Path file) throws IOException {
    MessageDigest digest = sha256();
    try (OutputStream out = new DigestOutputStream(OutputStream.nullOutputStream(), digest)) {
      Files.copy(file, out);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Returns the SHA-256 of the UTF-8 bytes of {@code text} alone. */
  public static String of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8));
  }

  private ContentId addLength(int length) {
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(length).array());
    return this;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}

package io.github.pairloom.udfs.image;

import static java.util.Objects.requireNonNull;

import java.util.Locale;

/**
 * An image that cannot be used, and why. The message is safe for a table: it is written here, never
 * by a decoder, is at most {@value #MAX_MESSAGE_LENGTH} characters long, and quotes nothing of the
 * file but numbers and hexadecimal bytes. What a decoder threw is the cause.
 */
public final class BadImageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The longest message, in characters. */
  public static final int MAX_MESSAGE_LENGTH = 300;

  private final ImageDefect defect;

  /** Creates the exception. A message that is too long is cut. */
  public BadImageException(ImageDefect defect, String message) {
    this(defect, message, null);
  }

  /** Creates the exception with what a decoder threw, which may be null. */
  public BadImageException(ImageDefect defect, String message, Throwable cause) {
    super(cut(message), cause);
    this.defect = requireNonNull(defect, "defect is null");
  }

  /** Returns what is wrong with the image. */
  public ImageDefect defect() {
    return defect;
  }

  static BadImageException truncated(String format, Object... args) {
    return of(ImageDefect.TRUNCATED, format, args);
  }

  static BadImageException corrupt(String format, Object... args) {
    return of(ImageDefect.CORRUPT, format, args);
  }

  static BadImageException unsupported(String format, Object... args) {
    return of(ImageDefect.UNSUPPORTED, format, args);
  }

  static BadImageException of(ImageDefect defect, String format, Object... args) {
    return new BadImageException(defect, String.format(Locale.ROOT, format, args));
  }

  private static String cut(String message) {
    return message.length() <= MAX_MESSAGE_LENGTH
        ? message
        : message.substring(0, MAX_MESSAGE_LENGTH - 1) + "…";
  }
}

package io.github.pairloom.schemas;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;

/** Conditions that records state about themselves. */
public final class Check {
  private static final int SHA256_HEX_DIGITS = 64;

  private Check() {}

  /**
   * Fails unless {@code condition} holds.
   *
   * @throws IllegalArgumentException with the formatted message
   */
  @FormatMethod
  public static void check(boolean condition, @FormatString String format, Object... arguments) {
    if (!condition) {
      throw new IllegalArgumentException(String.format(format, arguments));
    }
  }

  static void checkId(String name, String id) {
    check(isId(id), "Invalid %s: %s (must be a SHA-256 in 64 lower-case hex digits)", name, id);
  }

  /** A plain loop: every row has several ids. */
  private static boolean isId(String id) {
    if (id == null || id.length() != SHA256_HEX_DIGITS) {
      return false;
    }
    for (int i = 0; i < SHA256_HEX_DIGITS; i++) {
      char c = id.charAt(i);
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
        return false;
      }
    }
    return true;
  }

  static void checkNotBlank(String name, String text) {
    check(text != null && !text.isBlank(), "Invalid %s: %s (must not be blank)", name, text);
  }
}

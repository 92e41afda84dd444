package io.github.pairloom.udfs.image;

import java.nio.charset.StandardCharsets;

/**
 * Bounds-checked reading of an image file. Offsets and lengths are longs, so that sums of numbers
 * found in the file cannot overflow. Reading past the end is {@link ImageDefect#TRUNCATED}.
 */
final class FileBytes {
  private final ImageFormat format;
  private final byte[] bytes;

  FileBytes(ImageFormat format, byte[] bytes) {
    this.format = format;
    this.bytes = bytes;
  }

  /** Fails if the file ends before {@code end}. */
  void require(long end, String part) {
    if (end > bytes.length) {
      throw BadImageException.truncated(
          "%s ends at byte %d, but its %s reaches to byte %d. Fetch the file again.",
          format, bytes.length, part, end);
    }
  }

  int u8(long at) {
    require(at + 1, "structure");
    return bytes[(int) at] & 0xFF;
  }

  int u16be(long at) {
    return u8(at) << 8 | u8(at + 1);
  }

  int u16le(long at) {
    return u8(at + 1) << 8 | u8(at);
  }

  int u24le(long at) {
    return u8(at + 2) << 16 | u16le(at);
  }

  long u32be(long at) {
    return (long) u16be(at) << 16 | u16be(at + 2);
  }

  long u32le(long at) {
    return (long) u16le(at + 2) << 16 | u16le(at);
  }

  /** Returns four characters of ASCII. */
  String fourCc(long at) {
    require(at + 4, "structure");
    return new String(bytes, (int) at, 4, StandardCharsets.ISO_8859_1);
  }

  /** Returns whether the ASCII of {@code text} stands at {@code at}; false past the end. */
  boolean startsWith(long at, String text) {
    if (at + text.length() > bytes.length) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      if ((bytes[(int) at + i] & 0xFF) != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}

package io.github.pairloom.udfs.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;

/**
 * Reads the first frame of a GIF (GIF89a specification, 1990), on its screen, which is white where
 * the frame does not cover it. Blocks are walked to the end of that frame; the codec gets the frame
 * alone.
 */
final class GifFile {
  private static final int EXTENSION = 0x21;
  private static final int GRAPHIC_CONTROL = 0xF9;
  private static final int IMAGE = 0x2C;
  private static final int TRAILER = 0x3B;
  private static final int SCREEN_END = 13;
  private static final int DESCRIPTOR_BYTES = 10;
  private static final int MAX_CODE_BITS = 12;
  private static final int TABLE_SIZE = 1 << MAX_CODE_BITS;

  private GifFile() {}

  static DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
    FileBytes file = new FileBytes(ImageFormat.GIF, bytes);
    long at = (long) SCREEN_END + colourTableBytes(file.u8(10));
    file.require(at, "colour table");
    ByteArrayOutputStream kept = new ByteArrayOutputStream(bytes.length);
    kept.write(bytes, 0, (int) at);

    long control = -1;
    while (file.u8(at) == EXTENSION) {
      if (file.u8(at + 1) == GRAPHIC_CONTROL) {
        control = at;
      }
      at = endOfBlocks(file, at + 2);
    }
    if (file.u8(at) != IMAGE) {
      throw BadImageException.corrupt(
          "GIF has block 0x%02x at byte %d where its first frame should be. Replace the file.",
          file.u8(at), at);
    }
    int left = file.u16le(at + 1);
    int top = file.u16le(at + 3);
    int frameWidth = file.u16le(at + 5);
    int frameHeight = file.u16le(at + 7);
    limits.checkSize(ImageFormat.GIF, frameWidth, frameHeight);
    // A screen that is too small for its frame grows, as in browsers.
    int width = Math.max(file.u16le(6), left + frameWidth);
    int height = Math.max(file.u16le(8), top + frameHeight);
    limits.checkSize(ImageFormat.GIF, width, height);

    if (control >= 0) {
      kept.write(bytes, (int) control, (int) (endOfBlocks(file, control + 2) - control));
    }
    // One byte of code size stands before the data.
    long data = at + DESCRIPTOR_BYTES + colourTableBytes(file.u8(at + 9)) + 1;
    long end = endOfBlocks(file, data);
    checkPixels(file, data, (long) frameWidth * frameHeight);
    kept.write(bytes, (int) at, (int) (end - at));
    kept.write(TRAILER);
    return new WhiteCanvas(width, height)
        .paint(Codec.GIF.read(kept.toByteArray(), warning -> {}), left, top)
        .toImage(ImageFormat.GIF, ExifOrientation.UPRIGHT);
  }

  private static int colourTableBytes(int flags) {
    return (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);
  }

  /** Returns the offset behind the empty block that ends a chain of blocks. */
  private static long endOfBlocks(FileBytes file, long start) {
    long at = start;
    while (file.u8(at) != 0) {
      at += 1 + file.u8(at);
    }
    return at + 1;
  }

  /**
   * Adds up how many pixels the codes stand for, since the codec leaves those that are missing
   * black without a word. Only the length of each string in the table of LZW is needed.
   */
  private static void checkPixels(FileBytes file, long data, long expected) {
    int literalBits = file.u8(data - 1);
    if (literalBits < 1 || literalBits > 8) {
      throw BadImageException.corrupt(
          "GIF states a code size of %d; it must be 1 to 8. Replace the file.", literalBits);
    }
    int clear = 1 << literalBits;
    int end = clear + 1;
    int[] length = new int[TABLE_SIZE];
    Arrays.fill(length, 0, clear, 1);
    int next = end + 1;
    int codeBits = literalBits + 1;
    int previous = -1;
    long pixels = 0;
    int buffer = 0;
    int bits = 0;
    for (long block = data; file.u8(block) != 0; block += 1 + file.u8(block)) {
      for (long at = block + 1; at <= block + file.u8(block); at++) {
        buffer |= file.u8(at) << bits;
        bits += 8;
        while (bits >= codeBits && pixels < expected) {
          int code = buffer & ((1 << codeBits) - 1);
          buffer >>>= codeBits;
          bits -= codeBits;
          if (code == end) {
            throw tooFewPixels();
          }
          if (code == clear) {
            next = end + 1;
            codeBits = literalBits + 1;
            previous = -1;
            continue;
          }
          if (previous >= 0 && next < TABLE_SIZE) {
            length[next++] = length[previous] + 1;
            if (next == 1 << codeBits && codeBits < MAX_CODE_BITS) {
              codeBits++;
            }
          }
          if (code >= next || (previous < 0 && code > end)) {
            throw BadImageException.corrupt(
                "GIF has a code before its meaning at byte %d. Replace the file.", at);
          }
          pixels += length[code];
          previous = code;
        }
        if (pixels >= expected) {
          return;
        }
      }
    }
    throw tooFewPixels();
  }

  private static BadImageException tooFewPixels() {
    return BadImageException.truncated(
        "GIF has less picture data than its header promises. Fetch the file again.");
  }
}

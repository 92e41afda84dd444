package io.github.pairloom.udfs.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The orientation tag of EXIF: how the stored picture must be turned to stand upright.
 *
 * <p>Of all metadata this one number is needed, so it is read here in bounds, from the first
 * directory only, and no metadata library parses what strangers wrote.
 */
final class ExifOrientation {
  /** Stored upright. */
  static final int UPRIGHT = 1;

  private static final int TAG = 0x0112;
  private static final int TYPE_SHORT = 3;
  private static final int ENTRY_BYTES = 12;

  private ExifOrientation() {}

  /**
   * Returns the orientation, 1 to 8, in a TIFF structure, or {@link #UPRIGHT} where there is none
   * or it cannot be read: bad metadata does not make a bad picture.
   */
  static int read(byte[] bytes, int from, int to) {
    ByteBuffer tiff = ByteBuffer.wrap(bytes, from, Math.max(0, to - from)).slice();
    if (tiff.remaining() < 8) {
      return UPRIGHT;
    }
    short order = tiff.getShort(0);
    if (order != 0x4949 && order != 0x4D4D) {
      return UPRIGHT;
    }
    tiff.order(order == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    long directory = Integer.toUnsignedLong(tiff.getInt(4));
    if (tiff.getShort(2) != 42 || directory + 2 > tiff.limit()) {
      return UPRIGHT;
    }
    int entries = Short.toUnsignedInt(tiff.getShort((int) directory));
    for (int i = 0; i < entries; i++) {
      long entry = directory + 2 + (long) i * ENTRY_BYTES;
      if (entry + ENTRY_BYTES > tiff.limit()) {
        return UPRIGHT;
      }
      if (Short.toUnsignedInt(tiff.getShort((int) entry)) == TAG) {
        int value = Short.toUnsignedInt(tiff.getShort((int) entry + 8));
        boolean valid = tiff.getShort((int) entry + 2) == TYPE_SHORT && value >= 1 && value <= 8;
        return valid ? value : UPRIGHT;
      }
    }
    return UPRIGHT;
  }

  /** Returns the picture turned upright. */
  static RgbImage apply(RgbImage stored, int orientation) {
    if (orientation == UPRIGHT) {
      return stored;
    }
    boolean swapsSides = orientation >= 5;
    int width = swapsSides ? stored.height() : stored.width();
    int height = swapsSides ? stored.width() : stored.height();
    int right = stored.width() - 1;
    int bottom = stored.height() - 1;
    byte[] from = stored.rgb();
    byte[] to = new byte[from.length];
    int at = 0;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int sourceX =
            switch (orientation) {
              case 2, 3 -> right - x;
              case 4 -> x;
              case 5, 6 -> y;
              default -> right - y;
            };
        int sourceY =
            switch (orientation) {
              case 2 -> y;
              case 3, 4 -> bottom - y;
              case 5, 8 -> x;
              default -> bottom - x;
            };
        int source = (sourceY * stored.width() + sourceX) * RgbImage.CHANNELS;
        to[at++] = from[source];
        to[at++] = from[source + 1];
        to[at++] = from[source + 2];
      }
    }
    return RgbImage.wrap(width, height, to);
  }
}

package io.github.pairloom.udfs.image;

import java.io.Serializable;

/**
 * What an image may cost and how it may be shaped. All of it is checked before any pixel is
 * decoded.
 *
 * @param maxBytes largest file, in bytes. Default 64 MiB: over twice an uncompressed 24-megapixel
 *     photograph
 * @param maxPixels largest width x height. Default 89,478,485: where Pillow starts to warn of a
 *     decompression bomb ({@code Image.MAX_IMAGE_PIXELS}, a quarter gigabyte of RGB)
 * @param minSide smallest width and height, in pixels. Default 28: one merged patch of Qwen2-VL,
 *     whose processor refuses less; images of 1x1 have crashed servers of Idefics3 (CVE-2026-22773)
 * @param maxAspect largest ratio of the longer to the shorter side. Default 200: where Qwen2-VL's
 *     processor refuses
 */
public record ImageLimits(long maxBytes, long maxPixels, int minSide, double maxAspect)
    implements Serializable {
  /** RGB pixels live in one Java array, so no limit may go beyond it. */
  private static final long MOST_PIXELS = (Integer.MAX_VALUE - 8) / RgbImage.CHANNELS;

  /** The defaults documented on the components. */
  public static final ImageLimits DEFAULTS = new ImageLimits(67_108_864, 89_478_485, 28, 200);

  /** Checks that every limit can hold. */
  public ImageLimits {
    if (maxBytes < 1) {
      throw new IllegalArgumentException("Invalid maxBytes: " + maxBytes + " (must be at least 1)");
    }
    if (maxPixels < 1 || maxPixels > MOST_PIXELS) {
      throw new IllegalArgumentException(
          "Invalid maxPixels: " + maxPixels + " (must be 1 to " + MOST_PIXELS + ")");
    }
    if (minSide < 1) {
      throw new IllegalArgumentException("Invalid minSide: " + minSide + " (must be at least 1)");
    }
    if (!(maxAspect >= 1)) {
      throw new IllegalArgumentException(
          "Invalid maxAspect: " + maxAspect + " (must be at least 1)");
    }
  }

  void checkBytes(long bytes) {
    if (bytes > maxBytes) {
      throw BadImageException.of(
          ImageDefect.TOO_LARGE, "Image file has %d bytes (limit %d). Shrink it.", bytes, maxBytes);
    }
  }

  /** Checks the size that a header states; the parts of a file may not state different ones. */
  void checkSize(ImageFormat format, long width, long height) {
    if (width < 1 || height < 1) {
      throw BadImageException.corrupt(
          "%s header states a size of %dx%d; both sides must be at least 1. Replace the file.",
          format, width, height);
    }
    // Sides are below 2^32, so a double decides every case that a long would overflow in.
    if ((double) width * height > maxPixels) {
      throw BadImageException.of(
          ImageDefect.TOO_LARGE,
          "%s header states %dx%d, %.0f pixels (limit %d). Shrink it.",
          format,
          width,
          height,
          (double) width * height,
          maxPixels);
    }
    long shorter = Math.min(width, height);
    double aspect = (double) Math.max(width, height) / shorter;
    if (shorter < minSide || aspect > maxAspect) {
      throw BadImageException.of(
          ImageDefect.TOO_SMALL_OR_EXTREME,
          "%s is %dx%d: each side must be at least %d pixels and the longer at most %s times the"
              + " shorter. Enlarge, crop or drop it.",
          format,
          width,
          height,
          minSide,
          maxAspect);
    }
  }
}

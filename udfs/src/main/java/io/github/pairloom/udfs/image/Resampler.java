package io.github.pairloom.udfs.image;

import java.util.Arrays;

/**
 * Resizes pictures to the same bytes as Pillow ({@code Image.resize}), which made the training data
 * of vision models. Downscaling is antialiased: the filter widens with the scale, unlike Java 2D's.
 *
 * <p>As in Pillow's {@code Resample.c}: a horizontal pass, rounded to 8 bits, then a vertical one;
 * the weights of each output pixel are normalised, then rounded to 22 fractional bits. A side that
 * keeps its size is not touched.
 */
public enum Resampler {
  /** The pixel under the centre. */
  NEAREST(0, 0) {
    @Override
    double weight(double x) {
      throw new IllegalStateException("Nearest picks a pixel and has no weights");
    }
  },
  /** Sinc windowed by sinc, radius 3. */
  LANCZOS(1, 3) {
    @Override
    double weight(double x) {
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
    }
  },
  /** Triangle. */
  BILINEAR(2, 1) {
    @Override
    double weight(double x) {
      return Math.max(0, 1 - Math.abs(x));
    }
  },
  /** Keys' cubic with a = -0.5. */
  BICUBIC(3, 2) {
    @Override
    double weight(double signed) {
      double x = Math.abs(signed);
      if (x < 1) {
        return (1.5 * x - 2.5) * x * x + 1;
      }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    }
  },
  /** Mean of the pixels covered. */
  BOX(4, 0.5) {
    @Override
    double weight(double x) {
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    }
  },
  /** Sinc windowed by Hamming, radius 1. */
  HAMMING(5, 1) {
    @Override
    double weight(double signed) {
      double x = Math.abs(signed);
      // Pillow's constants are floats.
      return x < 1 ? sinc(x) * (0.54f + 0.46f * StrictMath.cos(x * Math.PI)) : 0;
    }
  };

  /** 32 bits less 8 of the result and 2 for overshoot. */
  private static final int PRECISION_BITS = 32 - 8 - 2;

  private static final int HALF = 1 << (PRECISION_BITS - 1);

  private final int pillowCode;
  private final double support;

  Resampler(int pillowCode, double support) {
    this.pillowCode = pillowCode;
    this.support = support;
  }

  /**
   * The filter at a distance from the centre, in input pixels or, when shrinking, output pixels.
   */
  abstract double weight(double x);

  /**
   * Returns the filter with a code of {@code PIL.Image.Resampling}, as {@code resample} in an image
   * processor's config.
   */
  public static Resampler ofPillowCode(int code) {
    return Arrays.stream(values())
        .filter(resampler -> resampler.pillowCode == code)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "Invalid resample code: "
                        + code
                        + " (must be 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box or 5"
                        + " hamming)"));
  }

  /**
   * Returns {@code image} at another size, at least 1x1; the same object if the size is the same.
   */
  public RgbImage resize(RgbImage image, int width, int height) {
    if (width < 1 || height < 1) {
      throw new IllegalArgumentException(
          "Invalid target size: " + width + "x" + height + " (both must be at least 1)");
    }
    if (width == image.width() && height == image.height()) {
      return image;
    }
    if (this == NEAREST) {
      return nearest(image, width, height);
    }
    RgbImage narrowed = width == image.width() ? image : horizontal(image, width);
    return height == image.height() ? narrowed : vertical(narrowed, height);
  }

  private RgbImage horizontal(RgbImage image, int width) {
    Weights weights = new Weights(image.width(), width);
    byte[] from = image.rgb();
    byte[] to = new byte[Math.multiplyExact(width * RgbImage.CHANNELS, image.height())];
    int at = 0;
    for (int y = 0; y < image.height(); y++) {
      int row = y * image.width() * RgbImage.CHANNELS;
      for (int x = 0; x < width; x++) {
        int red = HALF;
        int green = HALF;
        int blue = HALF;
        int source = row + weights.first[x] * RgbImage.CHANNELS;
        for (int weight : weights.of[x]) {
          red += (from[source] & 0xFF) * weight;
          green += (from[source + 1] & 0xFF) * weight;
          blue += (from[source + 2] & 0xFF) * weight;
          source += RgbImage.CHANNELS;
        }
        to[at++] = clip(red);
        to[at++] = clip(green);
        to[at++] = clip(blue);
      }
    }
    return RgbImage.wrap(width, image.height(), to);
  }

  private RgbImage vertical(RgbImage image, int height) {
    Weights weights = new Weights(image.height(), height);
    int rowBytes = image.width() * RgbImage.CHANNELS;
    byte[] from = image.rgb();
    byte[] to = new byte[Math.multiplyExact(rowBytes, height)];
    int[] sums = new int[rowBytes];
    for (int y = 0; y < height; y++) {
      Arrays.fill(sums, HALF);
      int source = weights.first[y] * rowBytes;
      for (int weight : weights.of[y]) {
        for (int i = 0; i < rowBytes; i++) {
          sums[i] += (from[source + i] & 0xFF) * weight;
        }
        source += rowBytes;
      }
      for (int i = 0; i < rowBytes; i++) {
        to[y * rowBytes + i] = clip(sums[i]);
      }
    }
    return RgbImage.wrap(image.width(), height, to);
  }

  private static byte clip(int sum) {
    return (byte) Math.max(0, Math.min(0xFF, sum >> PRECISION_BITS));
  }

  private static RgbImage nearest(RgbImage image, int width, int height) {
    int[] columns = centres(image.width(), width);
    int[] rows = centres(image.height(), height);
    byte[] to = new byte[Math.multiplyExact(width * RgbImage.CHANNELS, height)];
    int at = 0;
    for (int row : rows) {
      for (int column : columns) {
        int source = (row * image.width() + column) * RgbImage.CHANNELS;
        System.arraycopy(image.rgb(), source, to, at, RgbImage.CHANNELS);
        at += RgbImage.CHANNELS;
      }
    }
    return RgbImage.wrap(width, height, to);
  }

  /** Adds up the step instead of multiplying it, for the same rounding as Pillow's. */
  private static int[] centres(int from, int to) {
    int[] centres = new int[to];
    double step = (double) from / to;
    double centre = step * 0.5;
    for (int i = 0; i < to; i++) {
      centres[i] = Math.min(from - 1, (int) centre);
      centre += step;
    }
    return centres;
  }

  private static double sinc(double x) {
    if (x == 0) {
      return 1;
    }
    double angle = x * Math.PI;
    return StrictMath.sin(angle) / angle;
  }

  /** For each output pixel, the first input pixel that counts and the weights from there on. */
  private final class Weights {
    final int[] first;
    final int[][] of;

    Weights(int from, int to) {
      first = new int[to];
      of = new int[to][];
      double scale = (double) from / to;
      double stretch = Math.max(1, scale);
      double radius = support * stretch;
      double perPixel = 1 / stretch;
      for (int i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale;
        first[i] = Math.max(0, (int) (centre - radius + 0.5));
        int end = Math.min(from, (int) (centre + radius + 0.5));
        double[] exact = new double[end - first[i]];
        double sum = 0;
        for (int j = 0; j < exact.length; j++) {
          exact[j] = weight((j + first[i] - centre + 0.5) * perPixel);
          sum += exact[j];
        }
        of[i] = new int[exact.length];
        for (int j = 0; j < exact.length; j++) {
          double share = sum == 0 ? exact[j] : exact[j] / sum;
          of[i][j] = (int) (share * (1 << PRECISION_BITS) + (share < 0 ? -0.5 : 0.5));
        }
      }
    }
  }
}

package io.github.pairloom.udfs.image;

import static io.github.pairloom.schemas.Check.check;

import java.util.HexFormat;

/**
 * A hash of what a picture looks like: the signs of its lowest frequencies (pHash; Zauner,
 * "Implementation and benchmarking of perceptual image hash functions", 2010), here of luminance
 * and of both colour differences, so that a red cube is not taken for a green one. Pictures that
 * are coded anew, scaled or made a little brighter differ in a few of its {@value #BITS} bits.
 *
 * <p>Four longs: the 64 lowest frequencies of luminance, the next 64 of it, and the 64 lowest of
 * each colour difference, in the order of their sum of horizontal and vertical frequency; the mean
 * is left out. A frequency that is next to nothing is no sign of anything and gives 0.
 */
public final class PerceptualHash {
  /** Longs of a hash. */
  public static final int LONGS = 4;

  /** Bits of a hash. */
  public static final int BITS = LONGS * Long.SIZE;

  private static final int HEX_DIGITS = Long.SIZE / 4;

  /** Pictures are averaged to as many rows and columns. */
  private static final int SIDE = 32;

  /**
   * Half a grey level of a cosine over the whole picture; below it, coding noise decides over
   * signs.
   */
  private static final double SILENCE = 0.5 * SIDE / 2;

  /** Frequencies in order; 2 x 64 are taken. */
  private static final int[][] ORDER = order();

  private static final double[][] COSINES = cosines();

  private PerceptualHash() {}

  /** Returns the hash of {@code image}. */
  public static long[] of(RgbImage image) {
    double[][] planes = planes(image);
    long[] hash = new long[LONGS];
    long[] luminance = signs(planes[0], 2);
    hash[0] = luminance[0];
    hash[1] = luminance[1];
    hash[2] = signs(planes[1], 1)[0];
    hash[3] = signs(planes[2], 1)[0];
    return hash;
  }

  /** Returns in how many bits two hashes differ. */
  public static int distance(long[] a, int aOffset, long[] b, int bOffset) {
    int distance = 0;
    for (int i = 0; i < LONGS; i++) {
      distance += Long.bitCount(a[aOffset + i] ^ b[bOffset + i]);
    }
    return distance;
  }

  /** Returns luminance and colour differences (ITU-R BT.601) of SIDE x SIDE average cells. */
  private static double[][] planes(RgbImage image) {
    int width = image.width();
    int height = image.height();
    byte[] rgb = image.rgb();
    double[][] planes = new double[RgbImage.CHANNELS][SIDE * SIDE];
    int[] columns = bounds(width);
    int[] rows = bounds(height);
    for (int y = 0; y < SIDE; y++) {
      int top = rows[y];
      int bottom = Math.max(top + 1, rows[y + 1]);
      for (int x = 0; x < SIDE; x++) {
        int left = columns[x];
        int right = Math.max(left + 1, columns[x + 1]);
        int red = 0;
        int green = 0;
        int blue = 0;
        for (int row = top; row < bottom; row++) {
          int end = (row * width + right) * RgbImage.CHANNELS;
          for (int i = (row * width + left) * RgbImage.CHANNELS; i < end; i += RgbImage.CHANNELS) {
            red += rgb[i] & 0xFF;
            green += rgb[i + 1] & 0xFF;
            blue += rgb[i + 2] & 0xFF;
          }
        }
        double count = (double) (bottom - top) * (right - left);
        double luminance = (0.299 * red + 0.587 * green + 0.114 * blue) / count;
        planes[0][y * SIDE + x] = luminance;
        planes[1][y * SIDE + x] = 0.564 * (blue / count - luminance);
        planes[2][y * SIDE + x] = 0.713 * (red / count - luminance);
      }
    }
    return planes;
  }

  /** Where cells begin; a picture of fewer pixels than cells repeats some. */
  private static int[] bounds(int size) {
    int[] bounds = new int[SIDE + 1];
    for (int i = 0; i <= SIDE; i++) {
      bounds[i] = (int) ((long) i * size / SIDE);
    }
    return bounds;
  }

  /** Returns the signs of the lowest {@code longs} x 64 frequencies. */
  private static long[] signs(double[] plane, int longs) {
    int most = ORDER[longs * Long.SIZE - 1][2];
    double[] byRow = new double[SIDE * (most + 1)];
    for (int y = 0; y < SIDE; y++) {
      for (int u = 0; u <= most; u++) {
        double sum = 0;
        for (int x = 0; x < SIDE; x++) {
          sum += plane[y * SIDE + x] * COSINES[u][x];
        }
        byRow[y * (most + 1) + u] = sum;
      }
    }
    long[] signs = new long[longs];
    for (int i = 0; i < longs * Long.SIZE; i++) {
      double sum = 0;
      for (int y = 0; y < SIDE; y++) {
        sum += byRow[y * (most + 1) + ORDER[i][0]] * COSINES[ORDER[i][1]][y];
      }
      signs[i / Long.SIZE] = (signs[i / Long.SIZE] << 1) | (sum > SILENCE ? 1 : 0);
    }
    return signs;
  }

  private static int[][] order() {
    int[][] order = new int[2 * Long.SIZE][];
    int size = 0;
    int most = 0;
    for (int sum = 1; size < order.length; sum++) {
      for (int u = 0; u <= sum && size < order.length; u++) {
        most = Math.max(most, Math.max(u, sum - u));
        order[size++] = new int[] {u, sum - u, most};
      }
    }
    return order;
  }

  /** The cosine transform (DCT-II), orthonormal. */
  private static double[][] cosines() {
    double[][] cosines = new double[SIDE][SIDE];
    for (int u = 0; u < SIDE; u++) {
      double scale = Math.sqrt((u == 0 ? 1.0 : 2.0) / SIDE);
      for (int x = 0; x < SIDE; x++) {
        cosines[u][x] = scale * Math.cos(Math.PI * u * (2 * x + 1) / (2.0 * SIDE));
      }
    }
    return cosines;
  }

  /**
   * Returns a hash from the hex digits that a table holds.
   *
   * @throws IllegalArgumentException if they are not 64
   */
  public static long[] fromHex(String digits) {
    check(
        digits.length() == LONGS * HEX_DIGITS,
        "Invalid perceptual hash: '%s' (must be %s hex digits)",
        digits,
        LONGS * HEX_DIGITS);
    long[] hash = new long[LONGS];
    for (int i = 0; i < LONGS; i++) {
      hash[i] = Long.parseUnsignedLong(digits, i * HEX_DIGITS, (i + 1) * HEX_DIGITS, 16);
    }
    return hash;
  }

  /** Returns a hash as 64 lower-case hex digits. */
  public static String toHex(long[] hash) {
    StringBuilder digits = new StringBuilder(LONGS * HEX_DIGITS);
    for (long bits : hash) {
      digits.append(HexFormat.of().toHexDigits(bits));
    }
    return digits.toString();
  }
}

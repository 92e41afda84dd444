package io.github.pairloom.udfs.image;

/** Predicts blocks of a VP8 key frame from what is above and to the left (RFC 6386, section 12). */
final class LossyWebpPrediction {
  /** Modes of whole blocks; of 4x4 blocks they are the first four. */
  static final int DC = 0;

  static final int TRUE_MOTION = 1;
  static final int VERTICAL = 2;
  static final int HORIZONTAL = 3;

  /** Modes of 4x4 blocks only, called by the direction they run in. */
  private static final int DOWN_RIGHT = 4;

  private static final int VERTICAL_RIGHT = 5;
  private static final int DOWN_LEFT = 6;
  private static final int VERTICAL_LEFT = 7;
  private static final int HORIZONTAL_DOWN = 8;

  /** Without neighbours. */
  private static final int MIDDLE = 128;

  private LossyWebpPrediction() {}

  /** Predicts a square of 16 (luma) or 8 (chroma). */
  static void predict(LossyWebpPlane plane, int x, int y, int size, int mode) {
    int corner = plane.index(x - 1, y - 1);
    int mean = mode == DC ? mean(plane, x, y, size) : 0;
    for (int row = 0; row < size; row++) {
      int left = corner + (row + 1) * plane.stride;
      for (int column = 1; column <= size; column++) {
        int value =
            switch (mode) {
              case DC -> mean;
              case VERTICAL -> plane.sample(corner + column);
              case HORIZONTAL -> plane.sample(left);
              default -> plane.sample(left) + plane.sample(corner + column) - plane.sample(corner);
            };
        plane.set(left + column, value);
      }
    }
  }

  private static int mean(LossyWebpPlane plane, int x, int y, int size) {
    int sum = 0;
    int count = 0;
    for (int i = 0; i < size; i++) {
      sum += y > 0 ? plane.sample(plane.index(x + i, y - 1)) : 0;
      sum += x > 0 ? plane.sample(plane.index(x - 1, y + i)) : 0;
    }
    count += y > 0 ? size : 0;
    count += x > 0 ? size : 0;
    return count == 0 ? MIDDLE : (sum + count / 2) / count;
  }

  /**
   * Predicts a square of 4.
   *
   * @param right index of the four samples above and to the right, which for most blocks of a
   *     macroblock are not where they would be expected
   */
  static void predictBlock(LossyWebpPlane plane, int x, int y, int mode, int[] right) {
    int at = plane.index(x, y);
    // From the lower left, over the corner, to the upper right; its last sample twice.
    int[] edge = new int[14];
    for (int i = 0; i < 4; i++) {
      edge[i] = plane.sample(at + (3 - i) * plane.stride - 1);
      edge[5 + i] = plane.sample(at - plane.stride + i);
      edge[9 + i] = right[i];
    }
    edge[4] = plane.sample(at - plane.stride - 1);
    edge[13] = edge[12];
    int mean = 4;
    for (int i = 0; i < 4; i++) {
      mean += edge[i] + edge[5 + i];
    }
    for (int row = 0; row < 4; row++) {
      for (int column = 0; column < 4; column++) {
        int value =
            switch (mode) {
              case DC -> mean >> 3;
              case TRUE_MOTION -> edge[3 - row] + edge[5 + column] - edge[4];
              case VERTICAL -> smooth(edge, 5 + column);
              case HORIZONTAL -> smooth(edge, 3 - row);
              case DOWN_RIGHT -> smooth(edge, 4 + column - row);
              case VERTICAL_RIGHT -> verticalRight(edge, column, row);
              case DOWN_LEFT -> smooth(edge, 6 + column + row);
              case VERTICAL_LEFT -> verticalLeft(edge, column, row);
              case HORIZONTAL_DOWN -> horizontalDown(edge, column, row);
              default -> horizontalUp(edge, column + 2 * row);
            };
        plane.set(at + row * plane.stride + column, value);
      }
    }
  }

  private static int verticalRight(int[] edge, int column, int row) {
    if (row >= 2) {
      return column == 0 ? smooth(edge, 5 - row) : verticalRight(edge, column - 1, row - 2);
    }
    return row == 0 ? between(edge, 4 + column) : smooth(edge, 4 + column);
  }

  private static int verticalLeft(int[] edge, int column, int row) {
    if (row >= 2) {
      return column == 3 ? smooth(edge, 8 + row) : verticalLeft(edge, column + 1, row - 2);
    }
    return row == 0 ? between(edge, 5 + column) : smooth(edge, 6 + column);
  }

  private static int horizontalDown(int[] edge, int column, int row) {
    if (column >= 2) {
      return row == 0 ? smooth(edge, 3 + column) : horizontalDown(edge, column - 2, row - 1);
    }
    return column == 0 ? between(edge, 3 - row) : smooth(edge, 4 - row);
  }

  /** Runs down the left side in half steps and stays at its end. */
  private static int horizontalUp(int[] edge, int steps) {
    if (steps >= 6) {
      return edge[0];
    }
    int above = 3 - steps / 2;
    return steps % 2 == 0 ? between(edge, above - 1) : smooth(edge, above - 1);
  }

  private static int between(int[] edge, int i) {
    return (edge[i] + edge[i + 1] + 1) >> 1;
  }

  /** The lower left end counts twice where a neighbour is missing. */
  private static int smooth(int[] edge, int i) {
    return (edge[Math.max(0, i - 1)] + 2 * edge[i] + edge[i + 1] + 2) >> 2;
  }
}

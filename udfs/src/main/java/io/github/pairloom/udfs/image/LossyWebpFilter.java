package io.github.pairloom.udfs.image;

/** Smooths the edges of blocks in a VP8 key frame (RFC 6386, section 15). */
final class LossyWebpFilter {
  private final boolean simple;
  private final int sharpness;
  private final LossyWebpPlane[] planes;

  /** Luma first, then the two of chroma. */
  LossyWebpFilter(boolean simple, int sharpness, LossyWebpPlane[] planes) {
    this.simple = simple;
    this.sharpness = sharpness;
    this.planes = planes;
  }

  /**
   * Filters one macroblock, after those before it.
   *
   * @param level 0 (off) to 63
   * @param inner whether the edges between its own blocks are filtered too
   */
  void apply(int column, int row, int level, boolean inner) {
    if (level == 0) {
      return;
    }
    int interior = interiorLimit(level);
    int limit = 2 * level + interior;
    int highVariance = level >= 40 ? 2 : level >= 15 ? 1 : 0;
    for (LossyWebpPlane plane : planes) {
      boolean luma = plane == planes[0];
      if (simple && !luma) {
        return;
      }
      int size = luma ? 16 : 8;
      int at = plane.index(column * size, row * size);
      if (column > 0) {
        edge(plane, at, 1, plane.stride, size, limit + 4, interior, highVariance, true);
      }
      for (int i = 4; inner && i < size; i += 4) {
        edge(plane, at + i, 1, plane.stride, size, limit, interior, highVariance, false);
      }
      if (row > 0) {
        edge(plane, at, plane.stride, 1, size, limit + 4, interior, highVariance, true);
      }
      for (int i = 4; inner && i < size; i += 4) {
        int start = at + i * plane.stride;
        edge(plane, start, plane.stride, 1, size, limit, interior, highVariance, false);
      }
    }
  }

  private int interiorLimit(int level) {
    int limit = level;
    if (sharpness > 0) {
      limit = Math.min(level >> (sharpness > 4 ? 2 : 1), 9 - sharpness);
    }
    return Math.max(1, limit);
  }

  /** Filters an edge: {@code across} leads over it, {@code along} to its next sample. */
  private void edge(
      LossyWebpPlane plane,
      int start,
      int across,
      int along,
      int size,
      int limit,
      int interior,
      int highVariance,
      boolean ofMacroblock) {
    for (int i = 0; i < size; i++) {
      int at = start + i * along;
      int p1 = plane.sample(at - 2 * across);
      int p0 = plane.sample(at - across);
      int q0 = plane.sample(at);
      int q1 = plane.sample(at + across);
      if (4 * Math.abs(p0 - q0) + Math.abs(p1 - q1) > 2 * limit + 1) {
        continue;
      }
      if (simple) {
        smoothTwo(plane, at, across, p1, p0, q0, q1);
        continue;
      }
      int p3 = plane.sample(at - 4 * across);
      int p2 = plane.sample(at - 3 * across);
      int q2 = plane.sample(at + 2 * across);
      int q3 = plane.sample(at + 3 * across);
      if (Math.abs(p3 - p2) > interior
          || Math.abs(p2 - p1) > interior
          || Math.abs(p1 - p0) > interior
          || Math.abs(q3 - q2) > interior
          || Math.abs(q2 - q1) > interior
          || Math.abs(q1 - q0) > interior) {
        continue;
      }
      if (Math.abs(p1 - p0) > highVariance || Math.abs(q1 - q0) > highVariance) {
        smoothTwo(plane, at, across, p1, p0, q0, q1);
      } else if (ofMacroblock) {
        int step = signedByte(3 * (q0 - p0) + signedByte(p1 - q1));
        int near = (27 * step + 63) >> 7;
        int middle = (18 * step + 63) >> 7;
        int far = (9 * step + 63) >> 7;
        plane.set(at - 3 * across, p2 + far);
        plane.set(at - 2 * across, p1 + middle);
        plane.set(at - across, p0 + near);
        plane.set(at, q0 - near);
        plane.set(at + across, q1 - middle);
        plane.set(at + 2 * across, q2 - far);
      } else {
        int step = 3 * (q0 - p0);
        int below = fiveBits((step + 4) >> 3);
        int outer = (below + 1) >> 1;
        plane.set(at - 2 * across, p1 + outer);
        plane.set(at - across, p0 + fiveBits((step + 3) >> 3));
        plane.set(at, q0 - below);
        plane.set(at + across, q1 - outer);
      }
    }
  }

  private static void smoothTwo(
      LossyWebpPlane plane, int at, int across, int p1, int p0, int q0, int q1) {
    int step = 3 * (q0 - p0) + signedByte(p1 - q1);
    plane.set(at - across, p0 + fiveBits((step + 3) >> 3));
    plane.set(at, q0 - fiveBits((step + 4) >> 3));
  }

  private static int signedByte(int value) {
    return Math.max(-128, Math.min(127, value));
  }

  private static int fiveBits(int value) {
    return Math.max(-16, Math.min(15, value));
  }
}

package io.github.pairloom.udfs.image;

import java.util.Arrays;

/**
 * One plane of a VP8 frame, in whole macroblocks, with the border that prediction sees (RFC 6386,
 * section 12.2): 127 above, 129 to the left.
 */
final class LossyWebpPlane {
  /** To the left one, to the right as far as a block looks. */
  private static final int BORDER = 1 + 4;

  final int stride;
  final byte[] samples;

  LossyWebpPlane(int width, int height) {
    stride = width + BORDER;
    samples = new byte[Math.multiplyExact(stride, height + 1)];
    Arrays.fill(samples, 0, stride, (byte) 127);
    for (int row = stride; row < samples.length; row += stride) {
      samples[row] = (byte) 129;
    }
  }

  /** Returns the index of a sample; -1 is the border. */
  int index(int x, int y) {
    return (y + 1) * stride + x + 1;
  }

  int sample(int index) {
    return samples[index] & 0xFF;
  }

  /** Writes a sample, clamped to 8 bits. */
  void set(int index, int value) {
    samples[index] = (byte) Math.max(0, Math.min(0xFF, value));
  }
}

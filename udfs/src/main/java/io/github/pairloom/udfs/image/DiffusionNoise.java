package io.github.pairloom.udfs.image;

import io.github.pairloom.udfs.KeyedRandom;

/**
 * Corrupts an image as the forward process of diffusion does, for the noise variant of BDHS
 * ("Understanding Alignment in Multimodal LLMs", Amirloo et al., arXiv:2407.02477) and for pairs of
 * images.
 *
 * <p>With beta_k = sigmoid(-6 + 12k / 1000) (0.5e-2 - 1e-5) + 1e-5 for k = 1 to 1000, and abar_N
 * the product of 1 - beta_k for k = 1 to N: x(N) = sqrt(abar_N) x(0) + sqrt(1 - abar_N) eps, where
 * eps is standard normal. The paper uses N = 500.
 */
public final class DiffusionNoise {
  /** The last step of the schedule, where about 8 % of the signal's power is left. */
  public static final int MAX_STEPS = 1000;

  private static final double[] ALPHA_BAR = alphaBar();

  private DiffusionNoise() {}

  /** Returns sqrt(abar_N), the factor of the image: 1 without steps, falling with each. */
  public static double signal(int steps) {
    checkSteps(steps);
    return Math.sqrt(ALPHA_BAR[steps]);
  }

  /** Returns sqrt(1 - abar_N), the factor of the noise: 0 without steps, rising with each. */
  public static double noise(int steps) {
    checkSteps(steps);
    return Math.sqrt(1 - ALPHA_BAR[steps]);
  }

  /**
   * Returns {@code clean} after {@code steps} steps of noise; {@code clean} itself for 0.
   *
   * @param clean a normalised image
   * @param steps N, 0 to {@value #MAX_STEPS}
   * @param key the value at index i of the tensor (channel, row, column) gets {@code
   *     key.gaussian(i)}
   */
  public static PixelTensor apply(PixelTensor clean, int steps, KeyedRandom key) {
    double signal = signal(steps);
    double noise = noise(steps);
    if (steps == 0) {
      return clean;
    }
    float[] values = clean.toArray();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (signal * values[i] + noise * key.gaussian(i));
    }
    return PixelTensor.wrap(clean.height(), clean.width(), values);
  }

  private static void checkSteps(int steps) {
    if (steps < 0 || steps > MAX_STEPS) {
      throw new IllegalArgumentException(
          "Invalid noise steps: " + steps + " (must be 0 to " + MAX_STEPS + ")");
    }
  }

  private static double[] alphaBar() {
    double[] alphaBar = new double[MAX_STEPS + 1];
    alphaBar[0] = 1;
    for (int k = 1; k <= MAX_STEPS; k++) {
      double sigmoid = 1 / (1 + StrictMath.exp(6 - 12.0 * k / MAX_STEPS));
      double beta = sigmoid * (0.5e-2 - 1e-5) + 1e-5;
      alphaBar[k] = alphaBar[k - 1] * (1 - beta);
    }
    return alphaBar;
  }
}

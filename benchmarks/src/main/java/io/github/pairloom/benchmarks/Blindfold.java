package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.DiffusionNoise;
import io.github.pairloom.udfs.image.PixelTensor;
import java.util.function.IntPredicate;

/** What keeps the model of {@link NaiveBdhs} from seeing: the two variants of BDHS. */
sealed interface Blindfold {
  /**
   * What is left to see.
   *
   * @param pixels the image to encode
   * @param visible tells whether an image token may be attended to
   */
  record Sight(PixelTensor pixels, IntPredicate visible) {}

  /** Returns what is left of {@code pixels}, by the draws of an iteration's key. */
  Sight apply(PixelTensor pixels, KeyedRandom key);

  /**
   * Hides image tokens.
   *
   * @param rate rho_th: token j is hidden where its draw from U(0, 1) is below
   */
  record Mask(double rate) implements Blindfold {
    @Override
    public Sight apply(PixelTensor pixels, KeyedRandom key) {
      KeyedRandom draws = key.with("mask");
      return new Sight(pixels, token -> draws.uniform(token) >= rate);
    }
  }

  /**
   * Shows all of a noisy image.
   *
   * @param steps N of forward diffusion
   */
  record Noise(int steps) implements Blindfold {
    @Override
    public Sight apply(PixelTensor pixels, KeyedRandom key) {
      return new Sight(DiffusionNoise.apply(pixels, steps, key.with("noise")), token -> true);
    }
  }
}

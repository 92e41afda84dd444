package io.github.pairloom.udfs.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.KeyedRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TestImageDiffusionNoise {
  private static final KeyedRandom KEY = KeyedRandom.of(7).with("image-1").with("noise");

  @ParameterizedTest
  @CsvSource({"0, 1, 0", "200, 0.9939, 0.1103", "500, 0.8634, 0.5044", "800, 0.4676, 0.8840"})
  void factorsAreThePapers(int steps, double signal, double noise) {
    assertEquals(signal, DiffusionNoise.signal(steps), 5e-5);
    assertEquals(noise, DiffusionNoise.noise(steps), 5e-5);
  }

  @Test
  void powerIsKeptAndSignalFallsAtEveryStep() {
    for (int steps = 1; steps <= DiffusionNoise.MAX_STEPS; steps++) {
      double signal = DiffusionNoise.signal(steps);
      double noise = DiffusionNoise.noise(steps);
      assertEquals(1, signal * signal + noise * noise, 1e-12);
      assertTrue(signal < DiffusionNoise.signal(steps - 1), "step " + steps);
    }
  }

  @Test
  void noStepsLeaveTheImage() {
    PixelTensor clean = PixelTensor.copyOf(1, 1, new float[] {0.1f, 0.2f, 0.3f});
    assertSame(clean, DiffusionNoise.apply(clean, 0, KEY));
  }

  @Test
  void valuesFollowTheFormulaByIndex() {
    PixelTensor clean = PixelTensor.copyOf(1, 2, new float[] {-1, 0, 1, 2, 3, 4});
    PixelTensor noisy = DiffusionNoise.apply(clean, 500, KEY);
    for (int i = 0; i < 6; i++) {
      double expected =
          DiffusionNoise.signal(500) * (i - 1) + DiffusionNoise.noise(500) * KEY.gaussian(i);
      assertEquals((float) expected, noisy.data().get(i));
    }
  }

  @Test
  void sameKeyIsSameNoiseAndAnotherKeyIsNot() {
    PixelTensor clean = PixelTensor.copyOf(8, 8, new float[3 * 64]);
    PixelTensor noisy = DiffusionNoise.apply(clean, 500, KEY);
    assertEquals(noisy, DiffusionNoise.apply(clean, 500, KEY));
    assertNotEquals(noisy, DiffusionNoise.apply(clean, 500, KEY.with(1)));
  }

  @Test
  void noiseIsStandardNormal() {
    int side = 128;
    PixelTensor noisy =
        DiffusionNoise.apply(PixelTensor.copyOf(side, side, new float[3 * side * side]), 500, KEY);
    double sum = 0;
    double squares = 0;
    for (float value : noisy.toArray()) {
      double eps = value / DiffusionNoise.noise(500);
      sum += eps;
      squares += eps * eps;
    }
    int n = 3 * side * side;
    // Five standard errors: 1 / sqrt(n) for the mean, sqrt(2 / n) for the variance.
    assertEquals(0, sum / n, 5 / Math.sqrt(n));
    assertEquals(1, squares / n, 5 * Math.sqrt(2.0 / n));
  }

  @ParameterizedTest
  @CsvSource({"-1", "1001"})
  void stepsBeyondTheScheduleAreRefused(int steps) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> DiffusionNoise.signal(steps));
    assertEquals("Invalid noise steps: " + steps + " (must be 0 to 1000)", e.getMessage());
  }
}

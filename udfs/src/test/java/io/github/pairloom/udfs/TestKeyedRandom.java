package io.github.pairloom.udfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class TestKeyedRandom {
  private static final int DRAWS = 100_000;

  @Test
  void equalKeysGiveEqualDraws() {
    KeyedRandom a = KeyedRandom.of(7).with("sample").with(3);
    KeyedRandom b = KeyedRandom.of(7).with("sample").with(3);
    assertEquals(a.uniform(11), b.uniform(11));
  }

  @Test
  void everyPartOfTheKeyMattersAndSoDoesTheirOrder() {
    KeyedRandom root = KeyedRandom.of(7);
    assertNotEquals(root.with(1).with(2), root.with(2).with(1));
    assertNotEquals(root.with("ab").with("c"), root.with("a").with("bc"));
    assertNotEquals(root.with("1"), root.with(1));
    assertNotEquals(KeyedRandom.of(7), KeyedRandom.of(8));
  }

  @Test
  void manyKeysDoNotCollide() {
    long distinct =
        IntStream.range(0, 1000)
            .boxed()
            .flatMapToLong(
                i ->
                    LongStream.range(0, 100)
                        .map(j -> KeyedRandom.of(i).with("s" + j % 10).with(j).bits(0)))
            .distinct()
            .count();
    assertEquals(100_000, distinct);
  }

  @Test
  void uniformDrawsFillTheUnitIntervalEvenly() {
    KeyedRandom key = KeyedRandom.of(1).with("uniform");
    int[] counts = new int[10];
    for (int i = 0; i < DRAWS; i++) {
      counts[(int) (key.uniform(i) * 10)]++;
    }
    double chiSquare = 0;
    double expected = DRAWS / 10.0;
    for (int count : counts) {
      chiSquare += (count - expected) * (count - expected) / expected;
    }
    // 9 degrees of freedom: 99.9 % of fair generators stay below 27.9. The key is fixed.
    assertTrue(chiSquare < 27.9, "chi-square " + chiSquare);
  }

  @Test
  void gaussianDrawsHaveMeanZeroAndVarianceOne() {
    KeyedRandom key = KeyedRandom.of(2).with("gaussian");
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < DRAWS; i++) {
      double g = key.gaussian(i);
      sum += g;
      squares += g * g;
    }
    assertEquals(0, sum / DRAWS, 0.015);
    assertEquals(1, squares / DRAWS, 0.02);
  }

  @Test
  void gaussianDrawsHaveTheSameBitsOnEveryProcessor() {
    KeyedRandom key = KeyedRandom.of(2).with("gaussian");
    for (long i = 0; i < 1000; i++) {
      double radius = Math.sqrt(-2 * StrictMath.log(1 - key.uniform(2 * i)));
      double angle = 2 * Math.PI * key.uniform(2 * i + 1);
      assertEquals(radius * StrictMath.cos(angle), key.gaussian(i));
    }
  }

  @Test
  void gumbelDrawsHaveTheirMeanAndVariance() {
    KeyedRandom key = KeyedRandom.of(3).with("gumbel");
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < DRAWS; i++) {
      double g = key.gumbel(i);
      sum += g;
      squares += g * g;
    }
    double mean = sum / DRAWS;
    // Euler's constant and pi^2 / 6.
    assertEquals(0.5772, mean, 0.02);
    assertEquals(1.6449, squares / DRAWS - mean * mean, 0.05);
  }

  @Test
  void aBoundBelowOneIsRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> KeyedRandom.of(1).below(0, 0));
    assertEquals("Invalid bound: 0 (must be at least 1)", e.getMessage());
  }
}

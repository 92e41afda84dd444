package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.KeyedRandom;

/**
 * Quick draws from the standard normal distribution: each is one of 65,536 draws made beforehand,
 * so that four of them cost one random number and no logarithm.
 */
final class NormalTable {
  private static final int BITS = 16;
  private static final int DRAWS_PER_LONG = Long.SIZE / BITS;

  private final float[] table = new float[1 << BITS];

  NormalTable(KeyedRandom key) {
    for (int i = 0; i < table.length; i++) {
      table[i] = (float) key.gaussian(i);
    }
  }

  /** Returns draw {@code index} of {@code key}. */
  float draw(KeyedRandom key, long index) {
    long bits = key.bits(index / DRAWS_PER_LONG);
    return table[(int) (bits >>> (BITS * (index % DRAWS_PER_LONG))) & (table.length - 1)];
  }
}

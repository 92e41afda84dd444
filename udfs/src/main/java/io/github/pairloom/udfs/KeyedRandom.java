package io.github.pairloom.udfs;

import java.nio.charset.StandardCharsets;

/**
 * Random numbers that are a function of a key, never of a sequence of calls.
 *
 * <p>A key is grown from the recipe's seed by naming what the draw is for: {@code
 * KeyedRandom.of(seed).with(sampleId).with(iteration).with("mask")}. Equal keys give equal numbers
 * on every machine, whatever the partitioning, the batch size or the number of retries. The numbers
 * under one key are addressed by index.
 *
 * <p>Mixing is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a bijection that
 * passes BigCrush as a counter-based generator.
 */
public record KeyedRandom(long key) {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
  private static final double UNIT = 0x1.0p-53;

  /** Returns the root of all draws made under {@code seed}. */
  public static KeyedRandom of(long seed) {
    return new KeyedRandom(mix(seed + GOLDEN_GAMMA));
  }

  /** Returns the child key for {@code part}; order matters. */
  public KeyedRandom with(long part) {
    return new KeyedRandom(mix(key * 31 + mix(part + GOLDEN_GAMMA)));
  }

  /** Returns the child key for {@code part}, by its UTF-8 bytes. */
  public KeyedRandom with(String part) {
    byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
    long hash = bytes.length;
    for (byte b : bytes) {
      hash = mix(hash ^ b) + GOLDEN_GAMMA;
    }
    return with(hash);
  }

  /** Returns 64 random bits. */
  public long bits(long index) {
    return mix(key + (index + 1) * GOLDEN_GAMMA);
  }

  /** Returns a number in [0, 1), uniform in steps of 2^-53. */
  public double uniform(long index) {
    return (bits(index) >>> 11) * UNIT;
  }

  /** Returns a whole number in [0, bound). The bias is below bound / 2^53. */
  public int below(int bound, long index) {
    if (bound <= 0) {
      throw new IllegalArgumentException("Invalid bound: " + bound + " (must be at least 1)");
    }
    return (int) (uniform(index) * bound);
  }

  /** Returns a draw from the standard normal distribution (Box and Muller, 1958). */
  public double gaussian(long index) {
    // Noisy images are told by a hash, and Math's last bits may be another processor's own.
    double radius = Math.sqrt(-2 * StrictMath.log(1 - uniform(2 * index)));
    return radius * StrictMath.cos(2 * Math.PI * uniform(2 * index + 1));
  }

  /**
   * Returns a draw from the standard Gumbel distribution. The index of the largest {@code logit[v]
   * / T + gumbel(v)} is a draw from softmax(logits / T) (Maddison, Tarlow, Minka, NeurIPS 2014), so
   * sampling is a function of the logits and the key alone.
   */
  public double gumbel(long index) {
    // The half step keeps both logarithms finite.
    double u = ((bits(index) >>> 11) + 0.5) * UNIT;
    return -Math.log(-Math.log(u));
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}

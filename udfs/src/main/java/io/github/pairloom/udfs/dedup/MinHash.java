package io.github.pairloom.udfs.dedup;

import java.util.Arrays;

/**
 * MinHash signatures (Broder, "On the resemblance and containment of documents", 1997): of each of
 * {@value #HASHES} hash functions the smallest value over a set. Two sets agree in one of them with
 * the probability of their Jaccard similarity.
 *
 * <p>The functions are x to (x xor mask) * odd factor over 32 bits: bijections of n-grams that are
 * hashes already, of three instructions that the JIT compiles to vectors.
 */
public final class MinHash {
  /** Hash functions; a multiple of every vector's width. */
  public static final int HASHES = 128;

  /** Longs of a {@link #sketch}. */
  static final int SKETCH_LONGS = HASHES / Long.SIZE;

  private static final int[] MASKS = new int[HASHES];
  private static final int[] FACTORS = new int[HASHES];

  static {
    for (int i = 0; i < HASHES; i++) {
      MASKS[i] = (int) Shingles.mix(2L * i + 1);
      FACTORS[i] = (int) Shingles.mix(2L * i + 2) | 1;
    }
  }

  private MinHash() {}

  /**
   * Writes the signature of a row's n-grams.
   *
   * @param signature takes {@value #HASHES} values
   */
  static void sign(Shingles row, int[] signature) {
    Arrays.fill(signature, Integer.MAX_VALUE);
    long[] grams = row.grams();
    int count = row.count();
    // Four at once: signature, masks and factors are read from memory a quarter as often. The last
    // one is repeated where there are fewer, which changes no minimum.
    for (int i = 0; i < count; i += 4) {
      min4(
          signature,
          fold(grams[i]),
          fold(grams[Math.min(i + 1, count - 1)]),
          fold(grams[Math.min(i + 2, count - 1)]),
          fold(grams[Math.min(i + 3, count - 1)]));
    }
  }

  private static void min4(int[] signature, int a, int b, int c, int d) {
    int[] masks = MASKS;
    int[] factors = FACTORS;
    for (int j = 0; j < HASHES; j++) {
      int mask = masks[j];
      int factor = factors[j];
      int left = Math.min((a ^ mask) * factor, (b ^ mask) * factor);
      int right = Math.min((c ^ mask) * factor, (d ^ mask) * factor);
      signature[j] = Math.min(signature[j], Math.min(left, right));
    }
  }

  /**
   * Writes one bit of each hash of {@code signature} (Li and König, "b-bit minwise hashing", 2010):
   * sets of Jaccard similarity s agree in a bit with probability (1 + s) / 2.
   */
  static void sketch(int[] signature, long[] sketch, int offset) {
    for (int i = 0; i < SKETCH_LONGS; i++) {
      long bits = 0;
      for (int j = 0; j < Long.SIZE; j++) {
        bits = (bits << 1) | (Shingles.mix(signature[i * Long.SIZE + j]) & 1);
      }
      sketch[offset + i] = bits;
    }
  }

  /** Writes the key of each band's bucket; rows of another {@code domain} share none. */
  static void bands(int[] signature, Banding banding, long domain, long[] keys, int offset) {
    for (int band = 0; band < banding.bands(); band++) {
      long key = Shingles.mix(domain + band);
      for (int row = band * banding.rows(); row < (band + 1) * banding.rows(); row++) {
        key = (key ^ signature[row]) * 0x9FB21C651E98DF25L;
        key ^= key >>> 32;
      }
      keys[offset + band] = Shingles.mix(key);
    }
  }

  private static int fold(long hash) {
    return (int) (hash ^ (hash >>> 32));
  }
}

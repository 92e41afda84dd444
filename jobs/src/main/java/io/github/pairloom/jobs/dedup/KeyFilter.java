package io.github.pairloom.jobs.dedup;

import java.io.Serializable;

/**
 * Tells of nearly all keys that are not in a set that they are not: a Bloom filter whose bits for a
 * key are in one word (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters",
 * WEA 2007). A look at it is one at memory, where Spark's takes several and a division for each:
 * dedup asks it for each band of each row that it knows.
 */
final class KeyFilter implements Serializable {
  private static final long serialVersionUID = 1L;

  /**
   * Words at most, 32 MiB: each task makes a filter, and a driver merges the last dozens. For more
   * than 17 million keys there are more wrong hits.
   */
  private static final int MOST_WORDS = 1 << 22;

  /** Keys of a word at most; half as many at least, as the number of words is a power of two. */
  private static final int WORD_KEYS = 4;

  private static final int BITS_OF_KEY = 5;

  /** A power of two of them. */
  private final long[] words;

  private KeyFilter(long[] words) {
    this.words = words;
  }

  /**
   * Returns an empty filter for so many keys. Of others, one in some hundreds to two thousand is
   * taken for one of them, which costs its caller a little and changes nothing.
   */
  static KeyFilter of(long keys) {
    long words = Math.max(2, Math.min(MOST_WORDS, keys / WORD_KEYS));
    return new KeyFilter(new long[(int) Long.highestOneBit(2 * words - 1)]);
  }

  /** Adds a key. */
  void add(long key) {
    long hash = hash(key);
    words[word(hash)] |= bits(hash);
  }

  /** Returns true if the key was added, and for a few others. */
  boolean mayContain(long key) {
    long hash = hash(key);
    long bits = bits(hash);
    return (words[word(hash)] & bits) == bits;
  }

  /** Adds the keys of a filter for as many keys; returns this. */
  KeyFilter merge(KeyFilter other) {
    if (other.words.length != words.length) {
      throw new IllegalArgumentException(
          "Filters of %s and %s words".formatted(words.length, other.words.length));
    }
    for (int i = 0; i < words.length; i++) {
      words[i] |= other.words[i];
    }
    return this;
  }

  /** Mixes the bits: of ids the last one is always 0. */
  private static long hash(long key) {
    long hash = (key ^ (key >>> 32)) * 0x9E3779B97F4A7C15L;
    return (hash ^ (hash >>> 32)) * 0x9E3779B97F4A7C15L;
  }

  /** The upper bits choose the word, the lower ones the bits in it. */
  private int word(long hash) {
    return (int) (hash >>> 32) & (words.length - 1);
  }

  private static long bits(long hash) {
    long bits = 0;
    for (int i = 0; i < BITS_OF_KEY; i++) {
      // Of a shift's distance six bits count.
      bits |= 1L << (hash >>> (6 * i));
    }
    return bits;
  }
}

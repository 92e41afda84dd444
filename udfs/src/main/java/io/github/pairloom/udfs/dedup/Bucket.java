package io.github.pairloom.udfs.dedup;

import java.util.Arrays;

/**
 * The rows that fall into one bucket of one band, and the pairs among them that are worth looking
 * at. Of a small bucket all pairs are looked at; a large one costs no more for each row: rows are
 * held against a few leaders only (stars instead of all pairs).
 *
 * <p>Not safe for use by several threads.
 */
public final class Bucket {
  /** Rows of which all pairs are looked at. */
  static final int ALL_PAIRS = 128;

  /** Most leaders of a larger bucket. */
  static final int LEADERS = 64;

  /** Most leaders that one row is paired with: the most alike, by their sketches. */
  static final int STARS = 4;

  /** Standard deviations below the threshold at which a sketch is still believed to hide it. */
  private static final double DOUBT = 3;

  private final int least;
  private final int sure;

  private long[] handles = new long[64];
  private long[] sketches = new long[64 * MinHash.SKETCH_LONGS];
  private int size;

  /** Takes a pair of handles, the smaller first. */
  @FunctionalInterface
  public interface PairSink {
    /** Takes the rows {@code a} and {@code b}. */
    void pair(long a, long b);
  }

  /**
   * @param threshold Jaccard similarity that is looked for
   */
  public Bucket(double threshold) {
    double agreement = (1 + threshold) / 2;
    double deviation = Math.sqrt(agreement * (1 - agreement) / MinHash.HASHES);
    this.sure = (int) Math.ceil(agreement * MinHash.HASHES);
    this.least = (int) Math.ceil((agreement - DOUBT * deviation) * MinHash.HASHES);
  }

  /** Empties the bucket. */
  public void clear() {
    size = 0;
  }

  /** Returns the number of rows. */
  public int size() {
    return size;
  }

  /**
   * Adds a row.
   *
   * @param handle stands for the row; even for a row that earlier runs have seen, odd for a new one
   * @param records where its sketch is
   * @param offset of the sketch
   */
  public void add(long handle, long[] records, int offset) {
    if (size == handles.length) {
      handles = Arrays.copyOf(handles, 2 * size);
      sketches = Arrays.copyOf(sketches, 2 * sketches.length);
    }
    handles[size] = handle;
    System.arraycopy(records, offset, sketches, size * MinHash.SKETCH_LONGS, MinHash.SKETCH_LONGS);
    size++;
  }

  /**
   * Gives the pairs that may be duplicates, without those of two rows seen earlier.
   *
   * @return whether pairs were left out: there were more kinds of rows than leaders, or more
   *     leaders that one row may be like than it is paired with
   */
  public boolean pairs(PairSink sink) {
    if (size <= ALL_PAIRS) {
      for (int i = 1; i < size; i++) {
        for (int j = 0; j < i; j++) {
          if (agreement(i, j) >= least) {
            give(i, j, sink);
          }
        }
      }
      return false;
    }
    return stars(sink);
  }

  private boolean stars(PairSink sink) {
    sort();
    int[] leaders = new int[LEADERS];
    int[] agreements = new int[LEADERS];
    int count = 0;
    boolean crowded = false;
    for (int i = 0; i < size; i++) {
      int candidates = 0;
      int best = 0;
      for (int j = 0; j < count; j++) {
        agreements[j] = agreement(i, leaders[j]);
        candidates += agreements[j] >= least ? 1 : 0;
        best = Math.max(best, agreements[j]);
      }
      for (int star = 0; star < Math.min(STARS, candidates); star++) {
        int most = 0;
        for (int j = 1; j < count; j++) {
          most = agreements[j] > agreements[most] ? j : most;
        }
        give(i, leaders[most], sink);
        agreements[most] = -1;
      }
      crowded |= candidates > STARS;
      if (best < sure && count < LEADERS) {
        leaders[count++] = i;
      } else {
        crowded |= candidates == 0;
      }
    }
    return crowded;
  }

  /** Leaders must not depend on the order in which rows come out of a shuffle. */
  private void sort() {
    Integer[] order = new Integer[size];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Long.compare(handles[a], handles[b]));
    long[] sortedHandles = new long[handles.length];
    long[] sortedSketches = new long[sketches.length];
    for (int i = 0; i < size; i++) {
      sortedHandles[i] = handles[order[i]];
      System.arraycopy(
          sketches,
          order[i] * MinHash.SKETCH_LONGS,
          sortedSketches,
          i * MinHash.SKETCH_LONGS,
          MinHash.SKETCH_LONGS);
    }
    handles = sortedHandles;
    sketches = sortedSketches;
  }

  private void give(int i, int j, PairSink sink) {
    long a = handles[i];
    long b = handles[j];
    // Of one handle, as where two rows' ids begin alike, there is nothing to be looked up.
    if (((a | b) & 1) != 0 && (a | 1) != (b | 1)) {
      sink.pair(Math.min(a, b), Math.max(a, b));
    }
  }

  private int agreement(int i, int j) {
    int bits = MinHash.HASHES;
    for (int k = 0; k < MinHash.SKETCH_LONGS; k++) {
      bits -=
          Long.bitCount(
              sketches[i * MinHash.SKETCH_LONGS + k] ^ sketches[j * MinHash.SKETCH_LONGS + k]);
    }
    return bits;
  }
}

package io.github.pairloom.jobs.dedup;

import java.util.Arrays;
import java.util.Iterator;
import java.util.stream.IntStream;

/**
 * Records of a partition, grouped by a key: group {@code g} is the records {@code order[from(g)]}
 * to {@code order[from(g + 1) - 1]}.
 */
final class Groups {
  private final long[] records;
  private final int width;
  private final int key;
  private final int[] order;
  private final int[] starts;
  private final int count;

  /**
   * Groups records by a key.
   *
   * @param records one after the other
   * @param width longs of each
   * @param key index of the key in a record
   */
  Groups(long[] records, int width, int key) {
    this.records = records;
    this.width = width;
    this.key = key;
    int size = records.length / width;
    this.order = new int[size];
    sort(size);
    int[] bounds = new int[size + 1];
    int groups = 0;
    for (int i = 0; i < size; i++) {
      if (i == 0 || keyOf(i) != keyOf(i - 1)) {
        bounds[groups++] = i;
      }
    }
    bounds[groups] = size;
    this.starts = bounds;
    this.count = groups;
  }

  /** Returns the numbers of the groups. */
  Iterator<Integer> iterator() {
    return IntStream.range(0, count).iterator();
  }

  /** Returns where group {@code g} starts. */
  int from(int g) {
    return starts[g];
  }

  /** Returns the index of the first long of the record at {@code place}. */
  int offset(int place) {
    return order[place] * width;
  }

  private long keyOf(int place) {
    return records[offset(place) + key];
  }

  private void sort(int size) {
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(size);
    long mask = (1L << bits) - 1;
    // One sort of longs: the upper bits of the key, then the record's number.
    long[] sorted = new long[size];
    for (int i = 0; i < size; i++) {
      sorted[i] = (records[i * width + key] & ~mask) | i;
    }
    Arrays.sort(sorted);
    for (int i = 0; i < size; i++) {
      order[i] = (int) (sorted[i] & mask);
    }
    for (int from = 0; from < size; ) {
      boolean same = true;
      int to = from + 1;
      while (to < size && (sorted[to] & ~mask) == (sorted[from] & ~mask)) {
        same &= keyOf(to) == keyOf(from);
        to++;
      }
      if (!same) {
        sortExactly(from, to);
      }
      from = to;
    }
  }

  /** Sorts records whose keys differ in their lowest bits only. */
  private void sortExactly(int from, int to) {
    Integer[] part = new Integer[to - from];
    Arrays.setAll(part, i -> order[from + i]);
    Arrays.sort(part, (a, b) -> Long.compare(records[a * width + key], records[b * width + key]));
    for (int i = 0; i < part.length; i++) {
      order[from + i] = part[i];
    }
  }
}

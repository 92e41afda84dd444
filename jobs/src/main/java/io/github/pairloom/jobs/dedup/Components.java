package io.github.pairloom.jobs.dedup;

import java.io.Serializable;
import java.util.Arrays;

/**
 * Connected components of a graph whose nodes have ids of 128 bits: union-find (by the smaller id,
 * with path halving) over primitive arrays, up to 90 bytes for each node while nodes are added.
 */
final class Components implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final int NONE = -1;

  private long[] ids = new long[1 << 11];
  private int[] parents = new int[1 << 10];
  private double[] strongest = new double[1 << 10];
  private int size;
  private int[] table = new int[1 << 12];

  Components() {
    Arrays.fill(table, NONE);
  }

  /** Joins the nodes of all edges in a block (see {@link TextDuplicates}). */
  void joinAll(byte[] block) {
    long[] longs = Blocks.longs(block);
    for (int at = 0; at < longs.length; at += TextDuplicates.EDGE) {
      join(
          node(longs[at], longs[at + 1]),
          node(longs[at + 2], longs[at + 3]),
          Double.longBitsToDouble(longs[at + 4]));
    }
  }

  /** Joins the nodes of an edge. */
  void join(int a, int b, double similarity) {
    strongest[a] = Math.max(strongest[a], similarity);
    strongest[b] = Math.max(strongest[b], similarity);
    int rootOfA = root(a);
    int rootOfB = root(b);
    if (rootOfA != rootOfB) {
      boolean aFirst = compare(rootOfA, rootOfB) < 0;
      parents[aFirst ? rootOfB : rootOfA] = aFirst ? rootOfA : rootOfB;
    }
  }

  /**
   * Lets all nodes point to their roots, and gives up spare room: what is sent to executors then
   * takes some 40 bytes for each node, and does not change when roots are asked for.
   */
  void flatten() {
    for (int i = 0; i < size; i++) {
      parents[i] = root(i);
    }
    resize(Math.max(1, size));
  }

  /** Returns the similarity of the strongest edge of node {@code i}. */
  double strongest(int i) {
    return strongest[i];
  }

  /** Returns the number of components. */
  int count() {
    int count = 0;
    for (int i = 0; i < size; i++) {
      count += parents[i] == i ? 1 : 0;
    }
    return count;
  }

  /** Returns the number of nodes that edges have named. */
  int size() {
    return size;
  }

  /** Returns the upper half of the id of node {@code i}. */
  long high(int i) {
    return ids[2 * i];
  }

  /** Returns the lower half of the id of node {@code i}. */
  long low(int i) {
    return ids[2 * i + 1];
  }

  /** Returns the node with the smallest id of those that {@code i} is connected to. */
  int root(int i) {
    int node = i;
    while (parents[node] != node) {
      parents[node] = parents[parents[node]];
      node = parents[node];
    }
    return node;
  }

  /** Returns the number of the node with this id, a new one if there is none. */
  int node(long high, long low) {
    int slot = slot(high, low);
    if (table[slot] != NONE) {
      return table[slot];
    }
    if (size == parents.length) {
      resize(2 * size);
      slot = slot(high, low);
    }
    ids[2 * size] = high;
    ids[2 * size + 1] = low;
    parents[size] = size;
    table[slot] = size;
    return size++;
  }

  /** Returns the number of the node with this id, -1 if there is none. */
  int find(long high, long low) {
    return table[slot(high, low)];
  }

  /** Returns the exclusive or of the lower halves of all ids. */
  long lows() {
    long lows = 0;
    for (int i = 0; i < size; i++) {
      lows ^= low(i);
    }
    return lows;
  }

  private int slot(long high, long low) {
    long hash = (high ^ (low * 0x9E3779B97F4A7C15L)) * 0x9FB21C651E98DF25L;
    int mask = table.length - 1;
    int slot = (int) (hash >>> 32) & mask;
    while (table[slot] != NONE
        && (ids[2 * table[slot]] != high || ids[2 * table[slot] + 1] != low)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private void resize(int capacity) {
    parents = Arrays.copyOf(parents, capacity);
    strongest = Arrays.copyOf(strongest, capacity);
    ids = Arrays.copyOf(ids, 2 * capacity);
    table = new int[Integer.highestOneBit(capacity) << 2];
    Arrays.fill(table, NONE);
    for (int i = 0; i < size; i++) {
      table[slot(high(i), low(i))] = i;
    }
  }

  private int compare(int a, int b) {
    int byHigh = Long.compareUnsigned(high(a), high(b));
    return byHigh != 0 ? byHigh : Long.compareUnsigned(low(a), low(b));
  }
}

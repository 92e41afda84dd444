package io.github.pairloom.udfs.dedup;

/** The Jaccard similarity of sets of n-grams. */
public final class Jaccard {
  private Jaccard() {}

  /**
   * Returns the size of the intersection over that of the union, in [0, 1]; 1 for two empty sets.
   *
   * @param a distinct n-grams in ascending order
   * @param b as {@code a}
   */
  public static double of(long[] a, long[] b) {
    int i = 0;
    int j = 0;
    int common = 0;
    while (i < a.length && j < b.length) {
      long difference = Long.compare(a[i], b[j]);
      common += difference == 0 ? 1 : 0;
      i += difference <= 0 ? 1 : 0;
      j += difference >= 0 ? 1 : 0;
    }
    int union = a.length + b.length - common;
    return union == 0 ? 1 : (double) common / union;
  }

  /**
   * Returns the smallest of the similarities of the columns. It is never above {@link #of}: that
   * one is a mean of these, weighted by the sizes of the unions.
   */
  public static double ofLeastAlikeColumn(long[] a, long[] b) {
    double least = 1;
    int i = 0;
    int j = 0;
    while (i < a.length || j < b.length) {
      long column =
          (i == a.length ? b[j] : j == b.length ? a[i] : Math.min(a[i], b[j]))
              >> Shingles.COLUMN_SHIFT;
      int common = 0;
      int union = 0;
      while (true) {
        boolean inA = i < a.length && a[i] >> Shingles.COLUMN_SHIFT == column;
        boolean inB = j < b.length && b[j] >> Shingles.COLUMN_SHIFT == column;
        if (!inA && !inB) {
          break;
        }
        int order = inA && inB ? Long.compare(a[i], b[j]) : inA ? -1 : 1;
        common += order == 0 ? 1 : 0;
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
        union++;
      }
      least = Math.min(least, (double) common / union);
    }
    return least;
  }
}

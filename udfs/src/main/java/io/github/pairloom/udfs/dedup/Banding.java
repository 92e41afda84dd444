package io.github.pairloom.udfs.dedup;

import static io.github.pairloom.schemas.Check.check;

/**
 * How a MinHash signature is cut for locality-sensitive hashing: two sets of Jaccard similarity s
 * share a bucket with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman, Ullman, "Mining of
 * Massive Datasets", section 3.4).
 *
 * @param bands buckets that each set falls into
 * @param rows hashes that must agree for two sets to share one of them
 */
public record Banding(int bands, int rows) {
  public Banding {
    check(
        bands >= 1 && rows >= 1 && (long) bands * rows <= MinHash.HASHES,
        "Invalid banding: %s bands of %s rows (must be at least 1, and %s hashes in all)",
        bands,
        rows,
        MinHash.HASHES);
  }

  /**
   * Returns the most selective cut of {@value MinHash#HASHES} hashes that finds pairs of {@code
   * threshold} with probability {@code recall}: as many rows as there are hashes for, and for these
   * rows as few bands as will do. More rows mean fewer pairs of unlike texts to look at.
   */
  public static Banding of(double threshold, double recall) {
    for (int rows = MinHash.HASHES; rows > 1; rows--) {
      double bands =
          threshold == 1
              ? 1
              : Math.ceil(Math.log1p(-recall) / Math.log1p(-Math.pow(threshold, rows)));
      if (bands * rows <= MinHash.HASHES) {
        return new Banding((int) Math.max(1, bands), rows);
      }
    }
    // Even single hashes may be too few for a low threshold; then all are used.
    return new Banding(MinHash.HASHES, 1);
  }

  /** Returns the probability that sets of {@code similarity} share at least one bucket. */
  public double recallAt(double similarity) {
    return 1 - Math.pow(1 - Math.pow(similarity, rows), bands);
  }
}

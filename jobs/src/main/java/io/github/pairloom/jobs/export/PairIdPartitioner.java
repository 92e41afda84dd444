package io.github.pairloom.jobs.export;

import org.apache.spark.Partitioner;

/**
 * Cuts the space of pair_ids into equal ranges. The ids are hashes, so the ranges get about equally
 * many rows, and which row lies in which file depends on the table alone.
 */
final class PairIdPartitioner extends Partitioner {
  private static final long serialVersionUID = 1L;
  private static final int PREFIX_DIGITS = 8;
  private static final int PREFIX_BITS = 32;

  private final int partitions;

  PairIdPartitioner(int partitions) {
    this.partitions = partitions;
  }

  @Override
  public int numPartitions() {
    return partitions;
  }

  @Override
  public int getPartition(Object pairId) {
    long prefix = Long.parseLong((String) pairId, 0, PREFIX_DIGITS, 16);
    return (int) ((prefix * partitions) >>> PREFIX_BITS);
  }
}

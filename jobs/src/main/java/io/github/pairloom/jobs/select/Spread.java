package io.github.pairloom.jobs.select;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.ceil;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.pmod;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.embedding.VectorClusters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * An order of pairs in which each is as far as can be from all before it, for the k-center problem:
 * choose m centres such that the largest distance r of a pair to its nearest centre is smallest
 * (Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach",
 * ICLR 2018, algorithm 1). The distance is the Euclidean one of embeddings of length 1, 0 to 2.
 *
 * <p>A pair's spread is its distance to the nearest pair before it in that order, and the m pairs
 * of the largest spreads are the centres. Up to {@code cell} pairs are ordered exactly, in one
 * piece: then r is at most twice the best (Gonzalez, "Clustering to minimize the maximum
 * intercluster distance", 1985). More are cut into cells by k-means, each ordered for itself, and
 * the m largest spreads of all are taken: cells with more to show give more. Of m + 1 such pairs,
 * those in one cell are at least r apart, so r is at most twice the best for m / p centres, where p
 * is the most cells that have pairs around a centre of that best choice.
 *
 * <p>A cell of more than {@code most} pairs is cut at random, so memory is bounded: {@code most}
 * vectors for each task. Time is that of half of {@code cell} distances for each pair, on average.
 *
 * @param cell pairs of a cell on average
 * @param most most pairs of a cell
 */
record Spread(int cell, int most) {
  /** 2048 vectors of 384 dimensions are 6 MB, and take a second or two to order. */
  static final Spread DEFAULTS = new Spread(2048, 8192);

  /** The first pair of a cell is as far from the none before it as can be. */
  private static final double FURTHEST = 2;

  private static final int MOST_CELLS = 512;

  /** Vectors that k-means learns from. */
  private static final int SAMPLE = 20_000;

  /** Each cell's first is a drawn one; most of what is taken is to be chosen. */
  private static final int LEAST_OF_CELL = 8;

  private static final StructType FOUND = StructType.fromDDL("spread_of STRING, spread DOUBLE");

  /**
   * Returns columns {@code spread_of}, a pair_id, and {@code spread}.
   *
   * @param vectors columns {@code pair_id}, {@code draw}, {@code content_id} and {@code vector}
   * @param count their number
   * @param wanted how many centres are to be taken
   */
  Dataset<Row> of(Dataset<Row> vectors, long count, long wanted, long seed) {
    Dataset<Row> placed = inCells(vectors, cells(count, wanted), seed);
    int centres = (int) Math.min(most, wanted);
    MapPartitionsFunction<Row, Row> order = rows -> new Ordered(rows, centres);
    return placed
        .repartition(col("cell"), col("part"))
        .sortWithinPartitions("cell", "part", "draw", "pair_id")
        .mapPartitions(order, Encoders.row(FOUND));
  }

  private int cells(long count, long wanted) {
    long bySize = (count + cell - 1) / cell;
    return (int) Math.max(1, Math.min(Math.min(MOST_CELLS, bySize), wanted / LEAST_OF_CELL));
  }

  private Dataset<Row> inCells(Dataset<Row> vectors, int cells, long seed) {
    Dataset<Row> celled;
    if (cells == 1) {
      celled = VectorClusters.withFeatures(vectors).withColumn("cell", lit(0));
    } else {
      celled =
          VectorClusters.fit(VectorClusters.sample(vectors, SAMPLE, seed), cells, seed)
              .setPredictionCol("cell")
              .transform(VectorClusters.withFeatures(vectors));
    }
    Dataset<Row> parts =
        celled
            .groupBy(col("cell").as("of_cell"))
            .agg(ceil(count(lit(1)).divide(most)).cast("long").as("parts"));
    return celled
        .join(broadcast(parts), col("cell").equalTo(col("of_cell")))
        .withColumn("part", pmod(xxhash64(lit(seed), col("pair_id")), col("parts")))
        .select("cell", "part", "draw", "pair_id", VectorClusters.FEATURES);
  }

  /**
   * Returns the spread of each vector among these, the first of which is the first in order; among
   * equally far ones the earlier goes first.
   *
   * @param vectors of length 1
   * @param centres how many are put in order; the others get their distance to these
   */
  static double[] spreads(List<double[]> vectors, int centres) {
    double[] distance = new double[vectors.size()];
    Arrays.fill(distance, FURTHEST);
    boolean[] taken = new boolean[vectors.size()];
    int next = vectors.isEmpty() ? -1 : 0;
    for (int i = 0; i < centres && next >= 0; i++) {
      taken[next] = true;
      double[] centre = vectors.get(next);
      next = -1;
      for (int j = 0; j < taken.length; j++) {
        if (!taken[j]) {
          distance[j] = Math.min(distance[j], distance(centre, vectors.get(j)));
          // What equals a centre is none, however many are wanted.
          if (distance[j] > (next < 0 ? 0 : distance[next])) {
            next = j;
          }
        }
      }
    }
    return distance;
  }

  private static double distance(double[] a, double[] b) {
    double squares = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = a[i] - b[i];
      squares += difference * difference;
    }
    return Math.min(FURTHEST, Math.sqrt(squares));
  }

  /** Holds one cell after the other and gives its pairs with their spreads. */
  private static final class Ordered implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final int centres;
    private final List<String> ids = new ArrayList<>();
    private double[] spreads = {};
    private int given;
    private Row ahead;

    Ordered(Iterator<Row> rows, int centres) {
      this.rows = rows;
      this.centres = centres;
    }

    @Override
    public boolean hasNext() {
      if (given == spreads.length) {
        read();
      }
      return given < spreads.length;
    }

    private void read() {
      ids.clear();
      given = 0;
      List<double[]> vectors = new ArrayList<>();
      Row row = ahead == null ? following() : ahead;
      Row first = row;
      while (row != null && row.get(0).equals(first.get(0)) && row.get(1).equals(first.get(1))) {
        ids.add(row.getString(3));
        vectors.add(row.<Vector>getAs(4).toArray());
        row = following();
      }
      ahead = row;
      spreads = spreads(vectors, centres);
    }

    /** Returns the next row; null after the last. */
    private Row following() {
      return rows.hasNext() ? rows.next() : null;
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return RowFactory.create(ids.get(given), spreads[given++]);
    }
  }
}

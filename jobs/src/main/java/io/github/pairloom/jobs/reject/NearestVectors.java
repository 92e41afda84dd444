package io.github.pairloom.jobs.reject;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.flatten;
import static org.apache.spark.sql.functions.sha2;

import io.github.pairloom.jobs.embedding.VectorClusters;
import io.github.pairloom.udfs.strategy.Neighbourhood;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.PriorityQueue;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * The vectors of a set that are nearest to some of them, by cosine. The set is cut into cells, each
 * with the vectors that are nearest to one of it (an inverted file, Jegou et al., TPAMI 2011, but
 * with drawn centres); a vector is compared with those of the cells nearest to it. As long as there
 * are no more cells than that, the result is exact. Vectors are shuffled, images are not.
 *
 * @param cell vectors of a cell on average
 * @param probes cells that each vector is compared with
 */
record NearestVectors(int cell, int probes) {
  /** Small enough for a task to hold a cell of 4096 dimensions several times over. */
  static final int CELL = 1024;

  static final int PROBES = 16;

  /** Above so many centres, telling the nearest of them would take longer than comparing. */
  private static final int MOST_CELLS = 4096;

  private static final StructType IN_CELLS =
      StructType.fromDDL("cell INT, asks BOOLEAN, id STRING, vector ARRAY<FLOAT>");
  private static final StructType FOUND =
      StructType.fromDDL("of STRING, near ARRAY<STRUCT<id: STRING, similarity: DOUBLE>>");

  private record Near(String id, double similarity) {
    /** The nearest last; of equally near ones the first by id counts as nearer. */
    static final Comparator<Near> ORDER =
        Comparator.comparingDouble(Near::similarity)
            .thenComparing(Near::id, Comparator.reverseOrder());
  }

  /**
   * Returns columns {@code of} and {@code near}, the nearest first; a vector with nothing near has
   * no row.
   *
   * @param asking columns {@code id} and {@code vector}, of length 1
   * @param all the same
   */
  Dataset<Row> of(Dataset<Row> asking, Dataset<Row> all, Neighbourhood neighbourhood) {
    int cells = (int) Math.max(1, Math.min(MOST_CELLS, (all.count() + cell - 1) / cell));
    float[][] centres =
        // In an order that has nothing to do with what the vectors say.
        all.orderBy(sha2(col("id").cast("binary"), 256)).limit(cells).collectAsList().stream()
            .map(row -> VectorClusters.floats(row, 1))
            .toArray(float[][]::new);
    Broadcast<float[][]> known =
        JavaSparkContext.fromSparkContext(all.sparkSession().sparkContext()).broadcast(centres);
    int some = Math.min(probes, cells);
    Dataset<Row> sorted =
        inCells(all, known, 1, false)
            .union(inCells(asking, known, some, true))
            .repartition(col("cell"))
            .sortWithinPartitions("cell", "asks", "id");
    MapPartitionsFunction<Row, Row> compare = rows -> new Compared(rows, neighbourhood);
    return sorted
        .mapPartitions(compare, Encoders.row(FOUND))
        .groupBy("of")
        .agg(flatten(collect_list("near")).as("near"))
        .withColumn(
            "near",
            expr(
                "slice(array_sort(near, (a, b) -> CASE WHEN a.similarity > b.similarity THEN -1"
                    + " WHEN a.similarity < b.similarity THEN 1 WHEN a.id < b.id THEN -1"
                    + " WHEN a.id > b.id THEN 1 ELSE 0 END), 1, "
                    + neighbourhood.count()
                    + ")"));
  }

  private static Dataset<Row> inCells(
      Dataset<Row> vectors, Broadcast<float[][]> centres, int some, boolean asks) {
    FlatMapFunction<Row, Row> place =
        row -> {
          float[] vector = VectorClusters.floats(row, 1);
          float[][] known = centres.value();
          double[] cosines =
              IntStream.range(0, known.length)
                  .mapToDouble(i -> VectorClusters.cosine(vector, known[i]))
                  .toArray();
          return IntStream.range(0, known.length)
              .boxed()
              .sorted(Comparator.comparingDouble(i -> -cosines[i]))
              .limit(some)
              .map(cell -> RowFactory.create(cell, asks, row.get(0), row.get(1)))
              .iterator();
        };
    return vectors.select("id", "vector").flatMap(place, Encoders.row(IN_CELLS));
  }

  /** Holds the vectors of one cell after the other, and compares those that ask with them. */
  private static final class Compared implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final Neighbourhood neighbourhood;
    private final List<String> ids = new ArrayList<>();
    private final List<float[]> vectors = new ArrayList<>();
    private int cell = -1;
    private Row found;

    Compared(Iterator<Row> rows, Neighbourhood neighbourhood) {
      this.rows = rows;
      this.neighbourhood = neighbourhood;
    }

    @Override
    public boolean hasNext() {
      while (found == null && rows.hasNext()) {
        Row row = rows.next();
        if (row.getInt(0) != cell) {
          ids.clear();
          vectors.clear();
          cell = row.getInt(0);
        }
        if (row.getBoolean(1)) {
          List<Row> near = near(row.getString(2), VectorClusters.floats(row, 3));
          found = near.isEmpty() ? null : RowFactory.create(row.getString(2), near.toArray());
        } else {
          ids.add(row.getString(2));
          vectors.add(VectorClusters.floats(row, 3));
        }
      }
      return found != null;
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Row next = found;
      found = null;
      return next;
    }

    private List<Row> near(String id, float[] vector) {
      PriorityQueue<Near> nearest = new PriorityQueue<>(Near.ORDER);
      for (int i = 0; i < ids.size(); i++) {
        double cosine = VectorClusters.cosine(vector, vectors.get(i));
        if (cosine >= neighbourhood.nearDuplicate() || ids.get(i).equals(id)) {
          continue;
        }
        Near near = new Near(ids.get(i), cosine);
        if (nearest.size() < neighbourhood.count()) {
          nearest.add(near);
        } else if (Near.ORDER.compare(near, nearest.peek()) > 0) {
          nearest.poll();
          nearest.add(near);
        }
      }
      List<Row> rows = new ArrayList<>();
      nearest.forEach(near -> rows.add(RowFactory.create(near.id(), near.similarity())));
      return rows;
    }
  }
}

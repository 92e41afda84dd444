package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.bit_xor;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.hash;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.schemas.Table;
import java.util.Arrays;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.functions;

/** Rows of {@code duplicates} from connected components. */
final class ClusterLabels {
  private ClusterLabels() {}

  /**
   * Returns one row of {@code duplicates} for each node.
   *
   * @param kind what the nodes are
   * @param rows the nodes' rows and any others, with column {@code id}
   * @param order which row of a component is kept: the first in this order of columns
   */
  static Dataset<Row> of(Clusters clusters, String kind, Dataset<Row> rows, Column... order) {
    // One frame for both: of the whole cluster, in that order.
    WindowSpec cluster =
        Window.partitionBy("root")
            .orderBy(order)
            .rowsBetween(Window.unboundedPreceding(), Window.unboundedFollowing());
    return clusters
        .addedTo(rows)
        .withColumn("kept", first("id").over(cluster))
        .select(
            lit(kind).as("kind"),
            col("id"),
            min("id").over(cluster).as("cluster_id"),
            when(not(col("kept").equalTo(col("id"))), col("kept")).as("duplicate_of"),
            col("similarity"));
  }

  /** Returns what is equal for sets of labels that are equal. */
  static Row fingerprint(Dataset<Row> labels) {
    Column row =
        xxhash64(
            Arrays.stream(Table.DUPLICATES.schema().fieldNames())
                .map(functions::col)
                .toArray(Column[]::new));
    return labels.agg(count(lit(1)), bit_xor(row)).first();
  }

  /**
   * Fails if the labels are not those of components: this would be a bug, and nothing is written.
   */
  static void check(Clusters clusters, Dataset<Row> labels) {
    // Numbers stand for ids: an aggregate of strings would be sorted.
    Column named = xxhash64(coalesce(col("duplicate_of"), col("id")));
    Column one = col("kept").equalTo(1).and(col("first").equalTo(col("last")));
    Row counts =
        labels
            .groupBy(xxhash64(col("cluster_id")), hash(col("cluster_id")))
            .agg(
                count(lit(1)).as("rows"),
                bit_xor(Clusters.LOW).as("lows"),
                count(when(col("duplicate_of").isNull(), 1)).as("kept"),
                min(named).as("first"),
                max(named).as("last"))
            .agg(
                coalesce(sum("rows"), lit(0)),
                count(lit(1)),
                count(when(one, 1)),
                coalesce(bit_xor(col("lows")), lit(0L)))
            .first();
    if (counts.getLong(0) != clusters.nodes()
        || counts.getLong(1) != clusters.components()
        || counts.getLong(2) != clusters.components()
        || counts.getLong(3) != clusters.lows()) {
      throw new IllegalStateException(
          "Labels of %s nodes in %s components, ids' exclusive or %s, are %s (rows, clusters, clusters that all name the one kept, ids' exclusive or)"
              .formatted(clusters.nodes(), clusters.components(), clusters.lows(), counts));
    }
  }
}

package io.github.pairloom.jobs.embedding;

import static org.apache.spark.ml.functions.array_to_vector;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.clustering.KMeans;
import org.apache.spark.ml.clustering.KMeansModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Clusters of vectors by k-means on a drawn sample of bounded size. The sample is one partition in
 * a drawn order, so that sums are of the same order whatever the partitioning was, and the clusters
 * the same to the last bit.
 */
public final class VectorClusters {
  /** Column with the vector as Spark ML takes it. */
  public static final String FEATURES = "features";

  private static final String CLUSTER = "cluster";
  private static final int ITERATIONS = 20;

  private VectorClusters() {}

  /** Returns the array of floats in a column. */
  public static float[] floats(Row row, int column) {
    List<Float> values = row.getList(column);
    float[] vector = new float[values.size()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = values.get(i);
    }
    return vector;
  }

  /** Returns the cosine of two vectors of length 1. */
  public static double cosine(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /** Returns {@code rows} with column {@value #FEATURES} in the place of {@code vector}. */
  public static Dataset<Row> withFeatures(Dataset<Row> rows) {
    return rows.withColumn(FEATURES, array_to_vector(col("vector"))).drop("vector");
  }

  /**
   * Returns column {@value #FEATURES} of the {@code most} vectors with the smallest hash of seed
   * and id, all if there are not more. They go through the driver: 3 KB each at 384 dimensions.
   *
   * @param vectors columns {@code content_id} and {@code vector}
   */
  public static Dataset<Row> sample(Dataset<Row> vectors, int most, long seed) {
    Dataset<Row> drawn =
        withFeatures(
                vectors
                    .dropDuplicates("content_id")
                    .orderBy(xxhash64(lit(seed), col("content_id")), col("content_id"))
                    .limit(most))
            .select(FEATURES);
    SparkSession spark = vectors.sparkSession();
    // In a task they could be more than Spark sends with one (spark.rpc.message.maxSize).
    Broadcast<List<Row>> rows =
        JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(drawn.collectAsList());
    MapPartitionsFunction<Long, Row> all = one -> rows.value().iterator();
    return spark.range(0, 1, 1, 1).mapPartitions(all, Encoders.row(drawn.schema()));
  }

  /**
   * Returns at most {@code k} clusters by cosine; adds column {@code cluster} where it transforms.
   *
   * @param sample of {@link #sample}
   */
  public static KMeansModel fit(Dataset<Row> sample, int k, long seed) {
    return new KMeans()
        .setK(k)
        .setSeed(seed)
        .setMaxIter(ITERATIONS)
        .setDistanceMeasure("cosine")
        .setFeaturesCol(FEATURES)
        .setPredictionCol(CLUSTER)
        .fit(sample);
  }
}

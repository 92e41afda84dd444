package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.dedup.ImageDedup;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;

/**
 * Labels the images that are equal or look alike. Their hashes stand in {@code images} since they
 * were ingested, so all are compared each time: no picture is read, and a million take seconds.
 */
final class ImageLabels {
  /** Kind of these rows in {@code duplicates}. */
  static final String KIND = "image";

  private ImageLabels() {}

  /** Writes the labels if they are not there yet; returns the step's figures. */
  static Map<String, Double> write(StepContext context, ImageDedup settings) {
    Warehouse warehouse = context.warehouse();
    // Before the images: labels that another run writes after this were not looked at.
    Dataset<Row> before = warehouse.latest(Table.DUPLICATES).where(col("kind").equalTo(lit(KIND)));
    Dataset<Row> images =
        warehouse
            .latest(Table.IMAGES)
            .select("image_id", "pixels_sha256", "perceptual_hash", "width", "height", "source");
    long count = images.count();
    if (count == 0) {
      return Map.of();
    }
    ImageDuplicates duplicates =
        new ImageDuplicates(
            JavaSparkContext.fromSparkContext(context.spark().sparkContext()), settings.radius());
    Clusters clusters =
        Clusters.of(
            context.spark(),
            duplicates.edges(
                images.select("image_id", "pixels_sha256", "perceptual_hash").toJavaRDD(), count),
            Clusters.DRIVER_EDGES);
    Column largest = col("width").cast("long").multiply(col("height")).desc();
    boolean bySize = settings.keep() == ImageDedup.Keep.LARGEST;
    Dataset<Row> labels =
        ClusterLabels.of(
                clusters,
                KIND,
                images.withColumnRenamed("image_id", "id"),
                bySize ? largest : col("source"),
                bySize ? col("source") : largest,
                col("id"))
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      ClusterLabels.check(clusters, labels);
      if (!ClusterLabels.fingerprint(labels).equals(ClusterLabels.fingerprint(before))) {
        warehouse.replace(Table.DUPLICATES, "kind = '" + KIND + "'", labels);
      }
    } finally {
      labels.unpersist();
    }
    return Map.of(
        "images", (double) count,
        "image-clusters", (double) clusters.components(),
        "images-in-clusters", (double) clusters.nodes(),
        "cut-image-lookups", (double) duplicates.cutLookups());
  }
}

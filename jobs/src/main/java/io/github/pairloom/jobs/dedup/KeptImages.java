package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;

import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Which image is kept of each image's copies.
 *
 * @param copies columns {@code image_copy} and {@value #COLUMN}; nothing if there are no copies
 */
public record KeptImages(Optional<Dataset<Row>> copies) {
  /** Copies that every executor may hold: some 30 MB. */
  private static final long BROADCAST = 1 << 17;

  /** Column with the image that is kept of a row's image and its copies. */
  public static final String COLUMN = "kept_image";

  /**
   * Returns the copies that table {@code duplicates} names.
   *
   * @param duplicates that table
   */
  public static KeptImages of(Dataset<Row> duplicates) {
    Dataset<Row> copies =
        duplicates
            .where(col("kind").equalTo(ImageLabels.KIND).and(col("duplicate_of").isNotNull()))
            .select(col("id").as("image_copy"), col("duplicate_of").as(COLUMN));
    // A join with none would move all rows, and so would one with a few where Spark takes them for
    // as many as all that the table labels.
    long count = copies.count();
    return new KeptImages(
        count == 0
            ? Optional.empty()
            : Optional.of(count <= BROADCAST ? broadcast(copies) : copies));
  }

  /**
   * Adds column {@value #COLUMN}: the same for all images of a cluster, else the image itself.
   *
   * @param rows with column {@code image_id}
   */
  public Dataset<Row> addedTo(Dataset<Row> rows) {
    if (copies.isEmpty()) {
      return rows.withColumn(COLUMN, col("image_id"));
    }
    return rows.join(copies.get(), rows.col("image_id").equalTo(col("image_copy")), "left")
        .withColumn(COLUMN, coalesce(col(COLUMN), rows.col("image_id")))
        .drop("image_copy");
  }
}

package io.github.pairloom.jobs.export;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.greatest;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.shiftrightunsigned;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.dedup.KeptImages;
import io.github.pairloom.schemas.CandidatePair;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * The rows of an export that are for one purpose.
 *
 * <p>Each image is drawn, by the seed. A cluster of copies is for validation if all of its images
 * are drawn for that. So no picture is on both sides, and a larger share leaves what is in
 * validation there. Where copies come later, their cluster may go from validation to training, but
 * none goes the other way: what was trained on never becomes validation.
 *
 * @param name {@link #TRAIN} or {@link #VALIDATION}
 * @param pairs rows of {@code preference_pairs}
 * @param rows their number
 * @param files number of files of each format
 */
record Split(String name, Dataset<Row> pairs, long rows, int files) {
  static final String TRAIN = "train";
  static final String VALIDATION = "validation";

  private static final String HELD = "held";

  /** Bits of a hash that a double holds. */
  private static final int DOUBLE_BITS = 53;

  /** Returns all rows for training. */
  static List<Split> none(Dataset<Row> pairs, long rows, int rowsPerFile) {
    return List.of(of(TRAIN, pairs, rows, rowsPerFile));
  }

  /**
   * Returns the rows for training and those for validation, of which there may be none. Pairs whose
   * two images are on different sides are in neither.
   *
   * @param pairs rows of {@code preference_pairs}
   * @param duplicates table {@code duplicates}
   */
  static List<Split> drawn(
      Dataset<Row> pairs, Dataset<Row> duplicates, Manifest.Draw draw, int rowsPerFile) {
    Dataset<Row> sided = withSide(pairs, duplicates, draw);
    Dataset<Row> others =
        pairs
            .select(col("pair_id").as("of_pair"), ModelRows.rejectedImageId().as("image_id"))
            .where(col("image_id").isNotNull());
    if (!others.isEmpty()) {
      Dataset<Row> otherSides =
          withSide(others, duplicates, draw).select(col("of_pair"), col(HELD).as("other_held"));
      sided =
          sided
              .join(otherSides, col("pair_id").equalTo(col("of_pair")), "left")
              .where(col("of_pair").isNull().or(col("other_held").equalTo(col(HELD))))
              .drop("of_pair", "other_held");
    }
    Dataset<Row> train = sided.where(not(col(HELD))).drop(HELD);
    Dataset<Row> validation = sided.where(col(HELD)).drop(HELD);
    return List.of(
        of(TRAIN, train, train.count(), rowsPerFile),
        of(VALIDATION, validation, validation.count(), rowsPerFile));
  }

  /** Adds column {@value #HELD}: whether a row's image is for validation. */
  private static Dataset<Row> withSide(
      Dataset<Row> rows, Dataset<Row> duplicates, Manifest.Draw draw) {
    KeptImages kept = KeptImages.of(duplicates);
    Dataset<Row> clustered = kept.addedTo(rows);
    Column own = uniform(draw.seed(), col(KeptImages.COLUMN));
    if (kept.copies().isEmpty()) {
      return clustered.withColumn(HELD, own.lt(draw.validationShare())).drop(KeptImages.COLUMN);
    }
    Dataset<Row> copies =
        kept.copies()
            .get()
            .groupBy(col(KeptImages.COLUMN).as("of_copies"))
            .agg(max(uniform(draw.seed(), col("image_copy"))).as("of_last"));
    return clustered
        .join(copies, col(KeptImages.COLUMN).equalTo(col("of_copies")), "left")
        .withColumn(HELD, greatest(own, col("of_last")).lt(draw.validationShare()))
        .drop(KeptImages.COLUMN, "of_copies", "of_last");
  }

  /** Returns an image's draw, from 0 to 1. */
  private static Column uniform(long seed, Column image) {
    return shiftrightunsigned(xxhash64(lit(seed), lit(VALIDATION), image), Long.SIZE - DOUBLE_BITS)
        .cast("double")
        .multiply(Math.scalb(1.0, -DOUBLE_BITS));
  }

  /** Returns those of the rows that a format without pairs of images has. */
  Split ofTexts() {
    Dataset<Row> texts = pairs.where(col("rejects").equalTo(CandidatePair.TEXT));
    return new Split(name, texts, texts.count(), files);
  }

  private static Split of(String name, Dataset<Row> pairs, long rows, int rowsPerFile) {
    return new Split(name, pairs, rows, Math.toIntExact((rows + rowsPerFile - 1) / rowsPerFile));
  }
}

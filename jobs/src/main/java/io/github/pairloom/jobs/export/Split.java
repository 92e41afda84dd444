package io.github.pairloom.jobs.export;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.shiftrightunsigned;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.dedup.DedupStep;
import io.github.pairloom.schemas.CandidatePair;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * The rows of an export that are for one purpose.
 *
 * <p>A side is drawn for each image, by the seed and the image that is kept of its copies. So no
 * picture is on both sides, and a larger share leaves what is in validation there. Where images
 * come later that are copies of some on both sides, these become one cluster, and so some pairs
 * change sides.
 *
 * @param name {@link #TRAIN} or {@link #VALIDATION}
 * @param pairs rows of {@code preference_pairs}
 * @param rows their number
 * @param files number of files of each format
 */
record Split(String name, Dataset<Row> pairs, long rows, int files) {
  static final String TRAIN = "train";
  static final String VALIDATION = "validation";

  /** Bits of a hash that a double holds. */
  private static final int DOUBLE_BITS = 53;

  /** Returns all rows for training. */
  static List<Split> none(Dataset<Row> pairs, long rows, int rowsPerFile) {
    return List.of(of(TRAIN, pairs, rows, rowsPerFile));
  }

  /**
   * Returns the rows for training and those for validation, of which there may be none.
   *
   * @param pairs rows of {@code preference_pairs}
   * @param rows their number
   * @param duplicates table {@code duplicates}
   */
  static List<Split> drawn(
      Dataset<Row> pairs, long rows, Dataset<Row> duplicates, Manifest.Draw draw, int rowsPerFile) {
    Column hash = xxhash64(lit(draw.seed()), lit(VALIDATION), col(DedupStep.KEPT_IMAGE));
    Column uniform =
        shiftrightunsigned(hash, Long.SIZE - DOUBLE_BITS)
            .cast("double")
            .multiply(Math.scalb(1.0, -DOUBLE_BITS));
    Column held = uniform.lt(draw.validationShare());
    Dataset<Row> sided = DedupStep.withKeptImage(pairs, duplicates);
    Dataset<Row> validation = sided.where(held).drop(DedupStep.KEPT_IMAGE);
    long validationRows = validation.count();
    return List.of(
        of(
            TRAIN,
            sided.where(not(held)).drop(DedupStep.KEPT_IMAGE),
            rows - validationRows,
            rowsPerFile),
        of(VALIDATION, validation, validationRows, rowsPerFile));
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

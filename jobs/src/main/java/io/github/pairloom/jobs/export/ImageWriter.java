package io.github.pairloom.jobs.export;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/** Writes one image file for each row, on executors, and gives what became of it. */
abstract class ImageWriter implements MapPartitionsFunction<Row, Row> {
  private static final long serialVersionUID = 1L;

  /** What became of one image: the {@code file} written, or the {@code problem}. */
  static final StructType OUTCOME =
      StructType.fromDDL("id STRING, file STRING, bytes BIGINT, redrawn BOOLEAN, problem STRING");

  private final StagedFiles target;

  ImageWriter(StagedFiles target) {
    this.target = target;
  }

  /** Why there is no image to write; the message names the image. */
  static final class Problem extends Exception {
    private static final long serialVersionUID = 1L;

    Problem(String message) {
      super(message);
    }

    Problem(String image, RuntimeException cause) {
      super(image + ": " + cause.getMessage(), cause);
    }
  }

  /**
   * An image file.
   *
   * @param id of the image, or of the pair that it was made for
   * @param name from the export's root
   * @param redrawn whether these are not the bytes of the image
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record ImageFile(String id, String name, byte[] bytes, boolean redrawn) {}

  /**
   * Returns the file of a row.
   *
   * @throws Problem if the image is gone, or has changed
   */
  abstract ImageFile file(Row row) throws Problem;

  @Override
  public Iterator<Row> call(Iterator<Row> rows) throws IOException {
    List<Row> outcomes = new ArrayList<>();
    while (rows.hasNext()) {
      outcomes.add(write(rows.next()));
    }
    return outcomes.iterator();
  }

  private Row write(Row row) throws IOException {
    ImageFile file;
    try {
      file = file(row);
    } catch (Problem e) {
      return RowFactory.create(null, null, null, null, e.getMessage());
    }
    target.write(file.name, out -> out.write(file.bytes));
    return RowFactory.create(file.id, file.name, (long) file.bytes.length, file.redrawn, null);
  }
}

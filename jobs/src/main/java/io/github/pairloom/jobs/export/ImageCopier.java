package io.github.pairloom.jobs.export;

import io.github.pairloom.schemas.Image;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * Copies images from where they lie to files of their own, on executors. Takes rows of {@code
 * images} with the pairs' id in column {@value #WANTED}; all other columns are NULL where the table
 * has no such image.
 */
final class ImageCopier implements MapPartitionsFunction<Row, Row> {
  private static final long serialVersionUID = 1L;

  /** Column with the id of the image that is asked for. */
  static final String WANTED = "wanted";

  /** What became of one image: {@code bytes} copied, or the {@code problem}. */
  static final StructType OUTCOME = StructType.fromDDL("bytes BIGINT, problem STRING");

  private final ImageBytes source;
  private final StagedFiles target;
  private final String folder;

  ImageCopier(ImageBytes source, StagedFiles target, String folder) {
    this.source = source;
    this.target = target;
    this.folder = folder;
  }

  /** Returns the name of the file of an image. */
  static String fileName(String imageId, String format) {
    return imageId + "." + (format.equals("jpeg") ? "jpg" : format);
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) throws IOException {
    List<Row> outcomes = new ArrayList<>();
    while (rows.hasNext()) {
      outcomes.add(copy(rows.next()));
    }
    return outcomes.iterator();
  }

  private Row copy(Row row) throws IOException {
    if (row.isNullAt(row.fieldIndex("image_id"))) {
      return RowFactory.create(null, "image " + row.getAs(WANTED) + " is not in table images.");
    }
    Image image = Image.CODEC.fromRow(row);
    byte[] bytes;
    try {
      bytes = source.read(image);
    } catch (BadImageException e) {
      return RowFactory.create(null, "%s: %s".formatted(image.uri(), e.getMessage()));
    }
    target.write(folder + "/" + fileName(image.imageId(), image.format()), out -> out.write(bytes));
    return RowFactory.create((long) bytes.length, null);
  }
}

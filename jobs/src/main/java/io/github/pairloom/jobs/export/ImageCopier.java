package io.github.pairloom.jobs.export;

import io.github.pairloom.schemas.Image;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import org.apache.spark.sql.Row;

/**
 * Copies images from where they lie to files of their own. Takes rows of {@code images} with the
 * pairs' id in column {@value #WANTED}; all other columns are NULL where the table has no such
 * image.
 */
final class ImageCopier extends ImageWriter {
  private static final long serialVersionUID = 1L;

  /** Column with the id of the image that is asked for. */
  static final String WANTED = "wanted";

  private final ImageBytes source;

  ImageCopier(ImageBytes source, StagedFiles target) {
    super(target);
    this.source = source;
  }

  @Override
  ImageFile file(Row row) throws Problem {
    if (row.isNullAt(row.fieldIndex("image_id"))) {
      throw new Problem("image " + row.getAs(WANTED) + " is not in table images.");
    }
    Image image = Image.CODEC.fromRow(row);
    String extension = image.format().equals("jpeg") ? "jpg" : image.format();
    try {
      return new ImageFile(
          JsonLines.IMAGES + "/" + image.imageId() + "." + extension, source.read(image));
    } catch (BadImageException e) {
      throw new Problem(image.uri(), e);
    }
  }
}

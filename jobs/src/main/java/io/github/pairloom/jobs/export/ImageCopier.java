package io.github.pairloom.jobs.export;

import io.github.pairloom.schemas.Image;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.Optional;
import org.apache.spark.sql.Row;

/**
 * Copies images from where they lie to files of their own. Takes rows of {@code images} with the
 * pairs' id in column {@value #WANTED}; all other columns are NULL where the table has no such
 * image.
 *
 * <p>Pairs are made from the upright picture on white. Trainers open files without a look at the
 * orientation, and see the colours under transparent pixels: where that would be another picture,
 * the one that pairs were made from is written, as PNG.
 */
final class ImageCopier extends ImageWriter {
  private static final long serialVersionUID = 1L;

  /** Column with the id of the image that is asked for. */
  static final String WANTED = "wanted";

  private static final ImageDecoder DECODER = new ImageDecoder(ImageLimits.DEFAULTS);

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
    byte[] bytes;
    try {
      bytes = source.read(image);
    } catch (BadImageException e) {
      throw new Problem(image.uri(), e);
    }
    Optional<RgbImage> otherwise = otherwise(bytes);
    String extension =
        otherwise.isPresent() ? "png" : image.format().equals("jpeg") ? "jpg" : image.format();
    return new ImageFile(
        image.imageId(),
        JsonLines.IMAGES + "/" + image.imageId() + "." + extension,
        otherwise.map(ImageEdits::toPng).orElse(bytes),
        otherwise.isPresent());
  }

  /**
   * Returns what pairs were made from if readers of the file would see another picture. One that
   * does not decode now is copied, as its id vouches for it.
   */
  private static Optional<RgbImage> otherwise(byte[] bytes) {
    try {
      return DECODER.otherThanStored(bytes);
    } catch (BadImageException e) {
      return Optional.empty();
    }
  }
}

package io.github.pairloom.jobs.export;

import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.strategy.RejectedImage;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/**
 * Makes the images of rejected sides again, as PNG. Takes pairs that {@linkplain
 * JsonLines#hasMadeImage() have one}, with {@link ModelRows#IMAGE}; where pairs of one image follow
 * each other, it is read once.
 */
final class RejectedImageWriter extends ImageWriter {
  private static final long serialVersionUID = 1L;

  private static final RecordCodec<Transform> TRANSFORM =
      RecordCodec.of(
          (StructType)
              ((StructType) Table.PAIRS.schema().apply("provenance").dataType())
                  .apply("transform")
                  .dataType(),
          Transform.class);
  private static final ImageDecoder DECODER = new ImageDecoder(ImageLimits.DEFAULTS);

  private final ImageBytes source;
  private final ImagePreprocessor eye;
  private transient String imageId;
  private transient RgbImage picture;

  /**
   * @param eye how the model takes a picture that noise was laid on
   */
  RejectedImageWriter(ImageBytes source, ImagePreprocessor eye, StagedFiles target) {
    super(target);
    this.source = source;
    this.eye = eye;
  }

  @Override
  ImageFile file(Row row) throws Problem {
    String pairId = row.getAs("pair_id");
    Row place = row.getAs(ModelRows.IMAGE);
    if (place == null) {
      throw new Problem("the image of pair " + pairId + " is not in table images.");
    }
    Row provenance = row.getAs("provenance");
    Transform transform = TRANSFORM.fromRow(provenance.getAs("transform"));
    try {
      RgbImage rejected =
          RejectedImage.rebuildPicture(transform, picture(Image.CODEC.fromRow(place)), eye);
      return new ImageFile(pairId, JsonLines.madeImage(pairId), ImageEdits.toPng(rejected), true);
    } catch (BadImageException | IllegalArgumentException e) {
      throw new Problem("rejected image of pair " + pairId, e);
    }
  }

  /** Returns whether a pair's image comes to the pixels that were recorded. */
  boolean canMake(Row row) {
    try {
      file(row);
      return true;
    } catch (Problem e) {
      // What is wrong with the picture itself is told when all are written.
      return !(e.getCause() instanceof IllegalArgumentException);
    }
  }

  private RgbImage picture(Image image) {
    if (!image.imageId().equals(imageId)) {
      picture = DECODER.decode(source.read(image)).image();
      imageId = image.imageId();
    }
    return picture;
  }
}

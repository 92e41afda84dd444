package io.github.pairloom.jobs;

import io.github.pairloom.schemas.Image;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageDefect;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.spark.sql.Row;

/**
 * The images of one task's rows, each read and encoded once as long as rows about one image follow
 * each other. Not thread-safe.
 */
public final class ImageSight {
  /**
   * An image as the model takes it.
   *
   * @param picture reads the image itself again: it may be large, and few want it
   * @param pixels input of the vision encoder
   * @param features its output, once it is there
   */
  public record Encoded(
      Supplier<RgbImage> picture, PixelTensor pixels, CompletableFuture<ImageFeatures> features) {}

  private static final ImageDecoder DECODER = new ImageDecoder(ImageLimits.DEFAULTS);

  private final ImageBytes bytes;
  private final VisionLanguageModel model;
  private final TaskJournal journal;
  private String imageId;
  private Encoded encoded;
  private volatile long featureBytes;

  ImageSight(ImageBytes bytes, VisionLanguageModel model, TaskJournal journal) {
    this.bytes = bytes;
    this.model = model;
    this.journal = journal;
  }

  /**
   * Returns the image of {@code row}.
   *
   * @param row with the column {@link ModelRows#IMAGE}
   * @throws BadImageException if it is not there any more, or is no image
   * @throws PoisonRowException if the row is not to be worked on
   */
  public Encoded of(Row row) {
    journal.check(row);
    Row struct = row.getStruct(row.fieldIndex(ModelRows.IMAGE));
    if (struct == null) {
      throw new BadImageException(ImageDefect.MISSING, "The image is not in table images");
    }
    if (!struct.getAs("image_id").equals(imageId)) {
      Image image = Image.CODEC.fromRow(struct);
      PixelTensor pixels = model.preprocess(read(image));
      encoded =
          new Encoded(
              () -> read(image),
              pixels,
              model
                  .encode(pixels)
                  .whenComplete(
                      (features, failure) -> {
                        if (features != null) {
                          featureBytes = features.bytes();
                        }
                      }));
      imageId = image.imageId();
    }
    return encoded;
  }

  /** Reads another image. */
  public RgbImage read(Row image) {
    return read(Image.CODEC.fromRow(image));
  }

  private RgbImage read(Image image) {
    return DECODER.decode(bytes.read(image)).image();
  }

  /** Returns the memory that the last image takes; its features count once one was encoded. */
  public long bytes() {
    return encoded == null ? 0 : encoded.pixels.bytes() + featureBytes;
  }
}

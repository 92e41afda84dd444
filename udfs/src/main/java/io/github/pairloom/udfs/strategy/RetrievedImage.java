package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.Optional;
import java.util.function.Function;

/**
 * The most similar other image of the table, as rDPO rejects it (arXiv 2502.13146): hard to tell
 * from the image, so that its details count.
 *
 * @param nearDuplicate cosine from which an image counts as the same picture
 */
@SettingType("retrieved")
public record RetrievedImage(
    @Setting(
            value =
                "An image whose embedding has at least this cosine with the image's is taken for the"
                    + " same picture and left out, in (-1, 1]",
            defaults = "0.995")
        double nearDuplicate)
    implements ImageSide {
  public RetrievedImage {
    // Checks it.
    new Neighbourhood(1, nearDuplicate);
  }

  @Override
  public Optional<Neighbourhood> wantsNeighbours() {
    return Optional.of(new Neighbourhood(1, nearDuplicate));
  }

  @Override
  public RejectedImage rejected(RejectionInput input, Function<RgbImage, PixelTensor> eye) {
    return RejectedImage.retrieved(Retrieval.retrieved(input).get(0), eye);
  }
}

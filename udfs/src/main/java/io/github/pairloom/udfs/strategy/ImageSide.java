package io.github.pairloom.udfs.strategy;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.gate.PairGates;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * A strategy that rejects the image and not the text: the chosen response is to be likelier with
 * the image than with another view of it (mDPO, arXiv 2406.11839; CHiP, arXiv 2501.16629; rDPO,
 * arXiv 2502.13146).
 */
public sealed interface ImageSide extends RejectionStrategy
    permits ImageNoise, ImageCrop, ImageBlack, ImageRotation, OtherImage, RetrievedImage {
  @Override
  default boolean rejectsImage() {
    return true;
  }

  @Override
  default Sampling sampling() {
    return Sampling.GREEDY_TOKEN;
  }

  /**
   * Returns the image of the rejected side.
   *
   * @param eye how the model takes a picture
   */
  RejectedImage rejected(RejectionInput input, Function<RgbImage, PixelTensor> eye);

  @Override
  default CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    Transform transform = rejected(input, bench.model()::preprocess).transform();
    if (transform.pixelsSha256().equals(input.pixels().sha256())) {
      // Black for a black picture, or a copy of it as another one.
      return CompletableFuture.failedFuture(
          new NoPairException(PairGates.IDENTICAL, "to the model both images are the same"));
    }
    return CompletableFuture.completedFuture(
        List.of(
            new Rejection(
                Optional.empty(), input.chosen(), 1, 1, false, transform, Optional.empty())));
  }
}

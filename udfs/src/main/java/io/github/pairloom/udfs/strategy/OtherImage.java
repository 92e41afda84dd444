package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.function.Function;

/**
 * Another image of the table, drawn once for each image: CHiP's "random". What the chosen response
 * says may be true of it by chance; the score step tells how likely it is there.
 */
@SettingType("other-image")
public record OtherImage() implements ImageSide {
  @Override
  public boolean wantsOtherImage() {
    return true;
  }

  @Override
  public RejectedImage rejected(RejectionInput input, Function<RgbImage, PixelTensor> eye) {
    RejectionInput.Other other =
        input.others().stream()
            .findFirst()
            .orElseThrow(
                () -> new NoPairException("no-other-image", "table images has no other image"));
    return RejectedImage.other(other.imageId(), other.picture().get(), eye);
  }
}

package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.function.Function;

/** A black picture, as mDPO's and CHiP's ablations reject it: all samples 0, before normalising. */
@SettingType("black")
public record ImageBlack() implements ImageSide {
  @Override
  public RejectedImage rejected(RejectionInput input, Function<RgbImage, PixelTensor> eye) {
    return RejectedImage.black(input.picture().get(), eye);
  }
}

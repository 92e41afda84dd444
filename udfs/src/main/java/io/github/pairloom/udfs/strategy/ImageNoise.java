package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.function.Function;

/**
 * The image after diffusion noise on the normalised tensor, as CHiP rejects it (arXiv 2501.16629,
 * its default) at 500 steps.
 *
 * @param noiseSteps steps of forward diffusion
 */
@SettingType("noise")
public record ImageNoise(
    @Setting(
            value = "Steps of forward diffusion on the normalised image, 1 to 1000",
            defaults = "500")
        int noiseSteps)
    implements ImageSide {
  public ImageNoise {
    RejectedImage.checkSteps(noiseSteps);
  }

  @Override
  public RejectedImage rejected(RejectionInput input, Function<RgbImage, PixelTensor> eye) {
    return RejectedImage.noise(input.pixels(), noiseSteps, input.key().with("noise"));
  }
}

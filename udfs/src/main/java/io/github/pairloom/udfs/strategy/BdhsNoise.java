package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * BDHS by noise: the model sees the image after diffusion noise.
 *
 * @param noiseSteps N: steps of forward diffusion
 * @param bdhs what both variants share
 */
@SettingType("bdhs-noise")
public record BdhsNoise(
    @Setting(
            value = "Steps of forward diffusion on the normalised image (N), 1 to 1000",
            defaults = "500")
        int noiseSteps,
    @Setting("What both BDHS variants share") Bdhs bdhs)
    implements RejectionStrategy {
  public BdhsNoise {
    RejectedImage.checkSteps(noiseSteps);
  }

  @Override
  public Sampling sampling() {
    return bdhs.sampling();
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    return BdhsSampler.of(this, bench).sample(input).thenApply(List::of);
  }
}

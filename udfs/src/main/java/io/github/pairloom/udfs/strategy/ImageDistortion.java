package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Image distortion with teacher forcing, as POVID makes its second kind of rejected response (arXiv
 * 2402.11411): the model sees the image after diffusion noise and takes, for each token of the
 * chosen response, its own most likely one after the ORIGINAL tokens before it. One pass without
 * decoding. As no token knows what its neighbours became, the text is often nonsensical.
 *
 * @param noiseSteps steps of forward diffusion
 */
@SettingType("image-distortion")
public record ImageDistortion(
    @Setting(
            value = "Steps of forward diffusion on the normalised image, 1 to 1000",
            defaults = "500")
        int noiseSteps)
    implements RejectionStrategy {
  public ImageDistortion {
    RejectedImage.checkSteps(noiseSteps);
  }

  @Override
  public Sampling sampling() {
    return Sampling.GREEDY_TOKEN;
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    int[] prompt = bench.model().prompt(input.context(), input.prompt());
    int[] chosen = bench.model().response(input.chosen()).ids();
    RejectedImage noised =
        RejectedImage.noise(input.pixels(), noiseSteps, input.key().with("noise"));
    return bench
        .model()
        .encode(noised.pixels())
        .thenComposeAsync(
            seen -> bench.model().read(prompt, ImageView.full(seen), List.of(chosen)), bench)
        .thenApplyAsync(
            readings -> {
              String text = bench.model().text(readings.get(0).likeliest()).strip();
              return List.of(
                  new Rejection(
                      text,
                      1,
                      bench.similarity().of(input.chosen(), text),
                      false,
                      noised.transform()));
            },
            bench);
  }
}

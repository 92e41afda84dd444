package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Masking;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Hiding image tokens by attention mask and by leaving them out must give the same logits. */
final class MaskingBenchmark implements Benchmark {
  @Override
  public String name() {
    return "masking";
  }

  @Override
  public String summary() {
    return "largest difference of logits between masked and left-out image tokens";
  }

  @Override
  public void run(int limit, Figures figures) {
    List<DemoSet.Sample> samples = DemoSet.samples(limit);
    List<List<Object>> rows = new ArrayList<>();
    try (VisionLanguageModel model = ExecutorModels.open(DemoSet.model())) {
      for (double rate : MethodBenchmark.MASK_RATES) {
        double largest = 0;
        long logits = 0;
        for (DemoSet.Sample sample : samples) {
          ImageFeatures features = model.await(model.encode(model.preprocess(sample.image())));
          int[] ids =
              IntStream.concat(
                      IntStream.of(model.prompt(List.of(), sample.prompt())),
                      IntStream.of(model.response(sample.response()).ids()))
                  .toArray();
          KeyedRandom draws = KeyedRandom.of(1).with(sample.id()).with(sample.prompt());
          int[] visible =
              IntStream.range(0, features.tokens()).filter(i -> draws.uniform(i) >= rate).toArray();
          ImageView view = ImageView.of(features, visible);
          float[][] masked = model.textLogits(ids, view, Masking.ATTENTION);
          float[][] dropped = model.textLogits(ids, view, Masking.DROP);
          for (int i = 0; i < masked.length; i++) {
            for (int v = 0; v < masked[i].length; v++) {
              largest = Math.max(largest, Math.abs(masked[i][v] - dropped[i][v]));
            }
            logits += masked[i].length;
          }
        }
        rows.add(List.of(100 * rate, samples.size(), logits, largest));
      }
    }
    figures.add(
        "Masked against left out, demo model (must stay below 1e-4)",
        List.of("masked %", "samples", "logits compared", "largest difference"),
        rows);
  }
}

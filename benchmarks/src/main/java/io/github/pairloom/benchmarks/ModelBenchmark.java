package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Sampling;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** What the demo model sees, with some, few or no image tokens visible: greedy descriptions. */
final class ModelBenchmark implements Benchmark {
  @Override
  public String name() {
    return "model";
  }

  @Override
  public String summary() {
    return "how right the demo model's descriptions are at 0, 50, 90, 99 and 100 % masked";
  }

  @Override
  public void run(int limit, Figures figures) {
    List<DemoSet.Sample> samples =
        DemoSet.samples(limit).stream().filter(DemoSet.Sample::describes).toList();
    Vocabulary vocabulary = DemoSet.vocabulary();
    List<List<Object>> rows = new ArrayList<>();
    try (VisionLanguageModel model = ExecutorModels.open(DemoSet.model())) {
      for (double share : MethodBenchmark.MASK_RATES) {
        int objects = 0;
        int right = 0;
        int statements = 0;
        int wrong = 0;
        int wellFormed = 0;
        for (DemoSet.Sample sample : samples) {
          ImageFeatures features = model.await(model.encode(model.preprocess(sample.image())));
          String text =
              model
                  .generate(
                      model.prompt(List.of(), sample.prompt()),
                      view(features, share, sample.id()),
                      new int[0],
                      new Sampling(0, 1, 90),
                      KeyedRandom.of(0))
                  .text();
          Vocabulary.Verdict verdict = vocabulary.judge(text, sample.facts());
          objects += verdict.objects();
          right += verdict.rightObjects();
          statements += verdict.statements();
          wrong += verdict.wrong();
          wellFormed += verdict.wellFormed() ? 1 : 0;
        }
        rows.add(
            List.of(
                100 * share,
                samples.size(),
                objects,
                100.0 * right / objects,
                100.0 * wrong / statements,
                100.0 * wellFormed / samples.size()));
      }
    }
    figures.add(
        "Greedy descriptions of held-out scenes",
        List.of(
            "masked %",
            "scenes",
            "objects described",
            "right in kind and colour %",
            "statements false %",
            "well-formed %"),
        rows);
  }

  /** Shows exactly the share that is left, at random places. */
  private static ImageView view(ImageFeatures features, double masked, String id) {
    KeyedRandom draws = KeyedRandom.of(3).with(id);
    int[] visible =
        IntStream.range(0, features.tokens())
            .boxed()
            .sorted(Comparator.comparingDouble((Integer token) -> draws.uniform(token)))
            .limit(Math.round((1 - masked) * features.tokens()))
            .mapToInt(Integer::intValue)
            .sorted()
            .toArray();
    return ImageView.of(features, visible);
  }
}

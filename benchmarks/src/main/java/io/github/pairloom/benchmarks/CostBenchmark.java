package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The cost of a pair as samples per image and as sentences per response grow, beside what is
 * expected: an image's encoding is shared by its samples, and a sentence more costs its own tokens
 * and no second look at the image.
 *
 * <p>{@code ./pairloom bench cost --json FILE}. One iteration each, generation and similarity, on
 * one thread.
 */
final class CostBenchmark implements Benchmark {
  private static final long SEED = 2407;
  private static final int PAIRS = 128;
  private static final int ROUNDS = 5;
  private static final RejectionStrategy STRATEGY =
      new BdhsAttention(0.99, new Bdhs(1, 0.97, 0.5, new Sampling(0.7, 1, 90)));

  /**
   * What a pair took.
   *
   * @param all milliseconds
   * @param encoding milliseconds of it within runs of the vision encoder
   */
  private record Cost(double all, double encoding) {}

  @Override
  public String name() {
    return "cost";
  }

  @Override
  public String summary() {
    return "milliseconds per pair as samples per image and sentences per response grow";
  }

  @Override
  public void run(int limit, Figures figures) {
    List<DemoSet.Sample> described =
        DemoSet.samples(limit).stream().filter(DemoSet.Sample::describes).toList();
    try (Workbench bench =
        new Workbench(ExecutorModels.openInline(DemoSet.model()), EngineBenchmark.similarity())) {
      perImage(described, bench, figures);
      perSentence(described, bench, figures);
    }
  }

  private static void perImage(List<DemoSet.Sample> described, Workbench bench, Figures figures) {
    int[] counts = {1, 2, 4, 8};
    List<Cost> costs = new ArrayList<>();
    for (int count : counts) {
      costs.add(
          cost(
              IntStream.range(0, PAIRS)
                  .mapToObj(i -> sample(described, i - i % count, i, 1))
                  .toList(),
              bench));
    }
    double image = costs.get(0).encoding;
    double rest = costs.get(0).all - image;
    List<List<Object>> rows = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      rows.add(
          List.of(counts[i], costs.get(i).all, rest + image / counts[i], costs.get(i).encoding));
    }
    figures.add(
        "Milliseconds per pair by samples per image; expected: a sample's cost, and its share of one encoding",
        List.of("samples per image", "measured", "expected", "of it encoding"),
        rows);
  }

  private static void perSentence(
      List<DemoSet.Sample> described, Workbench bench, Figures figures) {
    int[] counts = {1, 2, 4, 8, 16};
    List<Cost> costs = new ArrayList<>();
    for (int count : counts) {
      costs.add(
          cost(
              IntStream.range(0, PAIRS).mapToObj(i -> sample(described, i, i, count)).toList(),
              bench));
    }
    int last = counts.length - 1;
    double each = (costs.get(last).all - costs.get(0).all) / (counts[last] - counts[0]);
    List<List<Object>> rows = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      rows.add(
          List.of(counts[i], costs.get(i).all, costs.get(0).all + each * (counts[i] - counts[0])));
    }
    figures.add(
        "Milliseconds per pair by sentences of the response; expected: the line through both ends",
        List.of("sentences", "measured", "expected"),
        rows);
  }

  /** Returns the median cost of rounds over the same samples, their texts known to similarity. */
  private static Cost cost(List<DemoSet.Sample> samples, Workbench bench) {
    EngineRun.reject(STRATEGY, samples, bench, SEED);
    List<Cost> rounds = new ArrayList<>();
    for (int round = 0; round < ROUNDS; round++) {
      ExecutorModels.metrics().drain();
      long start = System.nanoTime();
      EngineRun.reject(STRATEGY, samples, bench, SEED);
      double nanos = System.nanoTime() - start;
      double encoding = ExecutorModels.metrics().drain().get(Figure.ENCODE_NANOS);
      rounds.add(new Cost(nanos / 1e6 / samples.size(), encoding / 1e6 / samples.size()));
    }
    rounds.sort((a, b) -> Double.compare(a.all, b.all));
    return rounds.get(ROUNDS / 2);
  }

  /** Returns a sample about image {@code image} with the first sentences of several responses. */
  private static DemoSet.Sample sample(
      List<DemoSet.Sample> described, int image, int text, int sentences) {
    DemoSet.Sample shown = described.get(image % described.size());
    List<String> picked = new ArrayList<>();
    for (int i = text; picked.size() < sentences; i++) {
      picked.addAll(List.of(described.get(i % described.size()).response().split("(?<=\\.) ")));
    }
    return new DemoSet.Sample(
        shown.id(),
        shown.image(),
        shown.facts(),
        described.get(text % described.size()).prompt(),
        String.join(" ", picked.subList(0, sentences)),
        true);
  }
}

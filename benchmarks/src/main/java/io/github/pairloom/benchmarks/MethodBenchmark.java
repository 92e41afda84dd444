package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.similarity.SimilaritySettings.Scope;
import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.strategy.BdhsNoise;
import io.github.pairloom.udfs.strategy.Rejection;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * BDHS on the demo set, half descriptions and half questions: the share of rejected responses that
 * are dissimilar enough after each iteration (figure 10 of arXiv 2407.02477), and how many of the
 * rejected descriptions state what is false of the scene.
 */
final class MethodBenchmark implements Benchmark {
  static final double[] MASK_RATES = {0, 0.5, 0.9, 0.99, 1};
  private static final int ITERATIONS = 5;
  private static final double THRESHOLD = 0.97;
  private static final long SEED = 2407;

  @Override
  public String name() {
    return "method";
  }

  @Override
  public String summary() {
    return "BDHS by mask rate and noise: dissimilar by iteration 1..5, false statements";
  }

  @Override
  public void run(int limit, Figures figures) {
    List<DemoSet.Sample> samples = DemoSet.samples(limit);
    Vocabulary vocabulary = DemoSet.vocabulary();
    List<List<Object>> rows = new ArrayList<>();
    for (Scope scope : Scope.values()) {
      try (Workbench bench =
          new Workbench(ExecutorModels.openInline(DemoSet.model()), similarity(scope))) {
        // The scope changes only when to stop: the paper's is shown in full, the other at two
        // temperatures of its default mask rate.
        for (double temperature : new double[] {0, 0.7}) {
          strategies(temperature, scope)
              .forEach(
                  (label, strategy) -> {
                    List<Object> row =
                        new ArrayList<>(
                            List.of(
                                Scope.RESPONSE == scope ? "response" : "sentence",
                                label,
                                temperature));
                    row.addAll(measure(strategy, samples, vocabulary, bench));
                    rows.add(row);
                  });
        }
      }
    }
    List<String> columns = new ArrayList<>(List.of("scope", "view", "temperature"));
    for (int i = 1; i <= ITERATIONS; i++) {
      columns.add("<0.97 by " + i + " %");
    }
    columns.addAll(
        List.of("mean iterations", "identical %", "rejected false %", "chosen false %", "pairs/s"));
    figures.add(
        "BDHS on %s samples, one thread, similarity by MiniLM".formatted(samples.size()),
        columns,
        rows);
  }

  private static Similarity similarity(Scope scope) {
    return new Similarity(
        new SimilaritySettings(SimilaritySettings.MINILM, scope),
        SentenceEmbedder.open(SimilaritySettings.MINILM, 1));
  }

  private static Map<String, RejectionStrategy> strategies(double temperature, Scope scope) {
    Bdhs bdhs = new Bdhs(ITERATIONS, THRESHOLD, 0.5, new Sampling(temperature, 1, 90));
    Map<String, RejectionStrategy> strategies = new LinkedHashMap<>();
    for (double rate : MASK_RATES) {
      if (scope == Scope.RESPONSE || rate == 0.99) {
        strategies.put("mask " + rate, new BdhsAttention(rate, bdhs));
      }
    }
    if (scope == Scope.RESPONSE) {
      strategies.put("noise 300", new BdhsNoise(300, bdhs));
      strategies.put("noise 500", new BdhsNoise(500, bdhs));
    }
    return strategies;
  }

  private static List<Object> measure(
      RejectionStrategy strategy,
      List<DemoSet.Sample> samples,
      Vocabulary vocabulary,
      Workbench bench) {
    int[] dissimilarAfter = new int[ITERATIONS];
    int iterations = 0;
    int identical = 0;
    int descriptions = 0;
    int falseRejected = 0;
    int falseChosen = 0;
    long start = System.nanoTime();
    List<Rejection> rejections = EngineRun.reject(strategy, samples, bench, SEED);
    double seconds = (System.nanoTime() - start) / 1e9;
    for (int s = 0; s < samples.size(); s++) {
      DemoSet.Sample sample = samples.get(s);
      Rejection rejection = rejections.get(s);
      iterations += rejection.iteration();
      if (rejection.similarity() < THRESHOLD) {
        for (int i = rejection.iteration() - 1; i < ITERATIONS; i++) {
          dissimilarAfter[i]++;
        }
      }
      identical += rejection.text().equals(sample.response()) ? 1 : 0;
      if (sample.describes()) {
        descriptions++;
        falseRejected += vocabulary.judge(rejection.text(), sample.facts()).wrong() > 0 ? 1 : 0;
        falseChosen += vocabulary.judge(sample.response(), sample.facts()).wrong() > 0 ? 1 : 0;
      }
    }
    List<Object> row = new ArrayList<>();
    Arrays.stream(dissimilarAfter).forEach(n -> row.add(100.0 * n / samples.size()));
    row.add((double) iterations / samples.size());
    row.add(100.0 * identical / samples.size());
    row.add(100.0 * falseRejected / descriptions);
    row.add(100.0 * falseChosen / descriptions);
    row.add(samples.size() / seconds);
    return row;
  }
}

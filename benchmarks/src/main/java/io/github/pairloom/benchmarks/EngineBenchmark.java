package io.github.pairloom.benchmarks;

import io.github.pairloom.benchmarks.WithoutShortcut.Asking;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.similarity.SimilaritySettings.Scope;
import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.strategy.Rejection;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.vlm.Batching;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Masking;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The engine against BDHS to the letter, in Java and in transformers.js: same text, and how much
 * faster; each shortcut left out; the distance to what the model's runs alone take; and the same on
 * a model of LLaVA's proportions, where other costs count.
 *
 * <p>{@code ./pairloom bench engine --json FILE}. Everything runs on one thread. Rates are medians
 * of rounds in which the contenders take turns, after a warm-up on other scenes.
 */
final class EngineBenchmark implements Benchmark {
  private static final long SEED = 2407;
  private static final double MASK_RATE = 0.99;
  private static final Sampling DRAWN = new Sampling(0.7, 1, 90);
  private static final Sampling GREEDY = new Sampling(0, 1, 90);
  private static final int ROUNDS = 3;
  private static final int BOUND_ROUNDS = 7;

  /**
   * Below this many logits two tokens are as good as equal: float32 of other batches differs more.
   */
  private static final double TIE = 1e-4;

  /** Rows of a model that takes seconds for each when asked naively. */
  private static final int BENCH_ROWS = 24;

  private static final int BENCH_NAIVE_ROWS = 3;
  private static final int SAMPLES_PER_IMAGE = 4;
  private static final int SENTENCES = 6;

  /** Most tokens of a tail: about half a sentence, which is what a random cut leaves. */
  private static final int TAIL = 8;

  @Override
  public String name() {
    return "engine";
  }

  @Override
  public String summary() {
    return "pairs/s of the engine, of BDHS to the letter and of transformers.js; same text";
  }

  @Override
  public void run(int limit, Figures figures) {
    List<DemoSet.Sample> samples = DemoSet.samples(limit);
    try (NaiveBdhs naive = NaiveBdhs.open(Path.of(DemoSet.model().path()))) {
      figures.add(
          "Text of the engine against BDHS to the letter, mask rate 0.99, all iterations",
          List.of("temperature", "samples", "same", "ties", "differing", "reexamined tokens"),
          List.of(same(naive, samples, GREEDY), same(naive, samples, DRAWN)));
      speed(naive, samples, figures);
    }
    shortcuts(samples, figures);
    bound(samples, figures);
    benchModel(figures);
  }

  private static Bdhs bdhs(Sampling sampling) {
    return new Bdhs(5, 0.97, 0.5, sampling);
  }

  private static RejectionStrategy strategy(Sampling sampling) {
    return new BdhsAttention(MASK_RATE, bdhs(sampling));
  }

  /** Returns a similarity that knows no text yet. */
  static Similarity similarity() {
    return new Similarity(
        new SimilaritySettings(SimilaritySettings.MINILM, Scope.RESPONSE),
        SentenceEmbedder.open(SimilaritySettings.MINILM, 1));
  }

  private static NaiveBdhs.Row row(NaiveBdhs naive, DemoSet.Sample sample) {
    return new NaiveBdhs.Row(
        naive.preprocess(sample.image()),
        List.of(),
        sample.prompt(),
        sample.response(),
        EngineRun.key(sample, SEED));
  }

  private static List<Object> same(
      NaiveBdhs naive, List<DemoSet.Sample> samples, Sampling sampling) {
    int same = 0;
    int ties = 0;
    ExecutorModels.metrics().drain();
    try (Workbench bench = new Workbench(ExecutorModels.openInline(DemoSet.model()), similarity());
        Similarity own = similarity()) {
      List<Rejection> rejections = EngineRun.reject(strategy(sampling), samples, bench, SEED);
      for (int i = 0; i < samples.size(); i++) {
        Rejection ours = rejections.get(i);
        NaiveBdhs.Result theirs =
            naive.reject(
                row(naive, samples.get(i)), new Blindfold.Mask(MASK_RATE), bdhs(sampling), own);
        boolean equal =
            ours.text().equals(theirs.text())
                && ours.iteration() == theirs.iteration()
                && ours.similarity() == theirs.last().similarity();
        same += equal ? 1 : 0;
        ties += !equal && theirs.gapBefore(ours.text(), ours.iteration()) < TIE ? 1 : 0;
      }
    }
    long reexamined = ExecutorModels.metrics().drain().get(Figure.TOKENS_REEXAMINED);
    return List.of(
        sampling.temperature(),
        samples.size(),
        same,
        ties,
        samples.size() - same - ties,
        reexamined);
  }

  /** One way to make rejected responses, timed. */
  private interface Contender {
    /** Returns the seconds that it takes. */
    double seconds(List<DemoSet.Sample> samples);
  }

  /** The engine on one thread; with {@code similarity}, texts known to it cost nothing. */
  private static double engineSeconds(
      Workbench bench, RejectionStrategy strategy, List<DemoSet.Sample> samples) {
    long start = System.nanoTime();
    EngineRun.reject(strategy, samples, bench, SEED);
    return seconds(start);
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static void speed(NaiveBdhs naive, List<DemoSet.Sample> samples, Figures figures) {
    List<DemoSet.Sample> warmUp = samples.subList(0, samples.size() / 4);
    List<DemoSet.Sample> measured = samples.subList(samples.size() / 4, samples.size());
    List<List<Object>> rows = new ArrayList<>();
    for (Sampling sampling : List.of(DRAWN, GREEDY)) {
      RejectionStrategy strategy = strategy(sampling);
      Blindfold.Mask mask = new Blindfold.Mask(MASK_RATE);
      try (Workbench known =
          new Workbench(ExecutorModels.openInline(DemoSet.model()), similarity())) {
        // Fills the similarity, so that the rounds to come are generation alone.
        List<Integer> iterations =
            EngineRun.reject(strategy, samples, known, SEED).stream()
                .map(Rejection::iteration)
                .toList();
        List<Integer> measuredIterations =
            iterations.subList(samples.size() - measured.size(), samples.size());
        Map<String, Contender> contenders = new LinkedHashMap<>();
        contenders.put(
            "naive, generation alone",
            some -> {
              long start = System.nanoTime();
              int offset = samples.indexOf(some.get(0));
              for (int i = 0; i < some.size(); i++) {
                naive.generate(
                    row(naive, some.get(i)), mask, bdhs(sampling), iterations.get(offset + i));
              }
              return seconds(start);
            });
        contenders.put(
            "naive, with similarity",
            some -> {
              try (Similarity fresh = similarity()) {
                long start = System.nanoTime();
                for (DemoSet.Sample sample : some) {
                  naive.reject(row(naive, sample), mask, bdhs(sampling), fresh);
                }
                return seconds(start);
              }
            });
        contenders.put("engine, generation alone", some -> engineSeconds(known, strategy, some));
        contenders.put(
            "engine, with similarity",
            some -> {
              try (Workbench fresh =
                  new Workbench(ExecutorModels.openInline(DemoSet.model()), similarity())) {
                return engineSeconds(fresh, strategy, some);
              }
            });
        contenders.values().forEach(contender -> contender.seconds(warmUp));
        Map<String, List<Double>> seconds = rounds(contenders, measured);
        double[] js = transformersJs(naive, measured, measuredIterations, mask, sampling);
        double naiveAlone = rate(seconds, "naive, generation alone", measured);
        double naiveGated = rate(seconds, "naive, with similarity", measured);
        double engineAlone = rate(seconds, "engine, generation alone", measured);
        double engineGated = rate(seconds, "engine, with similarity", measured);
        rows.add(
            List.of(
                "generation alone",
                sampling.temperature(),
                naiveAlone,
                js[0],
                engineAlone,
                engineAlone / naiveAlone,
                engineAlone / js[0]));
        rows.add(
            List.of(
                "with similarity",
                sampling.temperature(),
                naiveGated,
                js[1],
                engineGated,
                engineGated / naiveGated,
                engineGated / js[1]));
      }
    }
    figures.add(
        "Pairs/s on %s samples of the demo set, demo model, mask rate 0.99, one thread each"
            .formatted(measured.size()),
        List.of("what", "temperature", "naive", "transformers.js", "engine", "x naive", "x t.js"),
        rows);
  }

  private static Map<String, List<Double>> rounds(
      Map<String, Contender> contenders, List<DemoSet.Sample> samples) {
    Map<String, List<Double>> seconds = new LinkedHashMap<>();
    for (int round = 0; round < ROUNDS; round++) {
      contenders.forEach(
          (name, contender) ->
              seconds
                  .computeIfAbsent(name, n -> new ArrayList<>())
                  .add(contender.seconds(samples)));
    }
    return seconds;
  }

  private static double rate(
      Map<String, List<Double>> seconds, String name, List<DemoSet.Sample> samples) {
    return samples.size() / median(seconds.get(name));
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  /** Returns pairs/s alone and with similarity; not numbers where npm does not answer. */
  private static double[] transformersJs(
      NaiveBdhs naive,
      List<DemoSet.Sample> samples,
      List<Integer> iterations,
      Blindfold.Mask mask,
      Sampling sampling) {
    try {
      Optional<TransformersJs> runtime = TransformersJs.install();
      if (runtime.isEmpty()) {
        return new double[] {Double.NaN, Double.NaN};
      }
      TransformersJsBdhs loop =
          new TransformersJsBdhs(runtime.get(), Path.of(DemoSet.model().path()), naive);
      List<TransformersJsBdhs.Question> questions =
          samples.stream()
              .map(s -> new TransformersJsBdhs.Question(s.image(), row(naive, s)))
              .toList();
      double alone = loop.generate(questions, mask, bdhs(sampling), iterations).seconds();
      double gated = loop.reject(questions, mask, bdhs(sampling)).seconds();
      return new double[] {samples.size() / alone, samples.size() / gated};
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while transformers.js ran", e);
    }
  }

  private static void shortcuts(List<DemoSet.Sample> samples, Figures figures) {
    ModelSpec spec = DemoSet.model();
    Batching one = new Batching(1, 1, 512, 128);
    Map<String, Workbench> benches = new LinkedHashMap<>();
    benches.put("all shortcuts", bench(spec, Masking.DROP, Asking.PLAIN));
    benches.put(
        "hidden image tokens masked, not left out", bench(spec, Masking.ATTENTION, Asking.PLAIN));
    benches.put("no draft", bench(spec, Masking.DROP, Asking.WITHOUT_DRAFT));
    benches.put(
        "no draft, a pass for every sentence", bench(spec, Masking.DROP, Asking.CUT_BY_CUT));
    benches.put("one passage at a time", bench(spec.with(one), Masking.DROP, Asking.PLAIN));
    benches.put("none of these", bench(spec.with(one), Masking.ATTENTION, Asking.CUT_BY_CUT));
    Map<String, Contender> contenders = new LinkedHashMap<>();
    benches.forEach(
        (name, bench) -> contenders.put(name, some -> engineSeconds(bench, strategy(DRAWN), some)));
    // Twice: the first fills the similarity and warms up.
    contenders.values().forEach(contender -> contender.seconds(samples));
    Map<String, List<Double>> seconds = rounds(contenders, samples);
    benches.values().forEach(Workbench::close);
    double all = median(seconds.get("all shortcuts"));
    List<List<Object>> rows = new ArrayList<>();
    seconds.forEach(
        (name, times) ->
            rows.add(List.of(name, samples.size() / median(times), median(times) / all)));
    figures.add(
        "Each shortcut left out, generation alone, temperature 0.7, demo model",
        List.of("engine with", "pairs/s", "times as long"),
        rows);
  }

  private static Workbench bench(ModelSpec spec, Masking masking, Asking asking) {
    return new Workbench(
        new WithoutShortcut(ExecutorModels.openInline(spec, masking), asking), similarity());
  }

  /**
   * How much of the time lies within the model's runs, which is the least it could take. The batch
   * sizes take turns, so that none has the machine's better moments.
   */
  private static void bound(List<DemoSet.Sample> samples, Figures figures) {
    Map<Integer, List<List<Double>>> bySize = new LinkedHashMap<>();
    Map<Integer, Workbench> benches = new LinkedHashMap<>();
    for (int size : new int[] {8, 16, 24, 48, 96, 192}) {
      Batching batching = new Batching(size, 1024 * Math.max(1, size / 48), 512, 128);
      benches.put(
          size,
          new Workbench(ExecutorModels.openInline(DemoSet.model().with(batching)), similarity()));
    }
    // Fills the similarities, and warms up.
    benches.values().forEach(bench -> engineSeconds(bench, strategy(DRAWN), samples));
    for (int round = 0; round < BOUND_ROUNDS; round++) {
      benches.forEach(
          (size, bench) ->
              bySize
                  .computeIfAbsent(size, s -> new ArrayList<>())
                  .add(millisPerPair(bench, samples)));
    }
    benches.values().forEach(Workbench::close);
    List<List<Object>> rows = new ArrayList<>();
    double[] least = new double[4];
    Arrays.fill(least, Double.POSITIVE_INFINITY);
    bySize.forEach(
        (size, rounds) -> {
          List<Object> row = new ArrayList<>(List.of(size));
          for (int i = 0; i < least.length; i++) {
            int column = i;
            double value = median(rounds.stream().map(round -> round.get(column)).toList());
            least[i] = Math.min(least[i], value);
            row.add(value);
          }
          row.add(
              median(
                  rounds.stream().map(r -> r.get(0) / (r.get(1) + r.get(2) + r.get(3))).toList()));
          rows.add(row);
        });
    double bound = least[1] + least[2] + least[3];
    figures.add(
        "Milliseconds per pair by batch size, generation alone, temperature 0.7, demo model"
            + " (medians of %s rounds)".formatted(BOUND_ROUNDS),
        List.of("rows at once", "all", "encoding", "prefill", "tails", "all : runs"),
        rows);
    figures.add(
        "Distance to the bound: encoding, prefill and tails, each at its best size",
        List.of("ms per pair", "bound", "ratio"),
        List.of(List.of(least[0], bound, least[0] / bound)));
  }

  /** Returns the time of all, of encoding, of prefill and of decoding. */
  private static List<Double> millisPerPair(Workbench bench, List<DemoSet.Sample> samples) {
    ExecutorModels.metrics().drain();
    double seconds = engineSeconds(bench, strategy(DRAWN), samples);
    Map<Figure, Long> did = ExecutorModels.metrics().drain();
    double perPair = 1e-6 / samples.size();
    return List.of(
        1e3 * seconds / samples.size(),
        did.get(Figure.ENCODE_NANOS) * perPair,
        did.get(Figure.PREFILL_NANOS) * perPair,
        did.get(Figure.DECODE_NANOS) * perPair);
  }

  /**
   * Returns samples as long as LLaVA-Instruct's answers, six sentences or more, and like there
   * several about one image.
   */
  private static List<DemoSet.Sample> longSamples() {
    List<DemoSet.Sample> described =
        DemoSet.samples(BENCH_ROWS + 4).stream().filter(DemoSet.Sample::describes).toList();
    List<DemoSet.Sample> samples = new ArrayList<>();
    for (int i = 0; i < BENCH_ROWS; i++) {
      DemoSet.Sample image = described.get(i - i % SAMPLES_PER_IMAGE);
      StringBuilder text = new StringBuilder(described.get(i).response());
      for (int next = i + 1; Sentences.split(text.toString()).size() < SENTENCES; next++) {
        text.append(' ').append(described.get(next % described.size()).response());
      }
      samples.add(
          new DemoSet.Sample(
              image.id(),
              image.image(),
              image.facts(),
              described.get(i).prompt(),
              text.toString(),
              true));
    }
    return samples;
  }

  private static void benchModel(Figures figures) {
    Path folder =
        Path.of(System.getProperty("pairloom.root", "."), "benchmarks", "target", "bench-model");
    try {
      BenchModel.create(folder, 1);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot write the bench model to " + folder, e);
    }
    // Drawn at 1: greedy, random weights repeat one word.
    Sampling sampling = new Sampling(1, 1, TAIL);
    RejectionStrategy strategy = new BdhsAttention(MASK_RATE, new Bdhs(1, 0.97, 0.5, sampling));
    List<DemoSet.Sample> samples = longSamples();
    double naiveSeconds;
    try (NaiveBdhs naive = NaiveBdhs.open(folder)) {
      Blindfold.Mask mask = new Blindfold.Mask(MASK_RATE);
      Bdhs bdhs = new Bdhs(1, 0.97, 0.5, sampling);
      List<DemoSet.Sample> some = samples.subList(0, BENCH_NAIVE_ROWS);
      List<NaiveBdhs.Row> rows = some.stream().map(sample -> row(naive, sample)).toList();
      naive.generate(rows.get(0), mask, bdhs, 1);
      long start = System.nanoTime();
      rows.forEach(row -> naive.generate(row, mask, bdhs, 1));
      naiveSeconds = seconds(start) / rows.size();
    }
    try (Workbench bench =
        new Workbench(ExecutorModels.openInline(ModelSpec.onCpu(folder)), similarity())) {
      // The runtime keeps the memory it once took: what a long run does not pay, this must not.
      engineSeconds(bench, strategy, samples);
      ExecutorModels.metrics().drain();
      // Texts of random words: what their similarity costs is not the model's.
      double engineSeconds = engineSeconds(bench, strategy, samples) / samples.size();
      Map<Figure, Long> did = ExecutorModels.metrics().drain();
      double runs =
          (did.get(Figure.ENCODE_NANOS)
                  + did.get(Figure.PREFILL_NANOS)
                  + did.get(Figure.DECODE_NANOS))
              / 1e9
              / samples.size();
      figures.add(
          "Seconds per pair on a model of LLaVA's proportions (576 image tokens, 116 M parameters, random weights), one iteration, mask rate 0.99, %s samples of six or more sentences, four an image, naive on %s of them"
              .formatted(samples.size(), BENCH_NAIVE_ROWS),
          List.of("naive", "engine", "x naive", "encoding", "prefill", "tails", "engine : runs"),
          List.of(
              List.of(
                  naiveSeconds,
                  engineSeconds,
                  naiveSeconds / engineSeconds,
                  did.get(Figure.ENCODE_NANOS) / 1e9 / samples.size(),
                  did.get(Figure.PREFILL_NANOS) / 1e9 / samples.size(),
                  did.get(Figure.DECODE_NANOS) / 1e9 / samples.size(),
                  engineSeconds / runs)));
    }
  }
}

package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecipeReader;
import io.github.pairloom.schemas.Likelihood;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.RowsUnderWay;
import io.github.pairloom.udfs.gate.PairGates;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.strategy.Neighbourhood;
import io.github.pairloom.udfs.strategy.NoPairException;
import io.github.pairloom.udfs.strategy.Ranked;
import io.github.pairloom.udfs.strategy.RejectedImage;
import io.github.pairloom.udfs.strategy.Rejection;
import io.github.pairloom.udfs.strategy.RejectionInput;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.text.ChangeSpans;
import io.github.pairloom.udfs.vlm.Batching;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import io.github.pairloom.udfs.vlm.Reading;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Every strategy of {@code conf/recipes/all-strategies.yaml} on the demo set: what it accepts, what
 * its pairs are like, what they cost; and how well the verdict of step {@code score} tells rejected
 * responses that are in fact true.
 */
final class StrategiesBenchmark implements Benchmark {
  private static final Path RECIPE =
      Path.of(System.getProperty("pairloom.root", ".")).resolve("conf/recipes/all-strategies.yaml");

  /** A pair with what is known of it. */
  private record Made(
      String strategy,
      DemoSet.Sample sample,
      String chosen,
      Rejection rejection,
      boolean ofImages,
      List<PairGates.Failure> failures,
      Likelihood seenChosen,
      Likelihood seenRejected,
      Likelihood blindChosen,
      Likelihood blindRejected) {
    boolean accepted() {
      return failures.isEmpty();
    }
  }

  @Override
  public String name() {
    return "strategies";
  }

  @Override
  public String summary() {
    return "every strategy side by side: gates, likeness, truth, cost; the score step's verdict";
  }

  @Override
  public void run(int limit, Figures figures) {
    try (RewritingServer server = new RewritingServer()) {
      Recipe recipe =
          RecipeReader.read(
              RECIPE,
              List.of(
                  "model.path=" + DemoSet.model().path(),
                  "reject.strategies.6.endpoint.url=" + server.url()));
      List<DemoSet.Sample> samples = DemoSet.samples(limit);
      Vocabulary vocabulary = DemoSet.vocabulary();
      List<List<Object>> rows = new ArrayList<>();
      List<Made> all = new ArrayList<>();
      try (Workbench bench =
          new Workbench(
              ExecutorModels.openInline(DemoSet.model()),
              new Similarity(
                  recipe.reject().similarity(),
                  SentenceEmbedder.open(recipe.reject().similarity().model(), 1)))) {
        Scenes scenes = new Scenes(samples, bench.model());
        for (RejectionStrategy strategy : recipe.reject().strategies()) {
          Run run = new Run(strategy, recipe, bench, scenes, samples);
          rows.add(run.row(vocabulary));
          all.addAll(run.made);
        }
      }
      figures.add(
          "Strategies on %s samples (half of them descriptions), one thread"
              .formatted(samples.size()),
          List.of(
              "strategy",
              "tried",
              "made",
              "accepted",
              "similarity",
              "length ratio",
              "edit share",
              "dependency of chosen",
              "of rejected",
              "fluency",
              "false descriptions %",
              "rejected preferred %",
              "tokens/pair",
              "ms/pair",
              "dropped"),
          rows);
      figures.note(
          "  dependency: nats per token by which the image raises the text; fluency: nats per token of"
              + " the rejected text without the image");
      fluency(all, figures);
      atEqualSimilarity(all, vocabulary, figures);
      verdicts(all, vocabulary, figures);
    }
  }

  /** How natural the texts are to the model that cannot see, whether gates let them pass or not. */
  private static void fluency(List<Made> all, Figures figures) {
    List<List<Object>> rows = new ArrayList<>();
    for (String id : List.of("bdhs-attention", "image-distortion", "dropout-ntp")) {
      List<Made> descriptions =
          all.stream().filter(pair -> pair.strategy.equals(id) && pair.sample.describes()).toList();
      List<Made> accepted = descriptions.stream().filter(Made::accepted).toList();
      rows.add(
          List.of(
              id,
              descriptions.size(),
              mean(descriptions, pair -> pair.blindRejected.perToken()),
              accepted.size(),
              mean(accepted, pair -> pair.blindRejected.perToken()),
              mean(descriptions, pair -> pair.blindChosen.perToken())));
    }
    figures.add(
        "Fluency of rejected descriptions: nats per token without the image",
        List.of("strategy", "made", "fluency", "accepted", "fluency", "of chosen"),
        rows);
  }

  /**
   * How many rejected descriptions are false where they are as similar to the chosen ones. The last
   * row weighs each range of similarity by the strategy that has fewer pairs there.
   */
  private static void atEqualSimilarity(List<Made> all, Vocabulary vocabulary, Figures figures) {
    double[] edges = {-1, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99, 1.01};
    List<List<Object>> rows = new ArrayList<>();
    double weights = 0;
    double ours = 0;
    double theirs = 0;
    for (int i = 0; i + 1 < edges.length; i++) {
      double from = edges[i];
      double to = edges[i + 1];
      List<Boolean> bdhs = falseOnes(all, "bdhs-attention", from, to, vocabulary);
      List<Boolean> dropout = falseOnes(all, "dropout-ntp", from, to, vocabulary);
      rows.add(
          List.of(
              i == 0 ? "below " + to : i + 2 == edges.length ? "from " + from : from + " to " + to,
              bdhs.size(),
              percent(bdhs),
              dropout.size(),
              percent(dropout)));
      if (!bdhs.isEmpty() && !dropout.isEmpty()) {
        double weight = Math.min(bdhs.size(), dropout.size());
        weights += weight;
        ours += weight * (double) percent(bdhs);
        theirs += weight * (double) percent(dropout);
      }
    }
    if (weights > 0) {
      rows.add(
          List.of("weighted", (long) weights, ours / weights, (long) weights, theirs / weights));
    }
    figures.add(
        "False rejected descriptions by similarity to the chosen ones",
        List.of("similarity", "bdhs-attention", "false %", "dropout-ntp", "false %"),
        rows);
  }

  private static List<Boolean> falseOnes(
      List<Made> all, String id, double from, double to, Vocabulary vocabulary) {
    return all.stream()
        .filter(pair -> pair.strategy.equals(id) && pair.sample.describes() && pair.accepted())
        .filter(pair -> pair.rejection.similarity() >= from && pair.rejection.similarity() < to)
        .map(pair -> isFalse(pair, vocabulary))
        .toList();
  }

  private static Object percent(List<Boolean> said) {
    return said.isEmpty() ? "-" : 100.0 * said.stream().filter(x -> x).count() / said.size();
  }

  /** The scenes by id, and how alike they look to the model. */
  private static final class Scenes {
    private record Near(String id, double similarity) {}

    private final Map<String, RgbImage> images = new TreeMap<>();
    private final Map<String, float[]> embeddings = new TreeMap<>();

    Scenes(List<DemoSet.Sample> samples, VisionLanguageModel model) {
      for (DemoSet.Sample sample : samples) {
        if (images.put(sample.id(), sample.image()) == null) {
          ImageFeatures features = model.await(model.encode(model.preprocess(sample.image())));
          embeddings.put(sample.id(), features.pooled());
        }
      }
    }

    RgbImage image(String id) {
      return images.get(id);
    }

    /** Returns the other scenes, the most similar first, without those that look the same. */
    List<Near> near(String id, double nearDuplicate) {
      float[] own = embeddings.get(id);
      return embeddings.entrySet().stream()
          .filter(entry -> !entry.getKey().equals(id))
          .map(entry -> new Near(entry.getKey(), cosine(own, entry.getValue())))
          .filter(near -> near.similarity < nearDuplicate)
          .sorted(Comparator.comparingDouble((Near near) -> -near.similarity))
          .toList();
    }

    private static double cosine(float[] a, float[] b) {
      return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).sum();
    }
  }

  /** One strategy over all samples. */
  private static final class Run {
    private final RejectionStrategy strategy;
    private final Recipe recipe;
    private final Workbench bench;
    private final Scenes scenes;
    private final List<DemoSet.Sample> samples;
    private final List<Made> made = new ArrayList<>();
    private final Map<String, Integer> dropped = new TreeMap<>();
    private final double seconds;
    private final long tokens;
    private String imageId;
    private PixelTensor pixels;
    private CompletableFuture<ImageFeatures> features;

    Run(
        RejectionStrategy strategy,
        Recipe recipe,
        Workbench bench,
        Scenes scenes,
        List<DemoSet.Sample> samples) {
      this.scenes = scenes;
      this.strategy = strategy;
      this.recipe = recipe;
      this.bench = bench;
      this.samples = samples;
      ExecutorModels.metrics().drain();
      long start = System.nanoTime();
      List<List<Rejection>> rejections = new ArrayList<>();
      new RowsUnderWay<>(
              samples.iterator(),
              this::begin,
              bench::await,
              () -> {},
              Batching.DEFAULTS.aheadMegabytes())
          .forEachRemaining(rejections::add);
      seconds = (System.nanoTime() - start) / 1e9;
      Map<Figure, Long> did = ExecutorModels.metrics().drain();
      tokens = did.get(Figure.TOKENS_PREFILLED) + did.get(Figure.TOKENS_DECODED);
      for (int i = 0; i < samples.size(); i++) {
        for (Rejection rejection : rejections.get(i)) {
          made.add(made(samples.get(i), rejection));
        }
      }
      made.stream()
          .filter(pair -> !pair.accepted())
          .forEach(pair -> dropped.merge(pair.failures.get(0).gate(), 1, Integer::sum));
    }

    private RowsUnderWay.Begun<List<Rejection>> begin(DemoSet.Sample sample) {
      if (!sample.id().equals(imageId)) {
        imageId = sample.id();
        pixels = bench.model().preprocess(sample.image());
        features = bench.model().encode(pixels);
      }
      PixelTensor seen = pixels;
      CompletableFuture<List<Rejection>> result =
          features
              .thenComposeAsync(
                  encoded -> strategy.reject(input(sample, seen, encoded), bench), bench)
              .exceptionally(
                  failure -> {
                    Throwable cause =
                        failure instanceof CompletionException ? failure.getCause() : failure;
                    if (cause instanceof NoPairException none) {
                      dropped.merge(none.reason(), 1, Integer::sum);
                      return List.of();
                    }
                    throw new CompletionException(cause);
                  });
      return new RowsUnderWay.Begun<>(result, seen.bytes());
    }

    private RejectionInput input(DemoSet.Sample sample, PixelTensor seen, ImageFeatures encoded) {
      return new RejectionInput(
          sample::image,
          seen,
          encoded,
          List.of(),
          sample.prompt(),
          sample.response(),
          true,
          extra(sample),
          others(sample),
          EngineRun.key(sample, recipe.seed()));
    }

    private List<RejectionInput.Other> others(DemoSet.Sample sample) {
      if (strategy.wantsNeighbours().isEmpty()) {
        DemoSet.Sample other = other(sample);
        return List.of(new RejectionInput.Other(other.id(), Double.NaN, other::image));
      }
      Neighbourhood wanted = strategy.wantsNeighbours().get();
      return scenes.near(sample.id(), wanted.nearDuplicate()).stream()
          .limit(wanted.count())
          .map(
              near ->
                  new RejectionInput.Other(
                      near.id(), near.similarity(), () -> scenes.image(near.id())))
          .toList();
    }

    private DemoSet.Sample other(DemoSet.Sample sample) {
      KeyedRandom key = KeyedRandom.of(recipe.seed()).with(sample.id()).with("other");
      for (long i = 0; ; i++) {
        DemoSet.Sample other = samples.get(key.below(samples.size(), i));
        if (!other.id().equals(sample.id())) {
          return other;
        }
      }
    }

    private static String extra(DemoSet.Sample sample) {
      List<Map<String, String>> objects =
          sample.facts().objects().stream().map(thing -> Map.of("kind", thing.kind())).toList();
      return new ObjectMapper().valueToTree(Map.of("facts", Map.of("objects", objects))).toString();
    }

    private Made made(DemoSet.Sample sample, Rejection rejection) {
      String chosen = rejection.chosen().map(Rejection.Better::text).orElse(sample.response());
      boolean ofImages = strategy.rejectsImage();
      List<PairGates.Failure> failures =
          ofImages
              ? List.of()
              : recipe
                  .reject()
                  .gates()
                  .failures(
                      new PairGates.Candidate(
                          chosen, rejection.text(), rejection.similarity(), rejection.cutOff()),
                      bench.model().controlTokens());
      VisionLanguageModel model = bench.model();
      List<int[]> both =
          List.of(model.response(chosen).ids(), model.response(rejection.text()).ids());
      ImageFeatures encoded = bench.await(model.encode(model.preprocess(sample.image())));
      int[] prompt = model.prompt(List.of(), sample.prompt());
      List<Reading> seen = bench.await(model.read(prompt, ImageView.full(encoded), both));
      Likelihood rejected = likelihood(seen.get(1));
      if (ofImages) {
        String id =
            rejection.transform().parameters().getOrDefault(RejectedImage.IMAGE_ID, sample.id());
        PixelTensor other =
            RejectedImage.rebuild(rejection.transform(), scenes.image(id), model::preprocess);
        ImageView view = ImageView.full(bench.await(model.encode(other)));
        rejected = likelihood(bench.await(model.read(prompt, view, both)).get(0));
      }
      List<Reading> blind =
          bench.await(
              model.read(
                  model.promptWithoutImage(List.of(), sample.prompt()),
                  ImageView.absent(encoded),
                  both));
      return new Made(
          strategy.id(),
          sample,
          chosen,
          rejection,
          ofImages,
          failures,
          likelihood(seen.get(0)),
          rejected,
          likelihood(blind.get(0)),
          likelihood(blind.get(1)));
    }

    private static Likelihood likelihood(Reading reading) {
      return new Likelihood(reading.logProb(), reading.endLogProb(), reading.tokens(), null);
    }

    List<Object> row(Vocabulary vocabulary) {
      List<Made> accepted = made.stream().filter(Made::accepted).toList();
      List<Made> descriptions =
          accepted.stream().filter(pair -> pair.sample.describes() && !pair.ofImages).toList();
      long untrue = descriptions.stream().filter(pair -> isFalse(pair, vocabulary)).count();
      long preferred = accepted.stream().filter(pair -> margin(pair) < 0).count();
      int pairs = Math.max(1, accepted.size());
      String label =
          strategy instanceof Ranked ranked
              ? ranked.id() + ", " + ranked.judge().id()
              : strategy.id();
      boolean ofImages = strategy.rejectsImage();
      return List.of(
          label,
          samples.size(),
          made.size(),
          accepted.size(),
          mean(accepted, pair -> pair.rejection.similarity()),
          mean(accepted, pair -> (double) pair.rejection.text().length() / pair.chosen.length()),
          mean(accepted, StrategiesBenchmark::editShare),
          mean(accepted, pair -> dependency(pair.seenChosen, pair.blindChosen)),
          ofImages
              ? "-"
              : mean(accepted, pair -> dependency(pair.seenRejected, pair.blindRejected)),
          ofImages ? "-" : mean(accepted, pair -> pair.blindRejected.perToken()),
          descriptions.isEmpty() ? "-" : 100.0 * untrue / descriptions.size(),
          100.0 * preferred / pairs,
          (double) tokens / pairs,
          1000 * seconds / pairs,
          dropped.isEmpty()
              ? "-"
              : dropped.entrySet().stream()
                  .map(entry -> entry.getKey() + " " + entry.getValue())
                  .collect(Collectors.joining(", ")));
    }
  }

  private static Object mean(List<Made> pairs, ToDoubleFunction<Made> value) {
    return pairs.isEmpty() ? "-" : pairs.stream().mapToDouble(value).average().orElseThrow();
  }

  private static double dependency(Likelihood seen, Likelihood blind) {
    return (seen.logProb() - blind.logProb()) / seen.tokens();
  }

  private static double margin(Made pair) {
    return pair.seenChosen.perToken() - pair.seenRejected.perToken();
  }

  /** Share of the chosen text that is changed, or of the rejected where that is longer. */
  private static double editShare(Made pair) {
    String rejected = pair.rejection.text();
    double changed =
        ChangeSpans.between(pair.chosen, rejected).stream()
            .mapToInt(
                span ->
                    Math.max(
                        span.chosenEnd() - span.chosenStart(),
                        span.rejectedEnd() - span.rejectedStart()))
            .sum();
    return Math.min(1, changed / Math.max(pair.chosen.length(), rejected.length()));
  }

  private static boolean isFalse(Made pair, Vocabulary vocabulary) {
    return wrong(pair.rejection.text(), pair, vocabulary) > 0;
  }

  private static int wrong(String text, Made pair, Vocabulary vocabulary) {
    return vocabulary.judge(text, pair.sample.facts()).wrong();
  }

  /** How well likelihoods tell rejected descriptions that are true of the scene. */
  private static void verdicts(List<Made> all, Vocabulary vocabulary, Figures figures) {
    List<Made> judged =
        all.stream()
            .filter(pair -> pair.sample.describes() && !pair.ofImages && pair.accepted())
            .filter(
                pair -> vocabulary.judge(pair.rejection.text(), pair.sample.facts()).wellFormed())
            .toList();
    Map<String, ToDoubleFunction<Made>> margins = new TreeMap<>();
    margins.put("mean with end", StrategiesBenchmark::margin);
    margins.put(
        "mean without end",
        pair ->
            pair.seenChosen.logProb() / pair.seenChosen.tokens()
                - pair.seenRejected.logProb() / pair.seenRejected.tokens());
    margins.put(
        "sum with end",
        pair ->
            pair.seenChosen.logProb()
                + pair.seenChosen.endLogProb()
                - pair.seenRejected.logProb()
                - pair.seenRejected.endLogProb());
    List<List<Object>> rows = new ArrayList<>();
    margins.forEach(
        (label, margin) -> {
          for (double least : new double[] {0, 0.05, 0.2}) {
            long turned = 0;
            long right = 0;
            long said = 0;
            long there = 0;
            for (Made pair : judged) {
              boolean isTrue = !isFalse(pair, vocabulary);
              boolean preferred = margin.applyAsDouble(pair) < least;
              there += isTrue ? 1 : 0;
              said += preferred ? 1 : 0;
              right += isTrue && preferred ? 1 : 0;
              turned +=
                  preferred
                          && wrong(pair.rejection.text(), pair, vocabulary)
                              <= wrong(pair.chosen, pair, vocabulary)
                      ? 1
                      : 0;
            }
            rows.add(
                List.of(
                    label,
                    String.format(Locale.ROOT, "%.2f", least),
                    judged.size(),
                    there,
                    said,
                    100.0 * right / Math.max(1, said),
                    100.0 * right / Math.max(1, there),
                    100.0 * turned / Math.max(1, said)));
          }
        });
    figures.add(
        "Verdict rejected-preferred against the scenes' facts, well-formed rejected descriptions",
        List.of(
            "margin",
            "least",
            "pairs",
            "true",
            "said",
            "precision %",
            "recall %",
            "no falser than chosen %"),
        rows);
  }
}

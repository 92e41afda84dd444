package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.RowsUnderWay;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.strategy.Rejection;
import io.github.pairloom.udfs.strategy.RejectionInput;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.Batching;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A strategy over samples as step {@code reject} runs it, without Spark. */
final class EngineRun {
  private record Row(DemoSet.Sample sample, RejectionStrategy strategy) {}

  private final Workbench bench;
  private final long seed;
  private String imageId;
  private PixelTensor pixels;
  private CompletableFuture<ImageFeatures> features;

  private EngineRun(Workbench bench, long seed) {
    this.bench = bench;
    this.seed = seed;
  }

  /** Returns a rejection of each sample, in order; samples about one image follow each other. */
  static List<Rejection> reject(
      RejectionStrategy strategy, List<DemoSet.Sample> samples, Workbench bench, long seed) {
    return reject(samples.stream().map(sample -> new Row(sample, strategy)), bench, seed);
  }

  /**
   * Has each sample rejected by each strategy, in the order in which step {@code reject} has them:
   * all of an image together, and these by a hash, so that long and short responses meet.
   */
  static void rejectAll(
      List<RejectionStrategy> strategies,
      List<DemoSet.Sample> samples,
      Workbench bench,
      long seed) {
    record Placed(Row row, long place) {}
    List<Row> rows =
        samples.stream()
            .flatMap(
                sample ->
                    IntStream.range(0, strategies.size())
                        .mapToObj(
                            i ->
                                new Placed(
                                    new Row(sample, strategies.get(i)),
                                    KeyedRandom.of(i).with(sample.prompt()).key())))
            .sorted(
                Comparator.comparing((Placed placed) -> placed.row.sample.id())
                    .thenComparing(Placed::place))
            .map(Placed::row)
            .toList();
    reject(rows.stream(), bench, seed);
  }

  private static List<Rejection> reject(Stream<Row> rows, Workbench bench, long seed) {
    EngineRun run = new EngineRun(bench, seed);
    List<Rejection> rejections = new ArrayList<>();
    new RowsUnderWay<>(
            rows.iterator(), run::begin, bench::await, () -> {}, Batching.DEFAULTS.aheadMegabytes())
        .forEachRemaining(rejections::add);
    return rejections;
  }

  /** Returns the root of a sample's draws. */
  static KeyedRandom key(DemoSet.Sample sample, long seed) {
    return KeyedRandom.of(seed).with(sample.id()).with(sample.prompt());
  }

  private RowsUnderWay.Begun<Rejection> begin(Row row) {
    DemoSet.Sample sample = row.sample;
    if (!sample.id().equals(imageId)) {
      imageId = sample.id();
      pixels = bench.model().preprocess(sample.image());
      features = bench.model().encode(pixels);
    }
    PixelTensor seen = pixels;
    CompletableFuture<Rejection> rejection =
        features
            .thenComposeAsync(
                encoded ->
                    row.strategy.reject(
                        new RejectionInput(
                            sample::image,
                            seen,
                            encoded,
                            List.of(),
                            sample.prompt(),
                            sample.response(),
                            true,
                            "",
                            List.of(),
                            key(sample, seed)),
                        bench),
                bench)
            .thenApply(rejections -> rejections.get(0));
    return new RowsUnderWay.Begun<>(rejection, seen.bytes());
  }
}

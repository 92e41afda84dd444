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
import java.util.List;
import java.util.concurrent.CompletableFuture;

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
    return reject(List.of(strategy), samples, bench, seed);
  }

  /** Returns a rejection of each sample by each strategy, all of a sample together. */
  static List<Rejection> reject(
      List<RejectionStrategy> strategies,
      List<DemoSet.Sample> samples,
      Workbench bench,
      long seed) {
    EngineRun run = new EngineRun(bench, seed);
    List<Rejection> rejections = new ArrayList<>();
    new RowsUnderWay<>(
            samples.stream()
                .flatMap(sample -> strategies.stream().map(strategy -> new Row(sample, strategy)))
                .iterator(),
            run::begin,
            bench::await,
            () -> {},
            Batching.DEFAULTS.aheadMegabytes())
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
                            "",
                            List.of(),
                            key(sample, seed)),
                        bench),
                bench)
            .thenApply(rejections -> rejections.get(0));
    return new RowsUnderWay.Begun<>(rejection, seen.bytes());
  }
}

package io.github.pairloom.benchmarks;

import io.github.pairloom.jobs.RowsUnderWay;
import io.github.pairloom.udfs.KeyedRandom;
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
  private final RejectionStrategy strategy;
  private final Workbench bench;
  private final long seed;
  private String imageId;
  private PixelTensor pixels;
  private CompletableFuture<ImageFeatures> features;

  private EngineRun(RejectionStrategy strategy, Workbench bench, long seed) {
    this.strategy = strategy;
    this.bench = bench;
    this.seed = seed;
  }

  /** Returns a rejection of each sample, in order; samples about one image follow each other. */
  static List<Rejection> reject(
      RejectionStrategy strategy, List<DemoSet.Sample> samples, Workbench bench, long seed) {
    EngineRun run = new EngineRun(strategy, bench, seed);
    List<Rejection> rejections = new ArrayList<>();
    new RowsUnderWay<>(
            samples.iterator(),
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

  private RowsUnderWay.Begun<Rejection> begin(DemoSet.Sample sample) {
    if (!sample.id().equals(imageId)) {
      imageId = sample.id();
      pixels = bench.model().preprocess(sample.image());
      features = bench.model().encode(pixels);
    }
    PixelTensor seen = pixels;
    CompletableFuture<Rejection> rejection =
        features.thenComposeAsync(
            encoded ->
                strategy.reject(
                    new RejectionInput(
                        seen,
                        encoded,
                        List.of(),
                        sample.prompt(),
                        sample.response(),
                        key(sample, seed)),
                    bench),
            bench);
    return new RowsUnderWay.Begun<>(rejection, seen.bytes());
  }
}

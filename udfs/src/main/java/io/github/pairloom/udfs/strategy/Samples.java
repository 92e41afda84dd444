package io.github.pairloom.udfs.strategy;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.vlm.Cut;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Passage;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** Responses that the model writes with full sight, to choose from. */
final class Samples {
  private Samples() {}

  /**
   * Returns the different texts among {@code count} samples, in the order of their first. Those
   * that the token limit ended, and blank ones, are left out.
   */
  static CompletableFuture<List<String>> write(
      RejectionInput input, int count, Sampling sampling, Workbench bench) {
    KeyedRandom key = input.key().with("sample");
    List<Cut> cuts = IntStream.range(0, count).mapToObj(i -> Cut.free(key.with(i))).toList();
    return bench
        .model()
        .complete(
            new Passage(
                bench.model().prompt(input.context(), input.prompt()),
                ImageView.full(input.features()),
                cuts,
                sampling))
        .thenApply(
            written ->
                written.stream()
                    .filter(generation -> !generation.cutOff())
                    .map(Generation::text)
                    .map(String::strip)
                    .filter(text -> !text.isEmpty())
                    .distinct()
                    .toList());
  }

  /** Returns how it is recorded that nothing was done to the image. */
  static Transform transform(RejectionInput input) {
    return new Transform(Transform.NONE, Map.of(), input.pixels().sha256(), null);
  }
}

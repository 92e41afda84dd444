package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.List;

/** A bench with the demo model, and demo scenes to lay on it. */
final class DemoBench implements AutoCloseable {
  final Workbench bench;
  final VisionLanguageModel model;

  DemoBench() {
    model = ExecutorModels.open(DemoFiles.model());
    bench =
        new Workbench(
            model,
            new Similarity(
                new SimilaritySettings(
                    SimilaritySettings.MINILM, SimilaritySettings.Scope.RESPONSE),
                SentenceEmbedder.open(SimilaritySettings.MINILM, 1)));
  }

  PixelTensor pixels(Scene scene) {
    return model.preprocess(scene.image());
  }

  RejectionInput input(Scene scene) {
    return input(scene, scene.prompt(), scene.response(), "");
  }

  RejectionInput input(Scene scene, String prompt, String chosen, String extra) {
    PixelTensor pixels = pixels(scene);
    return new RejectionInput(
        scene::image,
        pixels,
        bench.await(model.encode(pixels)),
        List.of(),
        prompt,
        chosen,
        true,
        extra,
        List.of(),
        KeyedRandom.of(7).with(chosen));
  }

  List<Rejection> reject(RejectionStrategy strategy, RejectionInput input) {
    return bench.await(strategy.reject(input, bench));
  }

  Rejection one(RejectionStrategy strategy, Scene scene) {
    return reject(strategy, input(scene)).get(0);
  }

  @Override
  public void close() {
    bench.close();
  }
}

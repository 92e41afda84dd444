package io.github.pairloom.udfs.vlm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.onnxruntime.OrtException;
import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.ModelException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TestReader {
  private static OnnxWeights weights;
  private static VisionLanguageModel model;

  @BeforeAll
  static void load() {
    weights = OnnxWeights.load(DemoFiles.model(), Device.cpu(), 1);
    model =
        OnnxVisionLanguageModel.inline(
            new Engine(weights, Batching.DEFAULTS, new ModelMetrics()), weights, () -> {});
  }

  @AfterAll
  static void close() {
    model.close();
    weights.close();
  }

  @Test
  void logProbabilitiesAreThoseOfTheWholeRowsOfLogits() {
    for (Scene scene : DemoFiles.scenes(6)) {
      ImageFeatures features = model.await(model.encode(model.preprocess(scene.image())));
      int[] prompt = model.prompt(List.of(), scene.prompt());
      for (ImageView view : List.of(ImageView.full(features), ImageView.of(features, 3, 40))) {
        List<int[]> responses =
            List.of(
                ids(scene.response()),
                ids(scene.response().replaceFirst("\\. .*", ". There is a red car on the left.")),
                ids("Yes."),
                ids(scene.response().replaceFirst("\\. .*", ".")),
                new int[0]);
        List<Reading> together = model.await(model.read(prompt, view, responses));
        for (int i = 0; i < responses.size(); i++) {
          check(prompt, view, responses.get(i), together.get(i));
        }
      }
    }
  }

  /** Holds a reading against a softmax in double precision over all logits of the same sequence. */
  private static void check(int[] prompt, ImageView view, int[] response, Reading reading) {
    int[] ids = IntStream.concat(IntStream.of(prompt), IntStream.of(response)).toArray();
    float[][] logits = model.textLogits(ids, view, Masking.DROP);
    int first = logits.length - response.length - 1;
    assertEquals(response.length, reading.tokens());
    double sum = 0;
    for (int i = 0; i < response.length; i++) {
      double expected = logProb(logits[first + i], response[i]);
      assertEquals(expected, reading.logProb(i), 1e-4);
      assertEquals(best(logits[first + i]), reading.likeliest()[i]);
      sum += expected;
    }
    assertEquals(sum, reading.logProb(), 1e-3);
    int end = weights.endTokens.iterator().next();
    assertEquals(logProb(logits[logits.length - 1], end), reading.endLogProb(), 1e-4);
  }

  @Test
  void whatIsReadBesidesChangesNothing() {
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageView view = ImageView.full(model.await(model.encode(model.preprocess(scene.image()))));
    int[] prompt = model.prompt(List.of(), scene.prompt());
    int[] response = ids(scene.response());
    Reading alone = model.await(model.read(prompt, view, List.of(response))).get(0);
    List<CompletableFuture<List<Reading>>> many =
        IntStream.range(0, 5).mapToObj(i -> model.read(prompt, view, List.of(response))).toList();
    many.forEach(reading -> assertEquals(alone, model.await(reading).get(0)));
  }

  @Test
  void aModelThatCannotBePaddedReadsOneByOneTheSame() {
    Capabilities all = weights.capabilities;
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageView view = ImageView.full(model.await(model.encode(model.preprocess(scene.image()))));
    int[] prompt = model.prompt(List.of(), scene.prompt());
    List<int[]> responses =
        List.of(ids(scene.response()), ids("There is a blue boat."), ids("No."));
    VisionLanguageModel unpadded =
        OnnxVisionLanguageModel.inline(
            new Engine(
                weights,
                weights.decoder,
                new Capabilities(all.masks(), all.gaps(), false, all.rounding()),
                Batching.DEFAULTS,
                new ModelMetrics()),
            weights,
            () -> {});
    try (unpadded) {
      List<Reading> expected = model.await(model.read(prompt, view, responses));
      List<Reading> found = unpadded.await(unpadded.read(prompt, view, responses));
      for (int i = 0; i < responses.size(); i++) {
        assertArrayEquals(expected.get(i).likeliest(), found.get(i).likeliest());
        assertEquals(expected.get(i).logProb(), found.get(i).logProb(), 1e-3);
      }
    }
  }

  @Test
  void withoutItsImageAPromptHasNoPlaceForIt() {
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageFeatures features = model.await(model.encode(model.preprocess(scene.image())));
    int[] prompt = model.promptWithoutImage(List.of(), scene.prompt());
    assertEquals(model.prompt(List.of(), scene.prompt()).length - 1, prompt.length);
    int[] response = ids(scene.response());
    Reading blind =
        model.await(model.read(prompt, ImageView.absent(features), List.of(response))).get(0);
    check(prompt, ImageView.absent(features), response, blind);
    CompletableFuture<List<Reading>> seeing =
        model.read(prompt, ImageView.full(features), List.of(response));
    assertTrue(
        assertThrows(ModelException.class, () -> model.await(seeing))
            .getMessage()
            .contains("0 image tokens"));
  }

  @Test
  void aFailingRunFailsItsReadingAlone() {
    Decoder failing =
        new Decoder() {
          private int runs;

          @Override
          public Output run(DecoderBatch batch, Caches past, int logitsToKeep) throws OrtException {
            if (runs++ == 0) {
              throw new OrtException("Non-zero status code");
            }
            return weights.decoder.run(batch, past, logitsToKeep);
          }

          @Override
          public boolean takesPositions() {
            return true;
          }

          @Override
          public int heads() {
            return weights.decoder.heads();
          }

          @Override
          public long cacheBytesPerToken() {
            return weights.decoder.cacheBytesPerToken();
          }
        };
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageView view = ImageView.full(model.await(model.encode(model.preprocess(scene.image()))));
    int[] prompt = model.prompt(List.of(), scene.prompt());
    try (Engine engine =
        new Engine(weights, failing, weights.capabilities, Batching.DEFAULTS, new ModelMetrics())) {
      CompletableFuture<List<Reading>> first = new CompletableFuture<>();
      CompletableFuture<List<Reading>> second = new CompletableFuture<>();
      engine.read(prompt, view, List.of(ids("Yes.")), first);
      engine.read(prompt, view, List.of(ids("Yes.")), second);
      while (engine.work()) {
        // To the end.
      }
      assertTrue(
          assertThrows(CompletionException.class, first::join).getCause()
              instanceof ModelException);
      assertEquals(model.await(model.read(prompt, view, List.of(ids("Yes.")))), second.join());
    }
  }

  private static int[] ids(String response) {
    return model.response(response).ids();
  }

  private static double logProb(float[] logits, int token) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return logits[token] - Math.log(sum);
  }

  private static int best(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}

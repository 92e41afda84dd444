package io.github.pairloom.udfs.strategy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.image.DiffusionNoise;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Masking;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The baselines that BDHS is held against: image distortion and dropout. */
class TestBaselines {
  private static DemoBench demo;
  private static List<Scene> scenes;

  @BeforeAll
  static void open() {
    demo = new DemoBench();
    scenes = DemoFiles.scenes(8);
  }

  @AfterAll
  static void close() {
    demo.close();
  }

  @Test
  void imageDistortionTakesTheLikeliestTokenAfterTheOriginalOnes() {
    ImageDistortion strategy = new ImageDistortion(500);
    boolean differs = false;
    for (Scene scene : scenes) {
      RejectionInput input = demo.input(scene);
      Rejection rejection = demo.reject(strategy, input).get(0);

      PixelTensor noisy = DiffusionNoise.apply(input.pixels(), 500, input.key().with("noise"));
      assertEquals(
          new Transform(
              "diffusion-noise",
              Map.of(
                  "noise-steps",
                  "500",
                  "noise-key",
                  Long.toString(input.key().with("noise").key())),
              noisy.sha256(),
              null),
          rejection.transform());
      // The slow way: all logits of prompt and response, in Java.
      int[] response = demo.model.response(scene.response()).ids();
      int[] ids =
          IntStream.concat(
                  IntStream.of(demo.model.prompt(List.of(), scene.prompt())),
                  IntStream.of(response))
              .toArray();
      ImageView view = ImageView.full(demo.bench.await(demo.model.encode(noisy)));
      float[][] logits = demo.model.textLogits(ids, view, Masking.DROP);
      int first = logits.length - response.length - 1;
      int[] own = new int[response.length];
      for (int i = 0; i < own.length; i++) {
        own[i] = best(logits[first + i]);
      }
      assertEquals(demo.model.text(own).strip(), rejection.text());
      assertEquals(1, rejection.iteration());
      differs |= !rejection.text().equals(scene.response());
    }
    assertTrue(differs, "noise changes no text");
  }

  @Test
  void dropoutKeepsTheFirstHalfOfTheWordsAndGoesOnWithoutTheImage() {
    DropoutNtp strategy = new DropoutNtp(0.5, false, new Sampling(0.7, 1, 90));
    List<String> texts = new ArrayList<>();
    for (Scene scene : scenes) {
      Rejection rejection = demo.one(strategy, scene);
      List<Integer> starts = Sentences.wordStarts(scene.response());
      String kept = scene.response().substring(0, starts.get(starts.size() / 2)).stripTrailing();
      assertTrue(rejection.text().startsWith(kept), rejection.text());
      assertFalse(rejection.text().contains("  "), rejection.text());
      assertEquals(Transform.ABSENT, rejection.transform().name());
      assertEquals(List.of(), rejection.transform().visibleTokens());
      assertEquals(rejection, demo.one(strategy, scene));
      texts.add(rejection.text());
    }
    assertNotEquals(scenes.stream().map(Scene::response).toList(), texts);
  }

  @Test
  void dropoutDoesNotDependOnTheImage() {
    DropoutNtp strategy = new DropoutNtp(0.3, false, new Sampling(0.7, 1, 60));
    RejectionInput one = demo.input(scenes.get(0));
    RejectionInput other = demo.input(scenes.get(1), one.prompt(), one.chosen(), "");
    assertEquals(
        demo.reject(strategy, one).get(0).text(), demo.reject(strategy, other).get(0).text());
  }

  @Test
  void dropoutThatIsShownTheImageStaysCloserToIt() {
    // Greedy and with full sight, the demo model writes what is there.
    DropoutNtp seeing = new DropoutNtp(0.5, true, new Sampling(0, 1, 90));
    DropoutNtp blind = new DropoutNtp(0.5, false, new Sampling(0, 1, 90));
    double seen = 0;
    double guessed = 0;
    for (Scene scene : scenes) {
      Rejection rejection = demo.one(seeing, scene);
      assertEquals(Transform.NONE, rejection.transform().name());
      seen += rejection.similarity();
      guessed += demo.one(blind, scene).similarity();
    }
    assertTrue(seen > guessed, seen + " with, " + guessed + " without");
  }

  @Test
  void dropoutCountsCharactersWhereThereAreNoSpaces() {
    String chosen = "\u6D77\u6EE9\u4E0A\u6709\u4E00\u8258\u8239";
    Rejection rejection =
        demo.reject(
                new DropoutNtp(0.5, false, new Sampling(0, 1, 5)),
                demo.input(scenes.get(0), "Describe the image.", chosen, ""))
            .get(0);
    assertTrue(rejection.text().startsWith(chosen.substring(0, 3)), rejection.text());
    assertFalse(rejection.text().startsWith(chosen.substring(0, 4)), rejection.text());
  }

  @Test
  void dropoutThatKeepsNothingWritesAllOfItWhateverTheResponse() {
    RejectionStrategy nothingKept = new DropoutNtp(0, false, new Sampling(0, 1, 90));
    Scene scene = scenes.get(0);
    String text = demo.one(nothingKept, scene).text();
    assertFalse(text.isBlank());
    RejectionInput other = demo.input(scene, scene.prompt(), "Purple zebras sing.", "");
    assertEquals(text, demo.reject(nothingKept, other).get(0).text());
  }

  @Test
  void parametersHaveEverySettingByItsKey() {
    assertEquals(
        Map.of(
            "keep-share", "0.5",
            "shows-image", "false",
            "temperature", "0.7",
            "top-p", "1.0",
            "max-new-tokens", "90"),
        new DropoutNtp(0.5, false, new Sampling(0.7, 1, 90)).parameters());
    assertEquals(Map.of("noise-steps", "300"), new ImageDistortion(300).parameters());
    assertThrows(IllegalArgumentException.class, () -> new ImageDistortion(0));
    assertThrows(
        IllegalArgumentException.class, () -> new DropoutNtp(1, false, new Sampling(0, 1, 1)));
  }

  private static int best(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}

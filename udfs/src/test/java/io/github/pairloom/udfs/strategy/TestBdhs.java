package io.github.pairloom.udfs.strategy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Sampling;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TestBdhs {
  private static final Sampling SAMPLING = new Sampling(0.7, 1, 90);
  private static Workbench bench;
  private static VisionLanguageModel model;
  private static List<Scene> scenes;

  @BeforeAll
  static void open() {
    model = ExecutorModels.open(DemoFiles.model());
    bench =
        new Workbench(
            model,
            new Similarity(
                new SimilaritySettings(
                    SimilaritySettings.MINILM, SimilaritySettings.Scope.RESPONSE),
                SentenceEmbedder.open(SimilaritySettings.MINILM, 1)));
    scenes = DemoFiles.scenes(12);
  }

  @AfterAll
  static void close() {
    bench.close();
  }

  @Test
  void theSameInputGivesTheSameRejectionInAnyOrder() {
    RejectionStrategy strategy = attention(0.99, 5, 0.97);
    List<Rejection> forwards = scenes.stream().map(s -> reject(strategy, s)).toList();
    List<Scene> reversed = new ArrayList<>(scenes);
    Collections.reverse(reversed);
    List<Rejection> backwards =
        new ArrayList<>(reversed.stream().map(s -> reject(strategy, s)).toList());
    Collections.reverse(backwards);
    assertEquals(forwards, backwards);
  }

  @Test
  void anotherKeyGivesAnotherRejection() {
    Scene scene = scenes.get(0);
    RejectionStrategy strategy = attention(1, 1, 0.97);
    long distinct =
        IntStream.range(0, 8)
            .mapToObj(i -> reject(strategy, scene, KeyedRandom.of(i)))
            .map(Rejection::text)
            .distinct()
            .count();
    assertTrue(distinct > 2, distinct + " texts of 8 keys");
  }

  @Test
  void anAttemptIsKeptOnlyOnceItIsDissimilarEnoughOrTheLast() {
    for (Scene scene : scenes) {
      Rejection rejection = reject(attention(0.9, 5, 0.97), scene);
      assertTrue(rejection.similarity() < 0.97 || rejection.iteration() == 5);
    }
  }

  @Test
  void noIterationIsSkipped() {
    // With a threshold that nothing meets, the last of one to five iterations is returned.
    for (int iterations = 1; iterations <= 5; iterations++) {
      assertEquals(
          iterations, reject(attention(0.99, iterations, -0.99), scenes.get(0)).iteration());
    }
  }

  @Test
  void aSingleIterationIsGuidedAndTheLastOfSeveralIsFree() {
    // The model sees everything and is greedy: freely it writes its own description, whatever the
    // key and the response; guided it goes on after as many words as the key keeps.
    Sampling greedy = new Sampling(0, 1, 90);
    for (Scene scene : scenes.subList(0, 4)) {
      Set<String> guided = new HashSet<>();
      Set<String> free = new HashSet<>();
      for (String response : List.of("Purple zebras sing under the old water.", scene.response())) {
        for (int i = 0; i < 6; i++) {
          RejectionInput input = input(scene, response, KeyedRandom.of(i));
          guided.add(reject(new BdhsAttention(0, new Bdhs(1, -0.99, 0, greedy)), input).text());
          Rejection second = reject(new BdhsAttention(0, new Bdhs(2, -0.99, 0, greedy)), input);
          assertEquals(2, second.iteration());
          free.add(second.text());
        }
      }
      assertEquals(1, free.size(), free::toString);
      assertTrue(guided.stream().anyMatch(text -> text.startsWith("Purple ")), guided::toString);
      assertTrue(free.stream().noneMatch(text -> text.contains("Purple")), free::toString);
    }
  }

  @Test
  void sentencesKeepTheirNumberWhenGuided() {
    for (Scene scene : scenes) {
      Rejection rejection = reject(attention(1, 1, 0.97), scene);
      long stops = rejection.text().chars().filter(c -> c == '.').count();
      assertEquals(scene.response().chars().filter(c -> c == '.').count(), stops);
      assertFalse(rejection.text().contains("  "), rejection.text());
      assertFalse(rejection.text().matches(".*\\.[A-Z].*"), rejection.text());
    }
  }

  @Test
  void yesAndNoAreSwappedInTheirOwnSentence() {
    Scene scene = scenes.get(0);
    Bdhs always = new Bdhs(1, 0.97, 1, new Sampling(0, 1, 30));
    boolean swapped = false;
    for (int i = 0; i < 20; i++) {
      RejectionInput input = input(scene, "No, there is no cat.", KeyedRandom.of(i));
      String text = reject(new BdhsAttention(1, always), input).text();
      swapped |= text.startsWith("Yes, ");
    }
    assertTrue(swapped, "no sentence of 20 starts with the other word");
    RejectionInput word = input(scene, "No.", KeyedRandom.of(1));
    assertEquals("Yes.", reject(new BdhsAttention(1, always), word).text());
  }

  @Test
  void anAttemptThatIsCutOffIsFollowedByTheNextHoweverDissimilarItIs() {
    Bdhs short3 = new Bdhs(3, 0.97, 0, new Sampling(0, 1, 1));
    Rejection rejection = reject(new BdhsAttention(1, short3), scenes.get(0));
    assertEquals(3, rejection.iteration());
    assertTrue(rejection.cutOff());
  }

  @Test
  void theMaskIsRecordedAndHasItsRate() {
    int visible = 0;
    for (Scene scene : scenes) {
      Rejection rejection = reject(attention(0.5, 1, 0.97), scene);
      assertEquals("attention-mask", rejection.transform().name());
      assertEquals(pixels(scene).sha256(), rejection.transform().pixelsSha256());
      visible += rejection.transform().visibleTokens().size();
    }
    // 12 x 64 draws with probability one half: within 5 standard deviations of 384.
    assertEquals(384, visible, 70);
    assertEquals(
        List.of(), reject(attention(1, 1, 0.97), scenes.get(0)).transform().visibleTokens());
    assertEquals(
        64, reject(attention(0, 1, 0.97), scenes.get(0)).transform().visibleTokens().size());
  }

  @Test
  void noiseIsRecordedByWhatTheModelSaw() {
    Scene scene = scenes.get(0);
    RejectionStrategy noise = new BdhsNoise(500, new Bdhs(5, 0.97, 0.5, SAMPLING));
    Rejection rejection = reject(noise, scene);
    assertEquals("diffusion-noise", rejection.transform().name());
    assertNull(rejection.transform().visibleTokens());
    assertNotEquals(pixels(scene).sha256(), rejection.transform().pixelsSha256());
    assertEquals(rejection, reject(noise, scene));
  }

  private static BdhsAttention attention(double maskRate, int iterations, double threshold) {
    return new BdhsAttention(maskRate, new Bdhs(iterations, threshold, 0.5, SAMPLING));
  }

  private static Rejection reject(RejectionStrategy strategy, Scene scene) {
    return reject(strategy, scene, KeyedRandom.of(7).with(scene.response()));
  }

  private static Rejection reject(RejectionStrategy strategy, Scene scene, KeyedRandom key) {
    return reject(strategy, input(scene, scene.response(), key));
  }

  private static Rejection reject(RejectionStrategy strategy, RejectionInput input) {
    return bench.await(strategy.reject(input, bench)).get(0);
  }

  private static RejectionInput input(Scene scene, String response, KeyedRandom key) {
    PixelTensor pixels = pixels(scene);
    return new RejectionInput(
        scene::image,
        pixels,
        bench.await(model.encode(pixels)),
        List.of(),
        scene.prompt(),
        response,
        true,
        "",
        List.of(),
        key);
  }

  private static PixelTensor pixels(Scene scene) {
    return model.preprocess(scene.image());
  }
}

package io.github.pairloom.udfs.strategy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageDefect;
import io.github.pairloom.udfs.text.ContentWords;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Reading;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TestRetrieval {
  private static final List<String> KEPT =
      List.of("this", "is", "a", "picture", "of", "there", "are", "on", "in", "the", "we", "can");

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

  private static Retrieval strategy(double threshold, String template) {
    return new Retrieval(
        new Neighbourhood(5, 0.99), threshold, template, KEPT, new Sampling(0, 1, 40));
  }

  private static RejectionInput input(Scene scene, RejectionInput.Other... others) {
    RejectionInput input = demo.input(scene);
    return new RejectionInput(
        input.picture(),
        input.pixels(),
        input.features(),
        input.context(),
        input.prompt(),
        input.chosen(),
        true,
        "",
        List.of(others),
        input.key());
  }

  private static RejectionInput.Other other(int scene) {
    return new RejectionInput.Other(
        "scene-" + scene, 0.9, () -> scenes.get(scene % scenes.size()).image());
  }

  @Test
  void theGapsAreFilledFromTheOtherImage() {
    double own = 0;
    double others = 0;
    for (int i = 0; i < scenes.size(); i++) {
      RejectionInput input = input(scenes.get(i), other(i + 1));
      Rejection rejection = demo.reject(strategy(1, ""), input).get(0);

      assertEquals(1, rejection.iteration());
      assertFalse(rejection.cutOff(), rejection.text());
      assertEquals("retrieved-image", rejection.transform().name());
      assertEquals(
          Map.of("image-id", "scene-" + (i + 1), "image-similarity", "0.9"),
          rejection.transform().parameters());
      ImageFeatures other =
          demo.bench.await(
              demo.model.encode(
                  demo.model.preprocess(scenes.get((i + 1) % scenes.size()).image())));
      own += logProb(input, ImageView.full(input.features()), rejection.text());
      others += logProb(input, ImageView.full(other), rejection.text());
    }
    assertTrue(others > own + 20, others + " about the other image, " + own + " about its own");
  }

  @Test
  void fromItsOwnImageTheModelCompletesTheTextAsItWas() {
    // With full sight the greedy demo model tells the truth, so the frame comes back as it was.
    int same = 0;
    for (int i = 0; i < scenes.size(); i++) {
      RejectionInput input = input(scenes.get(i), other(i));
      try {
        same += demo.reject(strategy(1, ""), input).get(0).similarity() > 0.9999 ? 1 : 0;
      } catch (NoPairException e) {
        // No text has a cosine below 1 with itself.
        assertEquals("no-completion-accepted", e.reason());
        same++;
      }
    }
    assertTrue(same >= scenes.size() / 2, same + " of " + scenes.size());
  }

  @Test
  void aCompletionThatIsTooSimilarMakesWayForTheNextImage() {
    int passedOver = 0;
    for (int i = 0; i < scenes.size(); i++) {
      RejectionInput input = input(scenes.get(i), other(i), other(i + 1));
      Rejection rejection = demo.reject(strategy(0.95, ""), input).get(0);
      assertTrue(rejection.similarity() < 0.95);
      if (rejection.iteration() == 2) {
        passedOver++;
        assertEquals("scene-" + (i + 1), rejection.transform().parameters().get("image-id"));
      }
    }
    assertTrue(passedOver >= scenes.size() / 2, passedOver + " of " + scenes.size());
  }

  @Test
  void whereNoCompletionIsAcceptedThereIsNoPair() {
    RejectionInput input = input(scenes.get(0), other(1), other(2));
    NoPairException e =
        assertThrows(NoPairException.class, () -> demo.reject(strategy(-0.99, ""), input));
    assertEquals("no-completion-accepted", e.reason());
    assertEquals(2, e.getMessage().split("cosine").length - 1, e.getMessage());
    assertEquals(
        "no-similar-image",
        assertThrows(
                NoPairException.class,
                () -> strategy(0.95, "").reject(input(scenes.get(0)), demo.bench))
            .reason());
  }

  @Test
  void anImageThatCannotBeReadIsPassedOverAndOnesAfterTheAcceptedAreNotRead() {
    RejectionInput.Other gone =
        new RejectionInput.Other(
            "gone",
            0.95,
            () -> {
              throw new BadImageException(ImageDefect.MISSING, "gone");
            });
    RejectionInput.Other unwanted =
        new RejectionInput.Other(
            "unwanted",
            0.8,
            () -> {
              throw new IllegalStateException("read all the same");
            });
    Rejection rejection =
        demo.reject(strategy(1, ""), input(scenes.get(0), gone, other(1), unwanted)).get(0);
    assertEquals(2, rejection.iteration());

    RejectionInput.Other unread =
        new RejectionInput.Other(
            "unread",
            0.95,
            () -> {
              throw new BadImageException(ImageDefect.UNREADABLE, "not now");
            });
    RejectionInput input = input(scenes.get(0), unread, other(1));
    BadImageException e =
        assertThrows(BadImageException.class, () -> demo.reject(strategy(1, ""), input));
    assertEquals(ImageDefect.UNREADABLE, e.defect(), "that may pass: another would be left out");
  }

  @Test
  void aLimitThatEndsWhatIsNotUsedCutsNothingOff() {
    // One sentence with something to follow each gap but the last.
    RejectionInput input = input(scenes.get(0), other(1));
    int cutOff = 0;
    int whole = 0;
    for (int limit = 2; limit <= 40; limit++) {
      Retrieval strategy =
          new Retrieval(new Neighbourhood(5, 0.99), 1, "", KEPT, new Sampling(0, 1, limit));
      Rejection rejection = demo.reject(strategy, input).get(0);
      cutOff += rejection.cutOff() ? 1 : 0;
      whole += rejection.cutOff() ? 0 : 1;
    }
    assertTrue(cutOff > 0 && whole > 25, cutOff + " cut off, " + whole + " not");
  }

  @Test
  void theTemplateAsksForACompletionOfTheMaskedText() {
    RejectionInput input = input(scenes.get(0), other(1));
    Rejection rejection = demo.reject(strategy(1, "{prompt} {masked}"), input).get(0);

    // The same by hand: the demo model is no follower of instructions, but writes something.
    ImageFeatures seen =
        demo.bench.await(demo.model.encode(demo.model.preprocess(scenes.get(1).image())));
    String masked =
        ContentWords.masked(input.chosen(), ContentWords.gaps(input.chosen(), Set.copyOf(KEPT)));
    assertTrue(masked.contains(ContentWords.MASK), masked);
    Generation written =
        demo.model.generate(
            demo.model.prompt(List.of(), input.prompt() + " " + masked),
            ImageView.full(seen),
            new int[0],
            new Sampling(0, 1, 40),
            input.key());
    assertEquals(written.text().strip(), rejection.text());
    assertEquals(
        "Invalid template: it lacks {masked}, so there would be nothing to complete",
        assertThrows(IllegalArgumentException.class, () -> strategy(1, "{prompt}")).getMessage());
  }

  private static double logProb(RejectionInput input, ImageView view, String text) {
    Reading reading =
        demo.bench
            .await(
                demo.model.read(
                    demo.model.prompt(List.of(), input.prompt()),
                    view,
                    List.of(demo.model.response(text).ids())))
            .get(0);
    return reading.logProb();
  }
}

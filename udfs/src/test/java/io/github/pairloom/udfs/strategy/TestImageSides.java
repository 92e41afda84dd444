package io.github.pairloom.udfs.strategy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.DiffusionNoise;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.ImageView;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Pairs whose rejected side is another view of the image. */
class TestImageSides {
  private static final long SEED = Long.getLong("tests.seed", System.nanoTime());
  private static DemoBench demo;
  private static List<Scene> scenes;

  @BeforeAll
  static void open() {
    demo = new DemoBench();
    scenes = DemoFiles.scenes(6);
    System.out.println("tests.seed = " + SEED);
  }

  @AfterAll
  static void close() {
    demo.close();
  }

  private static List<RejectionStrategy> all() {
    return List.of(
        new ImageNoise(500),
        new ImageCrop(0.01, 0.2),
        new ImageBlack(),
        new ImageRotation(10, 80),
        new OtherImage(),
        new RetrievedImage(0.995));
  }

  private static RejectionInput input(Scene scene, Scene other) {
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
        List.of(new RejectionInput.Other("other", 0.9, other::image)),
        KeyedRandom.of(SEED).with(scene.response()));
  }

  @Test
  void theImageCanBeMadeAgainFromWhatIsRecorded() {
    for (RejectionStrategy strategy : all()) {
      for (Scene scene : scenes) {
        Scene other = scenes.get((scenes.indexOf(scene) + 1) % scenes.size());
        RejectionInput input = input(scene, other);
        Rejection rejection = demo.reject(strategy, input).get(0);
        Transform transform = rejection.transform();
        RgbImage source =
            strategy instanceof OtherImage || strategy instanceof RetrievedImage
                ? other.image()
                : scene.image();

        String again = RejectedImage.rebuild(transform, source, demo.model::preprocess).sha256();

        assertEquals(transform.pixelsSha256(), again, transform + ", seed " + SEED);
        assertNotEquals(input.pixels().sha256(), again, transform + ", seed " + SEED);
        assertEquals(scene.response(), rejection.text());
        assertTrue(strategy.rejectsImage());
        if (!(strategy instanceof ImageBlack)) {
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  RejectedImage.rebuild(
                      transform, ImageEdits.rotate(source, 45), demo.model::preprocess),
              () -> "another picture passes for it: " + transform);
        }
      }
    }
  }

  @Test
  void sidesThatTheModelSeesAlikeAreNoPair() {
    RgbImage black = RgbImage.copyOf(64, 64, new byte[64 * 64 * 3]);
    RejectionInput scene = input(scenes.get(0), scenes.get(0));
    RejectionInput dark =
        new RejectionInput(
            () -> black,
            demo.model.preprocess(black),
            scene.features(),
            List.of(),
            "?",
            "Night.",
            true,
            "",
            List.of(),
            scene.key());
    assertEquals("identical", reason(new ImageBlack(), dark));
    assertEquals("identical", reason(new ImageCrop(0.01, 0.2), dark));
    // A copy under another id.
    assertEquals("identical", reason(new OtherImage(), scene));
  }

  private static String reason(RejectionStrategy strategy, RejectionInput input) {
    return assertThrows(NoPairException.class, () -> demo.reject(strategy, input)).reason();
  }

  @Test
  void noiseIsThatOfItsSteps() {
    RejectionInput input = input(scenes.get(0), scenes.get(1));
    assertEquals(
        DiffusionNoise.apply(input.pixels(), 300, input.key().with("noise")).sha256(),
        demo.reject(new ImageNoise(300), input).get(0).transform().pixelsSha256());
  }

  @Test
  void cropsHaveTheAreaAndShapeAskedForAndLieInThePicture() {
    ImageCrop crop = new ImageCrop(0.05, 0.2);
    RgbImage picture = RgbImage.copyOf(300, 200, new byte[300 * 200 * 3]);
    RejectionInput demoInput = input(scenes.get(0), scenes.get(1));
    double least = 1;
    double most = 0;
    for (int i = 0; i < 300; i++) {
      RejectionInput input =
          new RejectionInput(
              () -> picture,
              demoInput.pixels(),
              demoInput.features(),
              List.of(),
              "?",
              "A.",
              true,
              "",
              List.of(),
              KeyedRandom.of(SEED).with(i));
      Transform transform = crop.rejected(input, image -> demoInput.pixels()).transform();
      int[] at =
          Stream.of("left", "top", "width", "height")
              .mapToInt(key -> Integer.parseInt(transform.parameters().get(key)))
              .toArray();
      assertTrue(at[0] >= 0 && at[0] + at[2] <= 300, transform::toString);
      assertTrue(at[1] >= 0 && at[1] + at[3] <= 200, transform::toString);
      double shape = (double) at[2] / at[3];
      assertTrue(shape > 0.72 && shape < 1.39, transform::toString);
      double area = at[2] * at[3] / 60_000.0;
      least = Math.min(least, area);
      most = Math.max(most, area);
    }
    assertEquals(0.05, least, 0.01);
    assertEquals(0.2, most, 0.01);
  }

  @Test
  void editsKeepTheSizeAndDoWhatTheySay() {
    byte[] rgb = new byte[4 * 4 * 3];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = (byte) (i + 1);
    }
    RgbImage picture = RgbImage.copyOf(4, 4, rgb);
    assertEquals(RgbImage.copyOf(4, 4, new byte[48]), ImageEdits.black(picture));
    assertEquals(picture, ImageEdits.crop(picture, 0, 0, 4, 4));
    RgbImage turned = ImageEdits.rotate(picture, 90);
    for (int x = 0; x < 4; x++) {
      for (int y = 0; y < 4; y++) {
        assertEquals(picture.sample(3 - y, x, 1), turned.sample(x, y, 1), "anticlockwise");
      }
    }
    RgbImage one = ImageEdits.crop(picture, 2, 1, 1, 1);
    assertEquals(picture.sample(2, 1, 0), one.sample(3, 3, 0));
    assertThrows(IllegalArgumentException.class, () -> ImageEdits.crop(picture, 2, 1, 3, 1));
  }

  @Test
  void theChosenTextIsLessLikelyAboutTheRejectedImage() {
    for (RejectionStrategy strategy : all()) {
      double seen = 0;
      double rejected = 0;
      for (Scene scene : scenes) {
        Scene other = scenes.get((scenes.indexOf(scene) + 1) % scenes.size());
        RejectionInput input = input(scene, other);
        RejectedImage image = ((ImageSide) strategy).rejected(input, demo.model::preprocess);
        seen += logProb(input, ImageView.full(input.features()));
        rejected +=
            logProb(input, ImageView.full(demo.bench.await(demo.model.encode(image.pixels()))));
      }
      assertTrue(seen > rejected + 5, strategy.id() + ": " + seen + ", " + rejected);
    }
  }

  @Test
  void withoutAnotherImageThereIsNoPair() {
    RejectionInput input = demo.input(scenes.get(0));
    assertEquals(
        "no-other-image",
        assertThrows(NoPairException.class, () -> new OtherImage().reject(input, demo.bench))
            .reason());
  }

  private static double logProb(RejectionInput input, ImageView view) {
    return demo.bench
        .await(
            demo.model.read(
                demo.model.prompt(List.of(), input.prompt()),
                view,
                List.of(demo.model.response(input.chosen()).ids())))
        .get(0)
        .logProb();
  }
}

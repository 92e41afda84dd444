package io.github.pairloom.udfs.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.DemoFiles;
import java.util.List;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

class TestPerceptualHash {
  /** The radius within which images are duplicates by default. */
  private static final int RADIUS = 24;

  @Test
  void aPictureStaysTheSameWhenItIsScaledOrMadeBrighter() {
    for (RgbImage scene : scenes()) {
      assertTrue(distance(scene, twice(scene)) <= RADIUS / 2, "twice the size");
      assertTrue(distance(scene, each(scene, v -> v * 9 / 10)) <= RADIUS, "darker");
    }
  }

  @Test
  void otherPicturesAreFarAway() {
    List<RgbImage> scenes = scenes();
    for (int i = 0; i < scenes.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertTrue(distance(scenes.get(i), scenes.get(j)) > 2 * RADIUS, i + " and " + j);
      }
    }
  }

  @Test
  void anotherColourIsAnotherPicture() {
    // Red and green of the same luminance.
    assertTrue(distance(disc(200, 0, 0), disc(0, 102, 0)) > RADIUS);
  }

  @Test
  void aBlankPictureSaysNothing() {
    assertArrayEquals(new long[PerceptualHash.LONGS], PerceptualHash.of(filled(9, 5, 200)));
    assertArrayEquals(new long[PerceptualHash.LONGS], PerceptualHash.of(filled(1, 1, 0)));
  }

  @Test
  void hexDigitsHoldAllBits() {
    long[] hash = {-1, 1, Long.MIN_VALUE, 0x0123456789ABCDEFL};
    String digits = PerceptualHash.toHex(hash);
    assertEquals(
        "f".repeat(16) + "0".repeat(15) + "18" + "0".repeat(15) + "0123456789abcdef", digits);
    assertArrayEquals(hash, PerceptualHash.fromHex(digits));
    assertThrows(IllegalArgumentException.class, () -> PerceptualHash.fromHex("0"));
  }

  @Test
  void thePixelsDigestKnowsTheShape() {
    assertEquals(filled(2, 3, 7).sha256(), filled(2, 3, 7).sha256());
    assertTrue(!filled(2, 3, 7).sha256().equals(filled(3, 2, 7).sha256()));
  }

  private static int distance(RgbImage a, RgbImage b) {
    return PerceptualHash.distance(PerceptualHash.of(a), 0, PerceptualHash.of(b), 0);
  }

  private static List<RgbImage> scenes() {
    return DemoFiles.scenes(24).stream().map(DemoFiles.Scene::image).toList();
  }

  private static RgbImage twice(RgbImage image) {
    return drawn(2 * image.width(), 2 * image.height(), (x, y, c) -> image.sample(x / 2, y / 2, c));
  }

  private static RgbImage each(RgbImage image, IntUnaryOperator change) {
    return drawn(
        image.width(), image.height(), (x, y, c) -> change.applyAsInt(image.sample(x, y, c)));
  }

  private static RgbImage disc(int... colour) {
    return drawn(64, 64, (x, y, c) -> Math.hypot(x - 20, y - 24) < 14 ? colour[c] : 60);
  }

  private static RgbImage filled(int width, int height, int value) {
    return drawn(width, height, (x, y, c) -> value);
  }

  private interface Sample {
    int at(int x, int y, int channel);
  }

  private static RgbImage drawn(int width, int height, Sample sample) {
    byte[] rgb = new byte[width * height * RgbImage.CHANNELS];
    int i = 0;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < RgbImage.CHANNELS; c++) {
          rgb[i++] = (byte) sample.at(x, y, c);
        }
      }
    }
    return RgbImage.copyOf(width, height, rgb);
  }
}

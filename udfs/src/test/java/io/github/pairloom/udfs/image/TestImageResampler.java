package io.github.pairloom.udfs.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class TestImageResampler {
  static Stream<String> resampled() {
    return GoldenImages.rows("resampled.txt").stream().map(row -> String.join(" ", row));
  }

  @ParameterizedTest
  @MethodSource("resampled")
  void everyByteIsPillows(String golden) {
    String[] row = golden.split(" ", -1);
    RgbImage picture = GoldenImages.picture(Integer.parseInt(row[1]), Integer.parseInt(row[2]));
    RgbImage resized =
        Resampler.ofPillowCode(Integer.parseInt(row[0]))
            .resize(picture, Integer.parseInt(row[3]), Integer.parseInt(row[4]));
    assertEquals(row[5], GoldenImages.sha256(resized), golden);
  }

  @RepeatedTest(30)
  void oneColourStaysThatColour() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    Random random = new Random(seed);
    byte[] colour = new byte[3];
    random.nextBytes(colour);
    RgbImage before = filled(colour, 1 + random.nextInt(60), 1 + random.nextInt(60));
    int width = 1 + random.nextInt(90);
    int height = 1 + random.nextInt(90);
    for (Resampler resampler : Resampler.values()) {
      assertEquals(
          filled(colour, width, height),
          resampler.resize(before, width, height),
          resampler + ": rerun with -Dtests.seed=" + seed);
    }
  }

  @ParameterizedTest
  @EnumSource
  void sameSizeIsTheSameImage(Resampler resampler) {
    RgbImage picture = GoldenImages.picture(9, 7);
    assertSame(picture, resampler.resize(picture, 9, 7));
  }

  @Test
  void unknownCodeNamesTheKnownOnes() {
    Exception e = assertThrows(IllegalArgumentException.class, () -> Resampler.ofPillowCode(6));
    assertEquals(
        "Invalid resample code: 6 (must be 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box or 5"
            + " hamming)",
        e.getMessage());
  }

  @Test
  void sizeWithoutPixelsIsRefused() {
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Resampler.BICUBIC.resize(GoldenImages.picture(3, 3), 0, 5));
    assertEquals("Invalid target size: 0x5 (both must be at least 1)", e.getMessage());
  }

  private static RgbImage filled(byte[] colour, int width, int height) {
    byte[] rgb = new byte[width * height * RgbImage.CHANNELS];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = colour[i % RgbImage.CHANNELS];
    }
    return RgbImage.wrap(width, height, rgb);
  }
}

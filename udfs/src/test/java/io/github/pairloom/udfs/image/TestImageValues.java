package io.github.pairloom.udfs.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class TestImageValues {
  @Test
  void imageDoesNotSeeLaterChangesOfItsBytes() {
    byte[] rgb = {1, 2, 3, 4, 5, (byte) 250};
    RgbImage image = RgbImage.copyOf(2, 1, rgb);
    rgb[0] = 9;
    image.toBytes()[1] = 9;
    assertArrayEquals(new byte[] {1, 2, 3, 4, 5, (byte) 250}, image.toBytes());
    assertEquals(250, image.sample(1, 0, 2));
  }

  @Test
  void imagesOfOneContentButOtherSizesDiffer() {
    assertNotEquals(RgbImage.copyOf(2, 1, new byte[6]), RgbImage.copyOf(1, 2, new byte[6]));
    assertEquals(RgbImage.copyOf(2, 1, new byte[6]), RgbImage.copyOf(2, 1, new byte[6]));
  }

  @Test
  void imageOfTheWrongLengthIsRefused() {
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> RgbImage.copyOf(2, 2, new byte[11]));
    assertEquals("Invalid pixels of an image of 2x2: 11 bytes (must be 12)", e.getMessage());
  }

  @Test
  void tensorIsOrderedByChannelRowColumn() {
    float[] data = new float[18];
    for (int i = 0; i < data.length; i++) {
      data[i] = i;
    }
    PixelTensor tensor = PixelTensor.copyOf(2, 3, data);
    data[0] = 99;
    assertEquals(0, tensor.value(0, 0, 0));
    assertEquals(2 * 6 + 3 + 2, tensor.value(2, 1, 2));
    assertEquals(17, tensor.data().get(17));
    assertTrue(tensor.data().isReadOnly());
  }

  @Test
  void tensorHashIsThatOfLittleEndianFloats() {
    // numpy: sha256(np.array([1, -2, 0.5], "<f4").tobytes())
    assertEquals(
        "2ce4bdb6b34a50ac7092eb9fee94337a27498e9eb9bae44192f15b88831b2422",
        PixelTensor.copyOf(1, 1, new float[] {1, -2, 0.5f}).sha256());
  }

  @Test
  void tensorOfTheWrongLengthIsRefused() {
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> PixelTensor.copyOf(2, 2, new float[11]));
    assertEquals("Invalid data of a tensor [3, 2, 2]: 11 values (must be 12)", e.getMessage());
  }

  @Test
  void defaultLimitsAreTheDocumentedOnes() {
    assertEquals(new ImageLimits(67_108_864, 89_478_485, 28, 200), ImageLimits.DEFAULTS);
  }

  @Test
  void limitsThatCannotHoldAreRefused() {
    assertRefused("Invalid maxBytes: 0 (must be at least 1)", 0, 1, 1, 1);
    assertRefused("Invalid maxPixels: 715827880 (must be 1 to 715827879)", 1, 715_827_880, 1, 1);
    assertRefused("Invalid minSide: 0 (must be at least 1)", 1, 1, 0, 1);
    assertRefused("Invalid maxAspect: NaN (must be at least 1)", 1, 1, 1, Double.NaN);
  }

  @Test
  void defectCodesAreStable() {
    assertEquals(
        "image-missing image-unreadable image-empty image-not-an-image image-unsupported"
            + " image-truncated image-corrupt image-too-large image-too-small-or-extreme",
        Arrays.stream(ImageDefect.values())
            .map(ImageDefect::code)
            .collect(Collectors.joining(" ")));
  }

  @Test
  void messagesAreCut() {
    String message = new BadImageException(ImageDefect.CORRUPT, "x".repeat(5000)).getMessage();
    assertEquals(BadImageException.MAX_MESSAGE_LENGTH, message.length());
  }

  private static void assertRefused(
      String message, long maxBytes, long maxPixels, int minSide, double maxAspect) {
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new ImageLimits(maxBytes, maxPixels, minSide, maxAspect));
    assertEquals(message, e.getMessage());
  }
}

package io.github.pairloom.udfs.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** What {@code generate.py} made with Pillow. */
final class GoldenImages {
  private GoldenImages() {}

  /** Returns the rows of a golden table, split at blanks. */
  static List<String[]> rows(String table) {
    return new String(bytes(table), StandardCharsets.UTF_8)
        .lines()
        .filter(line -> !line.startsWith("#"))
        .map(line -> line.split(" ", -1))
        .toList();
  }

  static byte[] bytes(String file) {
    try (InputStream stream = GoldenImages.class.getResourceAsStream(file)) {
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new AssertionError("Cannot read golden file " + file, e);
    }
  }

  /** The formula of {@code picture} in {@code generate.py}. */
  static RgbImage picture(int width, int height) {
    byte[] rgb = new byte[width * height * RgbImage.CHANNELS];
    int at = 0;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < RgbImage.CHANNELS; c++) {
          int pattern = (x * (c + 3) + y * (7 - c) + x * y) % 256;
          int blocks = (x / 5 + y / 3 + c) % 2 * 255;
          rgb[at++] = (byte) ((pattern + 2 * blocks) / 3);
        }
      }
    }
    return RgbImage.wrap(width, height, rgb);
  }

  static String sha256(RgbImage image) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(image.toBytes()));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}

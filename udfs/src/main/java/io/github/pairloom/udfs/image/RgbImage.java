package io.github.pairloom.udfs.image;

import static java.util.Objects.requireNonNull;

import io.github.pairloom.schemas.ContentId;
import java.util.Arrays;

/**
 * An immutable picture in 8-bit RGB, opaque, upright, rows from the top. Two pictures are equal if
 * their sizes and all their pixels are.
 */
public final class RgbImage {
  /** Red, green, blue. */
  public static final int CHANNELS = 3;

  private final int width;
  private final int height;
  private final byte[] rgb;

  private RgbImage(int width, int height, byte[] rgb) {
    if (width < 1 || height < 1) {
      throw new IllegalArgumentException(
          "Invalid image size: " + width + "x" + height + " (both must be at least 1)");
    }
    if (rgb.length != (long) width * height * CHANNELS) {
      throw new IllegalArgumentException(
          "Invalid pixels of an image of %dx%d: %d bytes (must be %d)"
              .formatted(width, height, rgb.length, (long) width * height * CHANNELS));
    }
    this.width = width;
    this.height = height;
    this.rgb = rgb;
  }

  /**
   * Returns an image with a copy of {@code rgb}.
   *
   * @param rgb height x width x 3 unsigned bytes
   */
  public static RgbImage copyOf(int width, int height, byte[] rgb) {
    return new RgbImage(width, height, requireNonNull(rgb, "rgb is null").clone());
  }

  /** Returns an image that owns {@code rgb}: the caller must not keep it. */
  static RgbImage wrap(int width, int height, byte[] rgb) {
    return new RgbImage(width, height, rgb);
  }

  /** Returns the number of columns, at least 1. */
  public int width() {
    return width;
  }

  /** Returns the number of rows, at least 1. */
  public int height() {
    return height;
  }

  /** Returns one sample, 0 to 255; channel 0 is red, 1 green, 2 blue. */
  public int sample(int x, int y, int channel) {
    return rgb[(y * width + x) * CHANNELS + channel] & 0xFF;
  }

  /** Returns a copy of the pixels: height x width x 3 unsigned bytes. */
  public byte[] toBytes() {
    return rgb.clone();
  }

  /**
   * Returns the SHA-256 (hex) over width, height and pixels: what the picture is, however coded.
   */
  public String sha256() {
    return new ContentId().add(width).add(height).add(rgb).toHex();
  }

  /** Returns the pixels themselves, for reading only. */
  byte[] rgb() {
    return rgb;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RgbImage that
        && width == that.width
        && height == that.height
        && Arrays.equals(rgb, that.rgb);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * width + height) + Arrays.hashCode(rgb);
  }

  @Override
  public String toString() {
    return "RgbImage[" + width + "x" + height + "]";
  }
}

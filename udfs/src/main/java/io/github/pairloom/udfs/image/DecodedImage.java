package io.github.pairloom.udfs.image;

import static java.util.Objects.requireNonNull;

/**
 * A picture and the format it came in.
 *
 * @param format by content; the file's name plays no part
 * @param image upright, opaque on white
 * @param asStored whether readers that know neither orientation nor transparency see the same
 */
public record DecodedImage(ImageFormat format, RgbImage image, boolean asStored) {
  /** Checks that both are there. */
  public DecodedImage {
    requireNonNull(format, "format is null");
    requireNonNull(image, "image is null");
  }
}

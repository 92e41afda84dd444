package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.DiffusionNoise;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.Map;
import java.util.function.Function;

/**
 * The image of a rejected side, and how it is recorded. What was recorded is enough to make it
 * again from the picture, to the last bit: the parameters hold what was drawn.
 *
 * @param pixels the image as the vision encoder takes it
 * @param transform what was done, with the hash of {@code pixels}
 */
public record RejectedImage(PixelTensor pixels, Transform transform) {
  static final String NOISE = "diffusion-noise";
  static final String CROP = "crop";
  static final String BLACK = "black";
  static final String ROTATE = "rotate";
  static final String OTHER_IMAGE = "other-image";
  static final String RETRIEVED_IMAGE = "retrieved-image";

  /** Parameter of another image: its id. */
  public static final String IMAGE_ID = "image-id";

  private static final String SIMILARITY = "image-similarity";
  private static final String STEPS = "noise-steps";
  private static final String NOISE_KEY = "noise-key";

  /**
   * Returns the image after diffusion noise on the normalised tensor.
   *
   * @param key root of the noise's draws
   */
  public static RejectedImage noise(PixelTensor clean, int steps, KeyedRandom key) {
    return new RejectedImage(
        DiffusionNoise.apply(clean, steps, key),
        NOISE,
        Map.of(STEPS, Integer.toString(steps), NOISE_KEY, Long.toString(key.key())));
  }

  static RejectedImage crop(
      RgbImage part,
      int left,
      int top,
      int width,
      int height,
      Function<RgbImage, PixelTensor> eye) {
    return new RejectedImage(
        eye.apply(ImageEdits.crop(part, left, top, width, height)),
        CROP,
        Map.of(
            "left", Integer.toString(left),
            "top", Integer.toString(top),
            "width", Integer.toString(width),
            "height", Integer.toString(height)));
  }

  static RejectedImage black(RgbImage picture, Function<RgbImage, PixelTensor> eye) {
    return new RejectedImage(eye.apply(ImageEdits.black(picture)), BLACK, Map.of());
  }

  static RejectedImage rotate(
      RgbImage picture, double degrees, Function<RgbImage, PixelTensor> eye) {
    return new RejectedImage(
        eye.apply(ImageEdits.rotate(picture, degrees)),
        ROTATE,
        Map.of("degrees", Double.toString(degrees)));
  }

  static RejectedImage other(
      String imageId, RgbImage picture, Function<RgbImage, PixelTensor> eye) {
    return new RejectedImage(eye.apply(picture), OTHER_IMAGE, Map.of(IMAGE_ID, imageId));
  }

  static RejectedImage retrieved(RejectionInput.Other other, Function<RgbImage, PixelTensor> eye) {
    return retrieved(
        other.imageId(), Double.toString(other.similarity()), other.picture().get(), eye);
  }

  private static RejectedImage retrieved(
      String imageId, String similarity, RgbImage picture, Function<RgbImage, PixelTensor> eye) {
    return new RejectedImage(
        eye.apply(picture), RETRIEVED_IMAGE, Map.of(IMAGE_ID, imageId, SIMILARITY, similarity));
  }

  private RejectedImage(PixelTensor pixels, String name, Map<String, String> parameters) {
    this(pixels, new Transform(name, parameters, pixels.sha256(), null));
  }

  /**
   * Returns the pixels that a vision encoder was given, made again.
   *
   * @param transform what was recorded
   * @param picture the pair's own picture; for another image, that one
   * @param eye how the model takes a picture
   * @throws IllegalArgumentException if this is no transform of a whole image, or if it comes to
   *     other pixels: another picture, or a model with another preprocessor
   */
  public static PixelTensor rebuild(
      Transform transform, RgbImage picture, Function<RgbImage, PixelTensor> eye) {
    Map<String, String> with = transform.parameters();
    RejectedImage again =
        switch (transform.name()) {
          case NOISE ->
              noise(
                  eye.apply(picture),
                  Integer.parseInt(with.get(STEPS)),
                  new KeyedRandom(Long.parseLong(with.get(NOISE_KEY))));
          case CROP ->
              crop(
                  picture,
                  Integer.parseInt(with.get("left")),
                  Integer.parseInt(with.get("top")),
                  Integer.parseInt(with.get("width")),
                  Integer.parseInt(with.get("height")),
                  eye);
          case BLACK -> black(picture, eye);
          case ROTATE -> rotate(picture, Double.parseDouble(with.get("degrees")), eye);
          case OTHER_IMAGE -> other(with.get(IMAGE_ID), picture, eye);
          case RETRIEVED_IMAGE -> retrieved(with.get(IMAGE_ID), with.get(SIMILARITY), picture, eye);
          default ->
              throw new IllegalArgumentException(
                  "Cannot make an image again by transform " + transform.name());
        };
    check(
        again.transform.pixelsSha256().equals(transform.pixelsSha256()),
        "Cannot make the image again: %s gives pixels %s, recorded are %s. Is it the same picture,"
            + " and the same model?",
        transform.name(),
        again.transform.pixelsSha256(),
        transform.pixelsSha256());
    return again.pixels;
  }

  static void checkSteps(int steps) {
    check(
        steps >= 1 && steps <= DiffusionNoise.MAX_STEPS,
        "Invalid noise-steps: %s (must be 1 to %s)",
        steps,
        DiffusionNoise.MAX_STEPS);
  }
}

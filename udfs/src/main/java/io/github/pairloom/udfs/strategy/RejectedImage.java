package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.DiffusionNoise;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.ImagePreprocessor;
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
  static final String CROP = "crop";
  static final String BLACK = "black";
  static final String ROTATE = "rotate";
  static final String OTHER_IMAGE = "other-image";
  static final String RETRIEVED_IMAGE = "retrieved-image";

  /** Transform of the image as the model takes it, so that a model's noise is its own. */
  public static final String NOISE = "diffusion-noise";

  /** Parameter of another image: its id. */
  public static final String IMAGE_ID = "image-id";

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
      RgbImage picture,
      int left,
      int top,
      int width,
      int height,
      Function<RgbImage, PixelTensor> eye) {
    Map<String, String> part =
        Map.of(
            "left", Integer.toString(left),
            "top", Integer.toString(top),
            "width", Integer.toString(width),
            "height", Integer.toString(height));
    return edited(CROP, part, picture, eye);
  }

  static RejectedImage black(RgbImage picture, Function<RgbImage, PixelTensor> eye) {
    return edited(BLACK, Map.of(), picture, eye);
  }

  static RejectedImage rotate(
      RgbImage picture, double degrees, Function<RgbImage, PixelTensor> eye) {
    return edited(ROTATE, Map.of("degrees", Double.toString(degrees)), picture, eye);
  }

  static RejectedImage other(
      String imageId, RgbImage picture, Function<RgbImage, PixelTensor> eye) {
    return edited(OTHER_IMAGE, Map.of(IMAGE_ID, imageId), picture, eye);
  }

  static RejectedImage retrieved(RejectionInput.Other other, Function<RgbImage, PixelTensor> eye) {
    Map<String, String> which =
        Map.of(IMAGE_ID, other.imageId(), "image-similarity", Double.toString(other.similarity()));
    return edited(RETRIEVED_IMAGE, which, other.picture().get(), eye);
  }

  private static RejectedImage edited(
      String name,
      Map<String, String> parameters,
      RgbImage picture,
      Function<RgbImage, PixelTensor> eye) {
    return new RejectedImage(eye.apply(edit(name, parameters, picture)), name, parameters);
  }

  /** Returns the picture after a transform of pictures, at its own size. */
  private static RgbImage edit(String name, Map<String, String> with, RgbImage picture) {
    return switch (name) {
      case CROP ->
          ImageEdits.crop(
              picture,
              Integer.parseInt(with.get("left")),
              Integer.parseInt(with.get("top")),
              Integer.parseInt(with.get("width")),
              Integer.parseInt(with.get("height")));
      case BLACK -> ImageEdits.black(picture);
      case ROTATE -> ImageEdits.rotate(picture, Double.parseDouble(with.get("degrees")));
      case OTHER_IMAGE, RETRIEVED_IMAGE -> picture;
      default ->
          throw new IllegalArgumentException("Cannot make an image again by transform " + name);
    };
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
    PixelTensor again = show(transform, picture, eye);
    check(
        again.sha256().equals(transform.pixelsSha256()),
        "Cannot make the image again: %s gives pixels %s, recorded are %s. Is it the same picture,"
            + " and the same model?",
        transform.name(),
        again.sha256(),
        transform.pixelsSha256());
    return again;
  }

  /**
   * Returns the pixels that any model's vision encoder is given for the rejected image: what was
   * done, done to what this model takes. Those that were recorded only if it takes pictures as the
   * model does that the pair was made with.
   *
   * @param transform what was recorded
   * @param picture as {@link #rebuild}
   * @param eye how the model takes a picture
   * @throws IllegalArgumentException if this is no transform of a whole image
   */
  public static PixelTensor show(
      Transform transform, RgbImage picture, Function<RgbImage, PixelTensor> eye) {
    Map<String, String> with = transform.parameters();
    return transform.name().equals(NOISE)
        ? noise(
                eye.apply(picture),
                Integer.parseInt(with.get(STEPS)),
                new KeyedRandom(Long.parseLong(with.get(NOISE_KEY))))
            .pixels
        : eye.apply(edit(transform.name(), with, picture));
  }

  /**
   * Returns the rejected image as a picture, made again: at the size of {@code picture} and
   * whatever the model, but for noise, which lies on what the model saw and is shown at its size,
   * cut off at black and white.
   *
   * @param transform what was recorded
   * @param picture the pair's own picture
   * @param eye how the model takes a picture
   * @throws IllegalArgumentException if this is no transform of a whole image, or if noise comes to
   *     other pixels than were recorded
   */
  public static RgbImage rebuildPicture(
      Transform transform, RgbImage picture, ImagePreprocessor eye) {
    if (transform.name().equals(NOISE)) {
      return eye.picture(rebuild(transform, picture, eye::apply));
    }
    return edit(transform.name(), transform.parameters(), picture);
  }

  static void checkSteps(int steps) {
    check(
        steps >= 1 && steps <= DiffusionNoise.MAX_STEPS,
        "Invalid noise-steps: %s (must be 1 to %s)",
        steps,
        DiffusionNoise.MAX_STEPS);
  }
}

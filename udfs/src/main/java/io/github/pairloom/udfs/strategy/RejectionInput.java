package io.github.pairloom.udfs.strategy;

import static java.util.Objects.requireNonNull;

import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import java.util.List;
import java.util.function.Supplier;

/**
 * One reference response that wants a worse counterpart.
 *
 * @param picture reads the image itself: few strategies want it, and it may be large
 * @param pixels the image as the vision encoder takes it
 * @param features the encoded image, shared by all responses about it
 * @param context turns before the prompt, oldest first
 * @param prompt the user turn that was answered
 * @param chosen the reference response
 * @param ofSource whether that is the source's own, and not written by the model
 * @param extra what else the source says of the sample, as one JSON object; empty if nothing
 * @param others other images, as many as the strategy wants and there are; retrieved ones with the
 *     most similar first
 * @param key root of this response's draws
 */
public record RejectionInput(
    Supplier<RgbImage> picture,
    PixelTensor pixels,
    ImageFeatures features,
    List<Turn> context,
    String prompt,
    String chosen,
    boolean ofSource,
    String extra,
    List<Other> others,
    KeyedRandom key) {
  /**
   * Another image.
   *
   * @param similarity cosine of its embedding with that of the image; NaN where it was drawn
   * @param picture reads it
   */
  public record Other(String imageId, double similarity, Supplier<RgbImage> picture) {}

  public RejectionInput {
    requireNonNull(picture, "picture is null");
    requireNonNull(pixels, "pixels is null");
    requireNonNull(features, "features is null");
    context = List.copyOf(context);
    requireNonNull(prompt, "prompt is null");
    requireNonNull(chosen, "chosen is null");
    requireNonNull(extra, "extra is null");
    others = List.copyOf(others);
    requireNonNull(key, "key is null");
  }
}

package io.github.pairloom.udfs.strategy;

import static java.util.Objects.requireNonNull;

import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import java.util.List;

/**
 * One reference response that wants a worse counterpart.
 *
 * @param pixels the image as the vision encoder takes it
 * @param features the encoded image, shared by all responses about it
 * @param context turns before the prompt, oldest first
 * @param prompt the user turn that was answered
 * @param chosen the reference response
 * @param key root of this response's draws
 */
public record RejectionInput(
    PixelTensor pixels,
    ImageFeatures features,
    List<Turn> context,
    String prompt,
    String chosen,
    KeyedRandom key) {
  public RejectionInput {
    requireNonNull(pixels, "pixels is null");
    requireNonNull(features, "features is null");
    context = List.copyOf(context);
    requireNonNull(prompt, "prompt is null");
    requireNonNull(chosen, "chosen is null");
    requireNonNull(key, "key is null");
  }
}

package io.github.pairloom.udfs.vlm;

import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.text.Tokens;
import java.util.List;

/**
 * A vision-language model, as one task sees it: the weights may be shared, this object is not. Not
 * thread-safe; close it when the task ends.
 */
public interface VisionLanguageModel extends AutoCloseable {
  /** Returns which model this is. */
  ModelIdentity identity();

  /** Returns the image as the vision encoder wants it: resized, cropped, normalised. */
  PixelTensor preprocess(RgbImage image);

  /** Returns the encoded image. Done once per image, for all its prompts. */
  ImageFeatures encode(PixelTensor pixels);

  /**
   * Returns the ids of a conversation up to where the assistant is to speak. The image belongs to
   * the first user turn and is one image token, whose place its features take.
   */
  int[] prompt(List<Turn> context, String prompt);

  /** Returns the tokens of a response, tokenised on its own; none of them is a control token. */
  Tokens response(String text);

  /**
   * Lets the model go on from {@code prompt} and the first tokens of a response.
   *
   * @param view what it may see of the image
   * @param prefix tokens of the response that are given, none for a response of its own; draws are
   *     keyed by the position in the response, so the prefix counts
   */
  Generation generate(
      int[] prompt,
      ImageView view,
      int[] prefix,
      Continuation continuation,
      Sampling sampling,
      KeyedRandom key);

  /**
   * Returns the logits after each token that is no image token, in order.
   *
   * @param ids a prompt and the tokens after it
   */
  float[][] textLogits(int[] ids, ImageView view, Masking masking);

  @Override
  void close();
}

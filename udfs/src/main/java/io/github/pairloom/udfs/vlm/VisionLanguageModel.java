package io.github.pairloom.udfs.vlm;

import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.text.Tokens;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * A vision-language model, as one task sees it: the weights may be shared, this object is not.
 *
 * <p>Work is handed in and comes back as a future, so that the model can take much of it at once;
 * what comes back does not depend on what else was under way. Hand in plenty, then wait. Work is
 * handed in and waited for by one thread; close it when the task ends.
 */
public interface VisionLanguageModel extends AutoCloseable {
  /** Returns which model this is. */
  ModelIdentity identity();

  /** Returns the image as the vision encoder wants it: resized, cropped, normalised. */
  PixelTensor preprocess(RgbImage image);

  /** Hands in an image to be encoded. Done once per image, for all its prompts. */
  CompletableFuture<ImageFeatures> encode(PixelTensor pixels);

  /**
   * Returns the ids of a conversation up to where the assistant is to speak. The image belongs to
   * the first user turn and is one image token, whose place its features take.
   */
  int[] prompt(List<Turn> context, String prompt);

  /** Returns the ids of the same conversation without the image and its token. */
  int[] promptWithoutImage(List<Turn> context, String prompt);

  /** Returns the tokens of a response, tokenised on its own; none of them is a control token. */
  Tokens response(String text);

  /** Returns the text of a whole sequence of tokens, without control tokens. */
  String text(int... tokens);

  /** Returns how the model's control tokens are spelled, that of an image among them. */
  Set<String> controlTokens();

  /** Hands in a passage; gives what the model writes from each of its cuts, in their order. */
  CompletableFuture<List<Generation>> complete(Passage passage);

  /**
   * Hands in given responses to a prompt; gives what the model makes of each, in their order. The
   * image and the prompt are run once for all of them.
   *
   * @param view what may be seen of the image; {@link ImageView#absent} for a prompt without it
   * @param responses tokens of each
   */
  CompletableFuture<List<Reading>> read(int[] prompt, ImageView view, List<int[]> responses);

  /**
   * Works for the calling thread if this model has no thread of its own, and does nothing if it
   * has.
   *
   * @return whether there was anything to do
   */
  boolean work();

  /**
   * Returns what {@code result} comes to, working for it if this model has no thread of its own.
   *
   * @throws ModelException also if the model's own thread died, whatever the result
   */
  <T> T await(CompletableFuture<T> result);

  /**
   * Returns the logits after each token that is no image token, in order.
   *
   * @param ids a prompt and the tokens after it
   */
  float[][] textLogits(int[] ids, ImageView view, Masking masking);

  /**
   * Lets the model go on from {@code prompt} and the first tokens of a response, and waits.
   *
   * @param view what it may see of the image
   * @param prefix tokens of the response that are given, none for a response of its own
   * @param key root of the draws, each addressed by its token's position in the response
   */
  default Generation generate(
      int[] prompt, ImageView view, int[] prefix, Sampling sampling, KeyedRandom key) {
    Cut cut = Cut.ofResponse(prefix, prefix.length, key);
    return await(complete(new Passage(prompt, view, List.of(cut), sampling))).get(0);
  }

  @Override
  void close();
}

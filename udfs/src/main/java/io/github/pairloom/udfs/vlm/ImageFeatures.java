package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

/**
 * An encoded image: one embedding per image token, in the language model's space. Read-only; an
 * image is encoded once and shared by all its prompts.
 */
public final class ImageFeatures {
  private final float[] values;
  private final int tokens;

  /**
   * @param values embeddings of shape [tokens, width], row by row
   * @param tokens number of image tokens
   */
  public ImageFeatures(float[] values, int tokens) {
    check(
        tokens > 0 && values.length % tokens == 0,
        "Invalid image features: %s values for %s tokens",
        values.length,
        tokens);
    this.values = values;
    this.tokens = tokens;
  }

  /** Returns the number of image tokens. */
  public int tokens() {
    return tokens;
  }

  /** Returns the width of an embedding. */
  public int width() {
    return values.length / tokens;
  }

  void copy(int token, float[] target, int offset) {
    System.arraycopy(values, token * width(), target, offset, width());
  }
}

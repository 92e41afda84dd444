package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import java.nio.FloatBuffer;
import java.util.Arrays;

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

  /** Returns the memory that the embeddings take. */
  public long bytes() {
    return (long) values.length * Float.BYTES;
  }

  /**
   * Returns the image as one embedding: the mean of its tokens', scaled to length 1. Images with
   * like content have a high cosine.
   */
  public float[] pooled() {
    double[] sum = new double[width()];
    for (int i = 0; i < values.length; i++) {
      sum[i % sum.length] += values[i];
    }
    double length = Math.sqrt(Arrays.stream(sum).map(x -> x * x).sum());
    float[] pooled = new float[sum.length];
    for (int i = 0; i < pooled.length; i++) {
      pooled[i] = (float) (length == 0 ? 0 : sum[i] / length);
    }
    return pooled;
  }

  void writeTo(FloatBuffer target, int token) {
    target.put(values, token * width(), width());
  }
}

package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import java.util.Arrays;
import java.util.function.Function;

/**
 * A token sequence with its image put in: which embedding stands at each place, its position, and
 * whether it may be attended to. Positions count all tokens of the image, hidden ones too, so that
 * hiding moves nothing.
 */
final class DecoderInput {
  private final ImageFeatures features;
  private final int[] ids;
  private final int[] imageTokens;
  private final long[] positions;
  private final long[] mask;
  private final int length;

  private DecoderInput(
      ImageFeatures features,
      int[] ids,
      int[] imageTokens,
      long[] positions,
      long[] mask,
      int length) {
    this.features = features;
    this.ids = ids;
    this.imageTokens = imageTokens;
    this.positions = positions;
    this.mask = mask;
    this.length = length;
  }

  /**
   * Lays out {@code ids}, in which one {@code imageId} stands for the whole image.
   *
   * @param masking whether hidden image tokens are left out or masked
   */
  static DecoderInput of(int[] ids, ImageView view, int imageId, Masking masking) {
    long images = Arrays.stream(ids).filter(id -> id == imageId).count();
    check(images == 1, "Invalid prompt: %s image tokens (must be 1)", images);
    boolean[] visible = new boolean[view.features().tokens()];
    for (int token : view.visible()) {
      visible[token] = true;
    }
    int capacity = ids.length - 1 + visible.length;
    int[] keptIds = new int[capacity];
    int[] imageTokens = new int[capacity];
    long[] positions = new long[capacity];
    long[] mask = new long[capacity];
    int size = 0;
    int position = 0;
    for (int id : ids) {
      int span = id == imageId ? visible.length : 1;
      for (int i = 0; i < span; i++, position++) {
        boolean hidden = id == imageId && !visible[i];
        if (!hidden || masking == Masking.ATTENTION) {
          keptIds[size] = id;
          imageTokens[size] = id == imageId ? i : -1;
          positions[size] = position;
          mask[size++] = hidden ? 0 : 1;
        }
      }
    }
    return new DecoderInput(
        view.features(),
        Arrays.copyOf(keptIds, size),
        Arrays.copyOf(imageTokens, size),
        Arrays.copyOf(positions, size),
        Arrays.copyOf(mask, size),
        position);
  }

  /** Returns the position of the token after the last. */
  int nextPosition() {
    return length;
  }

  /** Returns the positions, one per place. */
  long[] positions() {
    return positions;
  }

  /** Returns 1 for each place that may be attended to, else 0. */
  long[] mask() {
    return mask;
  }

  /** Returns whether an image token stands at {@code place}. */
  boolean isImage(int place) {
    return imageTokens[place] >= 0;
  }

  /**
   * Returns the embeddings, [places, width] row by row.
   *
   * @param embed gives the embeddings of token ids
   */
  float[] embeddings(Function<int[], float[]> embed) {
    float[] embeddings = embed.apply(ids);
    int width = embeddings.length / ids.length;
    check(
        width == features.width(),
        "Invalid model: its text embeddings are %s wide, its image features %s",
        width,
        features.width());
    for (int place = 0; place < ids.length; place++) {
      if (isImage(place)) {
        features.copy(imageTokens[place], embeddings, place * width);
      }
    }
    return embeddings;
  }
}

package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import java.nio.FloatBuffer;
import java.util.Arrays;

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
  private final boolean[] hidden;
  private final int length;

  private DecoderInput(
      ImageFeatures features,
      int[] ids,
      int[] imageTokens,
      long[] positions,
      boolean[] hidden,
      int length) {
    this.features = features;
    this.ids = ids;
    this.imageTokens = imageTokens;
    this.positions = positions;
    this.hidden = hidden;
    this.length = length;
  }

  /** Lays out a prompt and the tokens of a response after it. */
  static DecoderInput of(
      int[] prompt, int[] response, ImageView view, int imageId, Masking masking) {
    int[] ids = Arrays.copyOf(prompt, prompt.length + response.length);
    System.arraycopy(response, 0, ids, prompt.length, response.length);
    return of(ids, view, imageId, masking);
  }

  /**
   * Lays out {@code ids}, in which one {@code imageId} stands for the whole image. There is none
   * where the view is of an absent image.
   *
   * @param masking whether hidden image tokens are left out or masked
   */
  static DecoderInput of(int[] ids, ImageView view, int imageId, Masking masking) {
    long images = Arrays.stream(ids).filter(id -> id == imageId).count();
    int due = view.isAbsent() ? 0 : 1;
    check(images == due, "Invalid prompt: %s image tokens (must be %s)", images, due);
    boolean[] visible = new boolean[view.features().tokens()];
    for (int token : view.visible()) {
      visible[token] = true;
    }
    int capacity = ids.length - 1 + visible.length;
    int[] keptIds = new int[capacity];
    int[] imageTokens = new int[capacity];
    long[] positions = new long[capacity];
    boolean[] hidden = new boolean[capacity];
    int size = 0;
    int position = 0;
    for (int id : ids) {
      int span = id == imageId ? visible.length : 1;
      for (int i = 0; i < span; i++, position++) {
        boolean hides = id == imageId && !visible[i];
        if (!hides || masking == Masking.ATTENTION) {
          // Whatever stands for the image is looked up in its features, not by an id.
          keptIds[size] = id == imageId ? 0 : id;
          imageTokens[size] = id == imageId ? i : -1;
          positions[size] = position;
          hidden[size++] = hides;
        }
      }
    }
    return new DecoderInput(
        view.features(),
        Arrays.copyOf(keptIds, size),
        Arrays.copyOf(imageTokens, size),
        Arrays.copyOf(positions, size),
        Arrays.copyOf(hidden, size),
        position);
  }

  /** Returns the number of places. */
  int places() {
    return ids.length;
  }

  /** Returns the position of the token after the last. */
  int nextPosition() {
    return length;
  }

  /** Returns for each place whether nothing may attend to it. */
  boolean[] hidden() {
    return hidden;
  }

  /** Returns whether an image token stands at {@code place}. */
  boolean isImage(int place) {
    return imageTokens[place] >= 0;
  }

  /**
   * Writes this sequence as the next row of {@code batch}, filled up in front.
   *
   * @param batch without places before the new ones
   */
  void writeTo(DecoderBatch batch, TokenEmbeddings table) {
    int width = table.width();
    check(
        width == features.width(),
        "Invalid model: its text embeddings are %s wide, its image features %s",
        width,
        features.width());
    FloatBuffer target = batch.embeddings();
    float[][] embeddings = table.of(ids);
    int padding = batch.length() - ids.length;
    for (int i = 0; i < padding; i++) {
      // Any finite values do: nobody attends to them.
      target.put(embeddings[0]);
      batch.positions().put(0);
      batch.mask().put(0);
    }
    for (int place = 0; place < ids.length; place++) {
      if (isImage(place)) {
        features.writeTo(target, imageTokens[place]);
      } else {
        target.put(embeddings[place]);
      }
      batch.positions().put(positions[place]);
      batch.mask().put(hidden[place] ? 0 : 1);
    }
  }
}

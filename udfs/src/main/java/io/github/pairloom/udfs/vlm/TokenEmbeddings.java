package io.github.pairloom.udfs.vlm;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Function;

/**
 * The embeddings of token ids, each asked of the model once as long as memory lasts. Safe for
 * several threads.
 */
final class TokenEmbeddings {
  /** Bytes of embeddings kept: all of a small vocabulary, the frequent part of a large one. */
  private static final long MOST_BYTES = 64L << 20;

  private final Function<int[], float[]> model;
  private final AtomicReferenceArray<float[]> kept;
  private final int width;

  /**
   * @param model gives [ids, width], row by row
   * @param vocabulary number of ids
   */
  TokenEmbeddings(Function<int[], float[]> model, int vocabulary) {
    this.model = model;
    this.width = model.apply(new int[] {0}).length;
    // Low ids are the frequent ones in vocabularies that were made by merging.
    this.kept =
        new AtomicReferenceArray<>(
            (int) Math.min(vocabulary, MOST_BYTES / ((long) Float.BYTES * width)));
  }

  /** Returns the values per embedding. */
  int width() {
    return width;
  }

  /** Returns the embeddings of {@code ids}, in order; not to be written to. */
  float[][] of(int... ids) {
    float[][] embeddings = new float[ids.length][];
    int missing = 0;
    for (int i = 0; i < ids.length; i++) {
      embeddings[i] = ids[i] < kept.length() ? kept.get(ids[i]) : null;
      missing += embeddings[i] == null ? 1 : 0;
    }
    if (missing > 0) {
      fill(ids, embeddings, missing);
    }
    return embeddings;
  }

  private void fill(int[] ids, float[][] embeddings, int missing) {
    int[] wanted = new int[missing];
    int count = 0;
    for (int i = 0; i < ids.length; i++) {
      if (embeddings[i] == null) {
        wanted[count++] = ids[i];
      }
    }
    float[] found = model.apply(wanted);
    int from = 0;
    for (int i = 0; i < ids.length; i++) {
      if (embeddings[i] == null) {
        embeddings[i] = Arrays.copyOfRange(found, from, from + width);
        from += width;
        if (ids[i] < kept.length()) {
          kept.set(ids[i], embeddings[i]);
        }
      }
    }
  }
}

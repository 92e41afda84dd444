package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;

import java.util.ArrayList;
import java.util.List;

/**
 * One row of {@code embeddings}: what an image or a text is to a model, as a vector, or the reason
 * why that is not known.
 *
 * @param embeddingId SHA-256 (hex) over what is embedded and by what
 * @param kind {@link #IMAGE} or {@link #TEXT}
 * @param contentId of an image its key into {@code images}, of a text the SHA-256 (hex) of its
 *     UTF-8 bytes
 * @param modelId model folder as the recipe names it, or the name of a model on the class path
 * @param modelRevision SHA-256 (hex) over the model's files
 * @param embedding the vector, of length 1; null where there is none
 * @param dropReason why there is none; null where there is one
 * @param dropDetail what was found, where the reason alone does not say; may be null
 */
public record Embedding(
    String embeddingId,
    String kind,
    String contentId,
    String modelId,
    String modelRevision,
    List<Float> embedding,
    String dropReason,
    String dropDetail) {
  /** An image by the vision tower of a vision-language model: the mean of its tokens. */
  public static final String IMAGE = "image";

  /** A text by a sentence embedding model. */
  public static final String TEXT = "text";

  public static final RecordCodec<Embedding> CODEC =
      RecordCodec.of(Table.EMBEDDINGS, Embedding.class);

  public Embedding {
    checkId("embedding_id", embeddingId);
    check(
        IMAGE.equals(kind) || TEXT.equals(kind), "Invalid kind: %s (must be image or text)", kind);
    checkId("content_id", contentId);
    checkNotBlank("model_id", modelId);
    checkId("model_revision", modelRevision);
    embedding = embedding == null ? null : List.copyOf(embedding);
    dropDetail = dropDetail == null ? null : Printable.cut(dropDetail, Printable.DETAIL);
    check(
        (embedding == null) == (dropReason != null),
        "Invalid embedding of %s %s: it needs either values or a drop_reason (found %s)",
        kind,
        contentId,
        dropReason);
  }

  /** Returns the values as the record takes them. */
  public static List<Float> values(float[] vector) {
    List<Float> values = new ArrayList<>(vector.length);
    for (float value : vector) {
      values.add(value);
    }
    return values;
  }
}

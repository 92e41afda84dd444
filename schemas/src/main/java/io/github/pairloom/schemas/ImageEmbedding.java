package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;

import java.util.List;

/**
 * One row of {@code embeddings}: what an image looks like to a model's vision tower, or the reason
 * why that is not known.
 *
 * @param embeddingId SHA-256 (hex) over image, model and variant of its graphs
 * @param imageId key into {@code images}
 * @param modelId model folder as the recipe names it
 * @param modelRevision SHA-256 (hex) over the model's files
 * @param embedding mean of the image's tokens, scaled to length 1; null where there is none
 * @param dropReason why there is none; null where there is one
 * @param dropDetail what was found, where the reason alone does not say; may be null
 */
public record ImageEmbedding(
    String embeddingId,
    String imageId,
    String modelId,
    String modelRevision,
    List<Float> embedding,
    String dropReason,
    String dropDetail) {
  public static final RecordCodec<ImageEmbedding> CODEC =
      RecordCodec.of(Table.EMBEDDINGS, ImageEmbedding.class);

  public ImageEmbedding {
    checkId("embedding_id", embeddingId);
    checkId("image_id", imageId);
    checkNotBlank("model_id", modelId);
    checkId("model_revision", modelRevision);
    embedding = embedding == null ? null : List.copyOf(embedding);
    dropDetail = dropDetail == null ? null : Printable.cut(dropDetail, Printable.DETAIL);
    check(
        (embedding == null) == (dropReason != null),
        "Invalid embedding of image %s: it needs either values or a drop_reason (found %s)",
        imageId,
        dropReason);
  }
}

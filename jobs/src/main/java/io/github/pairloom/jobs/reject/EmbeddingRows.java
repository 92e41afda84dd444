package io.github.pairloom.jobs.reject;

import io.github.pairloom.jobs.ImageSight;
import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelTask;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.RowJournal;
import io.github.pairloom.schemas.Embedding;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/**
 * Has a model's vision tower look at each image.
 *
 * @param counters takes what the model did, as each task ends
 */
record EmbeddingRows(
    ImageBytes bytes,
    ModelSpec spec,
    ModelIdentity identity,
    RowJournal journal,
    ModelCounters counters)
    implements MapPartitionsFunction<Row, Row> {
  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    ModelTask task = new ModelTask(journal, counters);
    VisionLanguageModel model = task.keep(ExecutorModels.open(spec));
    ImageSight sight = task.sight(bytes, model);
    return task.work(
        rows,
        row -> embedding(row, sight).thenApply(Embedding.CODEC::toRow),
        sight,
        model::await,
        spec.batch().aheadMegabytes());
  }

  private CompletableFuture<Embedding> embedding(Row row, ImageSight sight) {
    CompletableFuture<float[]> pooled;
    try {
      pooled = sight.of(row).features().thenApply(features -> features.pooled());
    } catch (RuntimeException e) {
      pooled = CompletableFuture.failedFuture(e);
    }
    return pooled.handle(
        (values, failure) ->
            failure == null
                ? embedding(row, values, null, null)
                : embedding(row, null, RowFaults.reasonOf(failure), RowFaults.detailOf(failure)));
  }

  private Embedding embedding(Row row, float[] values, String dropReason, String dropDetail) {
    return new Embedding(
        row.getAs("embedding_id"),
        Embedding.IMAGE,
        row.getAs("image_id"),
        identity.id(),
        identity.revision(),
        values == null ? null : Embedding.values(values),
        dropReason,
        dropDetail);
  }
}

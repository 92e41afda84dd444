package io.github.pairloom.jobs.embedding;

import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelTask;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.RowJournal;
import io.github.pairloom.schemas.Embedding;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/**
 * Embeds each text.
 *
 * @param model the sentence embedding model as the recipe names it
 * @param revision SHA-256 (hex) over its files, the same on every machine
 * @param spec says how many threads a task has
 * @param counters takes what the task's models did
 */
record TextRows(
    String model, String revision, ModelSpec spec, RowJournal journal, ModelCounters counters)
    implements MapPartitionsFunction<Row, Row> {
  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    ModelTask task = new ModelTask(journal, counters);
    SentenceEmbedder embedder =
        task.keep(SentenceEmbedder.open(model, spec.threadsOfTask(), revision));
    return task.work(
        rows,
        row -> toRow(row, Embedding.values(embedder.embed(row.getAs("text"))), null, null),
        (row, failure) ->
            toRow(row, null, RowFaults.reasonOf(failure), RowFaults.detailOf(failure)));
  }

  private Row toRow(Row row, List<Float> values, String dropReason, String dropDetail) {
    return Embedding.CODEC.toRow(
        new Embedding(
            row.getAs("embedding_id"),
            Embedding.TEXT,
            row.getAs("content_id"),
            model,
            revision,
            values,
            dropReason,
            dropDetail));
  }
}

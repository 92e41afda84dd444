package io.github.pairloom.jobs.embedding;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;

import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.schemas.Embedding;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import java.util.function.UnaryOperator;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Texts as the recipe's sentence embedding model has them ({@code reject.similarity.model}). Each
 * text is embedded once, in whatever step asks for it first, and stays in table {@code embeddings}:
 * rows and runs that have the same text share its vector.
 */
public final class TextEmbeddings {
  private final StepContext context;
  private final String revision;

  /** Opens the model once, to know its revision. */
  public TextEmbeddings(StepContext context) {
    this.context = context;
    this.revision = revision(context.recipe());
  }

  /** Returns the SHA-256 (hex) over the files of the recipe's sentence embedding model. */
  public static String revision(Recipe recipe) {
    try (SentenceEmbedder embedder =
        SentenceEmbedder.open(
            recipe.reject().similarity().model(), recipe.model().threadsOfTask())) {
      return embedder.revision();
    }
  }

  /** Returns the id of a text in column {@code content_id}. */
  public static Column contentId(Column text) {
    return sha2(text.cast("binary"), 256);
  }

  /**
   * Embeds texts that are not embedded yet, in batches that are committed each.
   *
   * @param texts column {@code text}; texts that stand there several times are embedded once
   * @return how many texts were embedded, {@code written}, and how many were before, {@code
   *     alreadyDone}
   */
  public StepResult embed(Dataset<Row> texts) {
    Dataset<Row> distinct =
        texts
            .select(contentId(col("text")).as("content_id"), col("text"))
            .dropDuplicates("content_id")
            .withColumn("embedding_id", embeddingId());
    ModelCounters counters = ModelCounters.register(context.spark());
    Recipe recipe = context.recipe();
    return ModelRows.run(
        context,
        Table.EMBEDDINGS,
        "embedding_id",
        distinct,
        UnaryOperator.identity(),
        journal ->
            new TextRows(
                recipe.reject().similarity().model(), revision, recipe.model(), journal, counters),
        counters);
  }

  /**
   * Returns columns {@code content_id} and {@code vector}, of length 1, of all texts that this
   * model has embedded.
   */
  public Dataset<Row> vectors() {
    return context
        .warehouse()
        .latest(Table.EMBEDDINGS)
        .where(
            col("kind")
                .equalTo(Embedding.TEXT)
                .and(col("embedding").isNotNull())
                .and(col("embedding_id").equalTo(embeddingId())))
        .select(col("content_id"), col("embedding").as("vector"));
  }

  private Column embeddingId() {
    return sha2(concat_ws(" ", col("content_id"), lit(revision)), 256);
  }
}

package io.github.pairloom.jobs.reject;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;

import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.strategy.Neighbourhood;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** The images of the warehouse that are most similar to some of them, by a model's own eye. */
final class Neighbours {
  private final StepContext context;
  private final ModelIdentity model;
  private Dataset<Row> rows;
  private Dataset<Row> embeddings;

  Neighbours(StepContext context, ModelIdentity model) {
    this.context = context;
    this.model = model;
  }

  /**
   * Embeds the images that this model has not embedded yet, in the table {@code embeddings}.
   *
   * @param counters take what the model does
   */
  void embed(ModelCounters counters) {
    Column key =
        sha2(
            concat_ws(
                " ",
                col("image_id"),
                lit(model.revision()),
                lit(context.recipe().model().suffix())),
            256);
    Dataset<Row> images =
        context.warehouse().read(Table.IMAGES).select("image_id").withColumn("embedding_id", key);
    ModelRows.run(
        context,
        Table.EMBEDDINGS,
        "embedding_id",
        images,
        fresh -> ModelRows.withImages(context.warehouse(), fresh),
        journal ->
            new EmbeddingRows(
                context.imageBytes(),
                context.recipe().model().pinned(model.revision()),
                model,
                journal,
                counters),
        counters);
    rows =
        context
            .warehouse()
            .read(Table.EMBEDDINGS)
            .withColumn("image_id", col("content_id"))
            // Those of this model, and of this variant of its graphs.
            .where(col("embedding_id").equalTo(key));
    embeddings =
        rows.where(col("embedding").isNotNull())
            .select(col("image_id").as("id"), col("embedding").as("vector"));
  }

  /** Returns the images that could not be embedded, as {@code id}, and why, as {@code fault}. */
  Dataset<Row> failed() {
    return rows.where(col("embedding").isNull())
        .select(
            col("image_id").as("id"),
            struct(col("drop_reason").as("reason"), col("drop_detail").as("detail")).as("fault"));
  }

  /**
   * Returns for each of some images its neighbours, the most similar first.
   *
   * @param of with column {@code image_id}, each once
   * @return columns {@code of} and {@code near}, an array of (id, similarity); an image without
   *     neighbours has no row
   */
  Dataset<Row> near(Dataset<Row> of, Neighbourhood neighbourhood) {
    return new NearestVectors(NearestVectors.CELL, NearestVectors.PROBES)
        .of(
            of.join(embeddings, of.col("image_id").equalTo(embeddings.col("id")))
                .select("id", "vector"),
            embeddings,
            neighbourhood);
  }
}

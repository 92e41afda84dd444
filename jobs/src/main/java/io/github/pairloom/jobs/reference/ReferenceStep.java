package io.github.pairloom.jobs.reference;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.Pending;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.schemas.Response;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.vlm.ModelFiles;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Step {@code reference}: {@code samples} to {@code responses}. The source's response where there
 * is one; else the model, with full sight of the image, writes {@code reference.n} of them.
 */
public final class ReferenceStep implements Step {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public StepResult run(StepContext context) {
    Recipe recipe = context.recipe();
    context.checkDevices(recipe.model());
    ModelIdentity model = new ModelFiles(recipe.model()).identity();
    Dataset<Row> candidates = candidates(context.warehouse(), recipe, model);
    ModelCounters counters = ModelCounters.register(context.spark());
    StepResult result =
        ModelRows.run(
            context,
            Table.RESPONSES,
            "response_id",
            candidates,
            UnaryOperator.identity(),
            journal ->
                new ReferenceRows(
                    context.imageBytes(),
                    recipe.model().pinned(model.revision()),
                    model,
                    recipe.reference(),
                    recipe.seed(),
                    recipe.referenceId(),
                    journal,
                    counters),
            counters);
    if (result.read() + result.alreadyDone() == 0) {
      throw new JobException(
          "Nothing to respond to: table samples in "
              + context.warehouse().root()
              + " has no rows. Run the ingest step first, on the same warehouse.");
    }
    return result;
  }

  @Override
  public Optional<Pending> pending(StepContext context) {
    ModelIdentity model = new ModelFiles(context.recipe().model()).identity();
    Dataset<Row> candidates = candidates(context.warehouse(), context.recipe(), model);
    return Optional.of(ModelRows.pending(context, Table.RESPONSES, "response_id", candidates));
  }

  /**
   * Returns one row for each response that this recipe and model stand for: columns of {@code
   * samples}, the image, {@code response_id} and {@code ordinal}.
   */
  private static Dataset<Row> candidates(Warehouse warehouse, Recipe recipe, ModelIdentity model) {
    Column given = col("response").isNotNull();
    Column[] ordinals =
        IntStream.range(0, recipe.reference().n()).mapToObj(i -> lit(i)).toArray(Column[]::new);
    Dataset<Row> samples =
        warehouse
            .read(Table.SAMPLES)
            .withColumn("ordinal", explode(when(given, array(lit(0))).otherwise(array(ordinals))))
            .withColumn("response_id", responseId(given, recipe, model));
    return ModelRows.withImages(warehouse, samples);
  }

  /**
   * The source's response is the same whatever the recipe; the model's depends on how it is made.
   */
  private static Column responseId(Column given, Recipe recipe, ModelIdentity model) {
    Column maker =
        coalesce(
            when(given, lit(Response.SOURCE)),
            concat_ws(
                " ",
                lit(recipe.referenceId()),
                lit(model.revision()),
                lit(model.promptTemplateSha256())));
    return sha2(concat_ws(" ", col("sample_id"), maker, col("ordinal")), 256);
  }

  /** Returns the usable responses that {@code recipe} and {@code model} stand for. */
  public static Dataset<Row> usable(Warehouse warehouse, Recipe recipe, ModelIdentity model) {
    return warehouse
        .read(Table.RESPONSES)
        .where(col("drop_reason").isNull())
        .where(
            col("origin")
                .equalTo(Response.SOURCE)
                .or(
                    col("provenance.recipe_id")
                        .equalTo(recipe.referenceId())
                        .and(col("provenance.model_revision").equalTo(model.revision()))
                        .and(
                            col("provenance.prompt_template_sha256")
                                .equalTo(model.promptTemplateSha256()))));
  }
}

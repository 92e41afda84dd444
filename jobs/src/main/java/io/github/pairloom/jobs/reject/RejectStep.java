package io.github.pairloom.jobs.reject;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.Pending;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.embedding.TextEmbeddings;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.reference.ReferenceStep;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.vlm.ModelFiles;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Step {@code reject}: {@code responses} to {@code pairs}. Every strategy of the recipe makes one
 * rejected response of every usable reference response.
 */
public final class RejectStep implements Step {
  @Override
  public String name() {
    return "reject";
  }

  @Override
  public StepResult run(StepContext context) {
    Recipe recipe = context.recipe();
    context.checkDevices(recipe.model());
    ModelIdentity model = new ModelFiles(recipe.model()).identity();
    String embedder = TextEmbeddings.revision(recipe);
    Dataset<Row> candidates = candidates(context.warehouse(), recipe, model, embedder);
    ModelCounters counters = ModelCounters.register(context.spark());
    OtherImages others = new OtherImages(context);
    StepResult result =
        ModelRows.run(
            context,
            Table.PAIRS,
            "pair_id",
            candidates,
            fresh -> others.joined(fresh, model, counters),
            journal -> RejectRows.of(context, model, embedder, journal, counters),
            counters);
    if (result.read() + result.alreadyDone() == 0) {
      throw nothingToReject(context);
    }
    return result;
  }

  @Override
  public Optional<Pending> pending(StepContext context) {
    Recipe recipe = context.recipe();
    ModelIdentity model = new ModelFiles(recipe.model()).identity();
    Dataset<Row> candidates =
        candidates(context.warehouse(), recipe, model, TextEmbeddings.revision(recipe));
    Pending pending = ModelRows.pending(context, Table.PAIRS, "pair_id", candidates);
    if (pending.amount() == 0 && candidates.isEmpty()) {
      throw nothingToReject(context);
    }
    return Optional.of(pending);
  }

  private static JobException nothingToReject(StepContext context) {
    return new JobException(
        "Nothing to reject: table responses in "
            + context.warehouse().root()
            + " has no usable row for this recipe. Run the steps ingest and reference first");
  }

  /**
   * Returns one row for each pair that this recipe and these models stand for: columns of {@code
   * samples}, the image, {@code response_id}, {@code chosen}, {@code pair_id} and {@code
   * strategy_index}.
   */
  static Dataset<Row> candidates(
      Warehouse warehouse, Recipe recipe, ModelIdentity model, String embedder) {
    Dataset<Row> responses =
        ReferenceStep.usable(warehouse, recipe, model)
            .select(col("response_id"), col("sample_id"), col("text").as("chosen"));
    Dataset<Row> samples =
        ModelRows.withImages(warehouse, warehouse.read(Table.SAMPLES).join(responses, "sample_id"));
    List<RejectionStrategy> strategies = recipe.reject().strategies();
    // One row each by explode, not by a union: that would read and join the inputs once for each.
    // Of literals alone, which the planner makes one of: code for each strategy's hash takes longer
    // to compile, on every core, than thousands of pairs.
    Column[] pairs =
        IntStream.range(0, strategies.size())
            .mapToObj(
                i ->
                    struct(
                        lit(i).as("strategy_index"),
                        lit(recipe.pairId(strategies.get(i))).as("pair_recipe")))
            .toArray(Column[]::new);
    Column pairId =
        sha2(
            concat_ws(
                " ",
                col("response_id"),
                col("pair.pair_recipe"),
                lit(model.revision()),
                lit(model.promptTemplateSha256()),
                lit(embedder)),
            256);
    return samples
        .withColumn("pair", explode(array(pairs)))
        .withColumn("pair_id", pairId)
        .select("*", "pair.strategy_index")
        .drop("pair");
  }
}

package io.github.pairloom.jobs.score;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;
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
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.vlm.ModelFiles;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;

/**
 * Step {@code score}: {@code pairs} to {@code scores}. Every usable pair is read by every scoring
 * model, with the image and without.
 */
public final class ScoreStep implements Step {
  /** Column with the row of {@code images} that a pair's rejected side is about, if another. */
  static final String OTHER_IMAGE = "other_image";

  @Override
  public String name() {
    return "score";
  }

  @Override
  public StepResult run(StepContext context) {
    List<ModelSpec> models = models(context.recipe());
    models.forEach(context::checkDevices);
    Dataset<Row> pairs = usable(context);
    ModelCounters counters = ModelCounters.register(context.spark());
    // Before any of them reads: what is wrong with the last one is to be known at once.
    List<PairScore.Scorer> scorers =
        models.stream().map(spec -> scorer(context.recipe(), spec)).toList();
    // One model after the other: an executor need not hold several at once.
    StepResult all = new StepResult(0, 0, Map.of(), Map.of(), 0, Map.of());
    for (int i = 0; i < models.size(); i++) {
      all = sum(all, score(context, pairs, models.get(i), scorers.get(i), counters));
    }
    if (all.read() + all.alreadyDone() == 0) {
      throw nothingToScore(context);
    }
    return all;
  }

  /**
   * Returns the ids of the pairs whose rejected side a scoring model prefers: column {@code id},
   * once for each such model. None where the recipe keeps these pairs.
   */
  public static Dataset<Row> refused(StepContext context) {
    Dataset<Row> refused =
        context.recipe().score().keepRejectedPreferred()
            ? context.warehouse().latest(Table.SCORES).where(lit(false))
            : current(context).where(col("verdict").equalTo(PairScore.REJECTED_PREFERRED));
    return refused.select(col("pair_id").as("id"));
  }

  /**
   * Returns the ids of the pairs that a scoring model is to read again, as it failed of what may
   * pass: column {@code pair_id}, once for each such model. Scores are many, and these few or none.
   */
  public static Optional<Dataset<Row>> waiting(StepContext context) {
    String[] one = {"pair_id", "settings_id", "model_id"};
    Dataset<Row> current = current(context);
    Column passing =
        coalesce(
            col("drop_reason").isin(context.recipe().recovery().again().toArray()), lit(false));
    Dataset<Row> failed = current.where(passing).select("pair_id", "settings_id", "model_id");
    // A model whose files are others by now may have both a score and an earlier fault.
    Dataset<Row> waiting =
        failed.join(current.where(not(passing)), one, "left_anti").select("pair_id");
    return failed.isEmpty() ? Optional.empty() : Optional.of(waiting);
  }

  /**
   * Returns the rows of {@code scores} by the recipe's models and settings as they are now.
   *
   * <p>Models are told apart without their files, which need not be on this machine: by the
   * recipe's sha256, or else by the revisions that rows with the model's path have. Where no row
   * has the path, the model may have been moved, and those of all models with its settings count.
   */
  public static Dataset<Row> current(StepContext context) {
    Dataset<Row> scores = context.warehouse().latest(Table.SCORES);
    List<Row> scorers =
        scores.select("settings_id", "model_id", "model_revision").distinct().collectAsList();
    if (scorers.isEmpty()) {
      // A recipe that does not score need not name a model.
      return scores;
    }
    Column current = lit(false);
    for (ModelSpec spec : models(context.recipe())) {
      String settingsId = context.recipe().scoreId(spec);
      String pinned = spec.sha256();
      List<Row> alike =
          scorers.stream().filter(row -> row.getString(0).equals(settingsId)).toList();
      List<Row> own =
          alike.stream()
              .filter(
                  row ->
                      pinned.isEmpty()
                          ? row.getString(1).equals(spec.path())
                          : row.getString(2).equals(pinned))
              .toList();
      Object[] revisions =
          (own.isEmpty() && pinned.isEmpty() ? alike : own)
              .stream().map(row -> row.getString(2)).distinct().toArray();
      current =
          current.or(
              col("settings_id").equalTo(settingsId).and(col("model_revision").isin(revisions)));
    }
    return scores.where(current);
  }

  @Override
  public Optional<Pending> pending(StepContext context) {
    Dataset<Row> pairs = usable(context);
    long rows = 0;
    for (ModelSpec spec : models(context.recipe())) {
      Dataset<Row> candidates = candidates(context, pairs, scorer(context.recipe(), spec));
      rows += ModelRows.pending(context, Table.SCORES, "score_id", candidates).amount();
    }
    if (rows == 0 && pairs.isEmpty()) {
      throw nothingToScore(context);
    }
    return Optional.of(Pending.rows(rows));
  }

  private static JobException nothingToScore(StepContext context) {
    return new JobException(
        "Nothing to score: table pairs in "
            + context.warehouse().root()
            + " has no usable row. Run the reject step first, on the same warehouse.");
  }

  private static List<ModelSpec> models(Recipe recipe) {
    return recipe.score().models().isEmpty() ? List.of(recipe.model()) : recipe.score().models();
  }

  private static PairScore.Scorer scorer(Recipe recipe, ModelSpec spec) {
    ModelFiles files = new ModelFiles(spec);
    ModelIdentity identity = files.identity();
    return new PairScore.Scorer(
        identity.id(),
        identity.revision(),
        files.tokenizerSha256(),
        identity.promptTemplateSha256(),
        recipe.scoreId(spec));
  }

  private static Dataset<Row> candidates(
      StepContext context, Dataset<Row> pairs, PairScore.Scorer scorer) {
    Column scoreId =
        sha2(
            concat_ws(
                " ",
                col("pair_id"),
                lit(scorer.settingsId()),
                lit(scorer.modelRevision()),
                lit(scorer.promptTemplateSha256())),
            256);
    return ModelRows.withImages(context.warehouse(), pairs.withColumn("score_id", scoreId));
  }

  private static StepResult score(
      StepContext context,
      Dataset<Row> pairs,
      ModelSpec spec,
      PairScore.Scorer scorer,
      ModelCounters counters) {
    Recipe recipe = context.recipe();
    Dataset<Row> candidates = candidates(context, pairs, scorer);
    return ModelRows.run(
        context,
        Table.SCORES,
        "score_id",
        candidates,
        UnaryOperator.identity(),
        journal ->
            new ScoreRows(
                context.imageBytes(),
                spec.pinned(scorer.modelRevision()),
                recipe.score(),
                recipe.seed(),
                scorer,
                journal,
                counters),
        counters);
  }

  /**
   * Returns the usable pairs, with the row of another image where the rejected side is about it.
   */
  private static Dataset<Row> usable(StepContext context) {
    Warehouse warehouse = context.warehouse();
    Column[] columns =
        Arrays.stream(Table.IMAGES.schema().fieldNames())
            .map(functions::col)
            .toArray(Column[]::new);
    Dataset<Row> others =
        warehouse
            .read(Table.IMAGES)
            .select(col("image_id").as("other_id"), struct(columns).as(OTHER_IMAGE));
    Dataset<Row> pairs = warehouse.read(Table.PAIRS).where(col("drop_reason").isNull());
    // By the pair's own image where there is no other: NULLs would all meet in one partition.
    Column other = coalesce(ModelRows.rejectedImageId(), col("image_id"));
    return pairs
        .join(others, other.equalTo(col("other_id")), "left")
        .withColumn(OTHER_IMAGE, when(ModelRows.rejectedImageId().isNotNull(), col(OTHER_IMAGE)))
        .drop("other_id");
  }

  private static StepResult sum(StepResult a, StepResult b) {
    return new StepResult(
        a.read() + b.read(),
        a.written() + b.written(),
        sum(a.dropped(), b.dropped()),
        sum(a.quarantined(), b.quarantined()),
        a.alreadyDone() + b.alreadyDone(),
        // Counted on from model to model.
        b.metrics());
  }

  private static Map<String, Long> sum(Map<String, Long> a, Map<String, Long> b) {
    Map<String, Long> sum = new TreeMap<>(a);
    b.forEach((key, count) -> sum.merge(key, count, Long::sum));
    return sum;
  }
}

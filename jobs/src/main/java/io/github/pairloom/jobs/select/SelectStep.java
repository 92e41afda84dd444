package io.github.pairloom.jobs.select;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.Pending;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.dedup.DedupStep;
import io.github.pairloom.jobs.embedding.TextEmbeddings;
import io.github.pairloom.jobs.recipe.SelectSettings;
import io.github.pairloom.jobs.score.ScoreStep;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Table;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Judges every candidate pair once: {@code selections} gets the verdict, {@code preference_pairs}
 * the pair if it is kept.
 *
 * <p>A pair with a drop_reason of its own is dropped for that reason, one whose rejected side a
 * scoring model prefers as {@value PairScore#REJECTED_PREFERRED} (unless the recipe keeps these),
 * one whose two texts another pair has the other way round, or such as mean the same, as {@value
 * DedupStep#CONTRADICTION}, one with an evaluation set's image on either side, or its prompt, for
 * that, and one that step {@code dedup} labels as a duplicate as {@value DedupStep#DUPLICATE_PAIR}
 * of the pair that is kept. A verdict stands: a better duplicate that comes later does not replace
 * a kept pair, for trainers may have seen it; that is why dedup keeps what is in {@code
 * preference_pairs}. Of the others, the recipe's filters, quotas and budget take their share
 * ({@link Choice}), by what their prompts and chosen responses mean if the recipe asks for it
 * ({@link Diversity}, {@link Spread}).
 *
 * <p>A pair whose score failed of what may pass waits for it, as a verdict would stand; so do the
 * pairs in whose place it would be kept.
 *
 * <p>Verdicts are written first. The kept pairs of a run that dies before these are written, too,
 * are added by the next one before it judges. A pair without a verdict that stands in {@code
 * preference_pairs}, as where {@code selections} was made anew, is kept.
 */
public final class SelectStep implements Step {
  /** Metric: pairs that get no verdict before a scoring model has read them again. */
  private static final String WAITING = "waiting-for-score";

  @Override
  public String name() {
    return "select";
  }

  @Override
  public StepResult run(StepContext context) {
    Warehouse warehouse = context.warehouse();
    // Every read is of one version, so that both tables are written from the same verdicts even
    // where Spark computes them twice while other steps write.
    Dataset<Row> pairs = warehouse.latest(Table.PAIRS);
    long candidates = pairs.count();
    if (candidates == 0) {
      throw new JobException(
          "Cannot select pairs: table pairs in "
              + warehouse.root()
              + " has no rows. Run the reject step first, on the same warehouse.");
    }
    Dataset<Row> judged = warehouse.latest(Table.SELECTIONS);
    Dataset<Row> mended = mended(pairs, judged);
    if (!mended.isEmpty()) {
      warehouse.delete(Table.SELECTIONS, "pair_id", mended);
      judged = warehouse.latest(Table.SELECTIONS);
    }
    addLost(warehouse, joined(pairs, judged.where(col("drop_reason").isNull()), "left_semi"));
    Dataset<Row> all = without(pairs, judged);
    Dataset<Row> waiting = waiting(context);
    long waits = joined(all, waiting, "left_semi").count();
    Dataset<Row> unjudged = without(all, waiting);
    Dataset<Row> kept = warehouse.latest(Table.PREFERENCE_PAIRS);
    checkCompared(warehouse, unjudged);
    Map<String, Double> metrics = new TreeMap<>();
    if (waits > 0) {
      metrics.put(WAITING, (double) waits);
    }
    Dataset<Row> verdicts = verdicts(context, unjudged, kept, metrics).persist();
    try {
      Map<String, Long> dropped = new TreeMap<>();
      long keptNow = 0;
      for (Row row : verdicts.groupBy("drop_reason").agg(count(lit(1))).collectAsList()) {
        if (row.isNullAt(0)) {
          keptNow = row.getLong(1);
        } else {
          dropped.put(row.getString(0), row.getLong(1));
        }
      }
      long read = keptNow + dropped.values().stream().mapToLong(Long::longValue).sum();
      if (read > 0) {
        warehouse.append(Table.SELECTIONS, verdicts);
      }
      if (keptNow > 0) {
        Dataset<Row> winners = verdicts.filter(col("drop_reason").isNull());
        warehouse.append(
            Table.PREFERENCE_PAIRS, without(joined(unjudged, winners, "left_semi"), kept));
      }
      return new StepResult(read, keptNow, dropped, Map.of(), candidates - read - waits, metrics);
    } finally {
      verdicts.unpersist();
    }
  }

  @Override
  public Optional<Pending> pending(StepContext context) {
    Warehouse warehouse = context.warehouse();
    Dataset<Row> pairs = warehouse.read(Table.PAIRS);
    Dataset<Row> judged = warehouse.read(Table.SELECTIONS);
    Dataset<Row> due = without(pairs, judged).select("pair_id").union(mended(pairs, judged));
    return Optional.of(Pending.rows(without(due, waiting(context)).count()));
  }

  /** Returns the ids of the pairs that wait for a score, and of the duplicates of these. */
  private static Dataset<Row> waiting(StepContext context) {
    Dataset<Row> duplicates = duplicates(context.warehouse());
    return ScoreStep.waiting(context)
        .map(
            failed ->
                failed.union(
                    duplicates
                        .join(failed, col("duplicate_of").equalTo(col("pair_id")), "left_semi")
                        .select("id")))
        // Several queries ask for the few there are.
        .map(Dataset::localCheckpoint)
        // Spark leaves out what is done with rows that are known to be none.
        .orElseGet(() -> duplicates.select(col("id").as("pair_id")).where(lit(false)));
  }

  /** Returns columns {@code id} and {@code duplicate_of} of pairs that step dedup drops. */
  private static Dataset<Row> duplicates(Warehouse warehouse) {
    return warehouse
        .latest(Table.DUPLICATES)
        .where(col("kind").equalTo("pair").and(col("duplicate_of").isNotNull()))
        .select(col("id"), col("duplicate_of"));
  }

  /**
   * Returns the ids of the pairs that were judged by a fault which is no longer theirs, as step
   * reject has worked on them again.
   */
  private static Dataset<Row> mended(Dataset<Row> pairs, Dataset<Row> judged) {
    Dataset<Row> faults =
        judged
            .where(col("drop_reason").isin(RowFaults.ALL.toArray()))
            .select(col("pair_id").as("failed"), col("drop_reason").as("fault"));
    return faults
        .join(pairs, col("failed").equalTo(col("pair_id")))
        .where(not(col("fault").eqNullSafe(col("drop_reason"))))
        .select("pair_id");
  }

  /** Adds the kept pairs that a run which died has judged and not written. */
  private static void addLost(Warehouse warehouse, Dataset<Row> kept) {
    Dataset<Row> lost = without(kept, warehouse.latest(Table.PREFERENCE_PAIRS));
    if (!lost.isEmpty()) {
      warehouse.append(Table.PREFERENCE_PAIRS, lost);
    }
  }

  private static void checkCompared(Warehouse warehouse, Dataset<Row> unjudged) {
    Dataset<Row> signatures = warehouse.latest(Table.SIGNATURES);
    long unseen = without(unjudged.where(col("drop_reason").isNull()), signatures).count();
    if (unseen > 0) {
      throw new JobException(
          "Cannot select pairs: "
              + unseen
              + " of them in "
              + warehouse.root()
              + " have not been looked at for duplicates. Run the dedup step first, on the same"
              + " warehouse.");
    }
  }

  /** Returns one row of {@code selections} for every row of {@code unjudged}. */
  private static Dataset<Row> verdicts(
      StepContext context, Dataset<Row> unjudged, Dataset<Row> kept, Map<String, Double> metrics) {
    // What trainers may have seen is not asked again.
    Dataset<Row> open = labelled(context, without(unjudged, kept));
    SelectSettings settings = context.recipe().select();
    Embedded embedded = settings.wantsEmbeddings() ? embed(context, open, metrics) : null;
    Choice choice =
        new Choice(settings, context.recipe().seed(), embedded == null ? null : embedded.vectors());
    UnaryOperator<Dataset<Row>> scored =
        settings.diversity().on() ? diversity(context, embedded) : UnaryOperator.identity();
    Dataset<Row> judged =
        choice.takesAll()
            ? scored.apply(open)
            : choice.judge(
                scored.apply(described(context, open)), scored.apply(described(context, kept)));
    return withScores(judged)
        .union(
            withScores(
                joined(unjudged, kept, "left_semi")
                    .select(
                        col("pair_id"),
                        lit(null).cast("string").as("drop_reason"),
                        lit(null).cast("string").as("duplicate_of"))));
  }

  /** Returns columns of {@code selections}; a score that was not asked for is NULL. */
  private static Dataset<Row> withScores(Dataset<Row> verdicts) {
    List<String> columns = Arrays.asList(verdicts.columns());
    return verdicts.select(
        Arrays.stream(Table.SELECTIONS.schema().fieldNames())
            .map(name -> columns.contains(name) ? col(name) : lit(null).cast("double").as(name))
            .toArray(Column[]::new));
  }

  /**
   * What the run's pairs mean.
   *
   * @param vectors columns {@code embedded}, a pair_id, {@code content_id} and {@code vector}
   * @param known columns {@code content_id} and {@code vector} of these pairs and those of earlier
   *     runs
   */
  private record Embedded(Dataset<Row> vectors, Dataset<Row> known) {}

  /** Embeds what the run's pairs that have no reason are about. */
  private static Embedded embed(
      StepContext context, Dataset<Row> open, Map<String, Double> metrics) {
    Dataset<Row> texts = texts(open);
    TextEmbeddings embeddings = new TextEmbeddings(context);
    metrics.put("texts-embedded", (double) embeddings.embed(texts).written());
    Dataset<Row> vectors = embeddings.vectors();
    return new Embedded(
        texts.drop("text").join(vectors, "content_id"),
        vectors.join(
            texts(context.warehouse().latest(Table.PAIRS)).select("content_id"),
            new String[] {"content_id"},
            "left_semi"));
  }

  /** Returns the usable pairs' prompts and chosen responses as texts. */
  private static Dataset<Row> texts(Dataset<Row> pairs) {
    return pairs
        .where(col("drop_reason").isNull())
        .select(
            col("pair_id").as("embedded"), concat_ws("\n", col("prompt"), col("chosen")).as("text"))
        .withColumn("content_id", TextEmbeddings.contentId(col("text")));
  }

  /**
   * Returns what adds column {@code diversity}: to the run's pairs their score, to others the one
   * that they had.
   */
  private static UnaryOperator<Dataset<Row>> diversity(StepContext context, Embedded embedded) {
    Dataset<Row> own =
        Diversity.of(
            embedded.known(),
            embedded.vectors().select("content_id", "vector").dropDuplicates("content_id"),
            context.recipe().select().diversity(),
            context.recipe().seed());
    Dataset<Row> scores =
        embedded
            .vectors()
            .select("embedded", "content_id")
            .join(own, "content_id")
            .select(col("embedded").as("scored"), col("diversity"))
            .union(
                context
                    .warehouse()
                    .readAsSeen(Table.SELECTIONS)
                    .select(col("pair_id"), col("diversity")))
            // Every stage of the choice asks for them.
            .localCheckpoint();
    return pairs ->
        pairs
            .join(scores, pairs.col("pair_id").equalTo(scores.col("scored")), "left")
            .drop("scored");
  }

  /** Adds what steps score and dedup found to the reasons that pairs have of their own. */
  private static Dataset<Row> labelled(StepContext context, Dataset<Row> pairs) {
    Warehouse warehouse = context.warehouse();
    Dataset<Row> duplicates = duplicates(warehouse);
    Dataset<Row> contaminations = warehouse.latest(Table.CONTAMINATIONS);
    Dataset<Row> images = contaminations.where(col("kind").equalTo("image")).select("id");
    Dataset<Row> prompts = contaminations.where(col("kind").equalTo("pair")).select("id");
    Dataset<Row> contradicted = DedupStep.contradicted(warehouse.latest(Table.CONTRADICTIONS));
    Dataset<Row> refused =
        marked(pairs, col("pair_id"), ScoreStep.refused(context), PairScore.REJECTED_PREFERRED);
    Dataset<Row> agreed = marked(refused, col("pair_id"), contradicted, DedupStep.CONTRADICTION);
    Dataset<Row> own = marked(agreed, col("image_id"), images, DedupStep.CONTAMINATED_IMAGE);
    // By its own image where a pair has no other: NULLs would all meet in one partition.
    Column other = coalesce(ModelRows.rejectedImageId(), col("image_id"));
    Dataset<Row> apart = marked(own, other, images, DedupStep.CONTAMINATED_IMAGE);
    return marked(apart, col("pair_id"), prompts, DedupStep.CONTAMINATED_PROMPT)
        .join(
            duplicates, col("pair_id").equalTo(col("id")).and(col("drop_reason").isNull()), "left")
        .withColumn(
            "drop_reason",
            coalesce(
                col("drop_reason"),
                when(col("duplicate_of").isNotNull(), DedupStep.DUPLICATE_PAIR)))
        .drop("id");
  }

  /** Gives pairs without a reason this one where their {@code key} is among the ids. */
  private static Dataset<Row> marked(
      Dataset<Row> pairs, Column key, Dataset<Row> ids, String reason) {
    return pairs
        .join(ids.select(col("id").as("mark")).distinct(), key.equalTo(col("mark")), "left")
        .withColumn(
            "drop_reason", coalesce(col("drop_reason"), when(col("mark").isNotNull(), reason)))
        .drop("mark");
  }

  /** Adds what the recipe's expressions may name besides: the source, and means of the scores. */
  private static Dataset<Row> described(StepContext context, Dataset<Row> pairs) {
    Dataset<Row> sources =
        context
            .warehouse()
            .latest(Table.SAMPLES)
            .select(col("sample_id").as("sample"), col("source"));
    Dataset<Row> scores =
        ScoreStep.current(context)
            .groupBy(col("pair_id").as("scored"))
            .agg(
                avg("margin").as("margin"),
                avg("chosen_visual_dependency").as("chosen_visual_dependency"),
                avg("rejected_visual_dependency").as("rejected_visual_dependency"));
    return pairs
        .join(sources, col("sample_id").equalTo(col("sample")), "left")
        .join(scores, col("pair_id").equalTo(col("scored")), "left")
        .drop("sample", "scored");
  }

  private static Dataset<Row> without(Dataset<Row> rows, Dataset<Row> done) {
    return joined(rows, done, "left_anti");
  }

  private static Dataset<Row> joined(Dataset<Row> rows, Dataset<Row> keys, String how) {
    Dataset<Row> ids = keys.select(col("pair_id").as("key"));
    return rows.join(ids, rows.col("pair_id").equalTo(ids.col("key")), how);
  }
}

package io.github.pairloom.jobs.select;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Table;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;

/**
 * Judges every candidate pair once: {@code selections} gets the verdict, {@code preference_pairs}
 * the pair if it is kept.
 *
 * <p>A pair with a drop_reason of its own is dropped for that reason, one whose rejected side a
 * scoring model prefers as rejected-preferred (unless the recipe keeps these). Of pairs with the
 * same image, context, prompt, chosen and rejected side, whatever strategy made them, one is kept
 * and the others are dropped as {@value #DUPLICATE_PAIR} of it: the one in {@code preference_pairs}
 * if there is one, else the one of the lowest iteration, then of the first strategy by name, then
 * of the lowest pair_id. A verdict stands: a better duplicate that comes later does not replace a
 * kept pair, for trainers may have seen it.
 *
 * <p>Rows are added to {@code preference_pairs} first. A run that dies before their verdicts are
 * written is made good by the next one: it meets its kept pairs there as the winners they are.
 */
public final class SelectStep implements Step {
  /** Reason code of a pair whose texts and image are those of a kept pair. */
  public static final String DUPLICATE_PAIR = "duplicate-pair";

  @Override
  public String name() {
    return "select";
  }

  @Override
  public StepResult run(StepContext context) {
    Warehouse warehouse = context.warehouse();
    // Every read is of one version, so that both tables are written from the same verdicts even
    // where Spark computes them twice while other steps write.
    Dataset<Row> pairs = latest(warehouse, Table.PAIRS);
    long candidates = pairs.count();
    if (candidates == 0) {
      throw new JobException(
          "Cannot select pairs: table pairs in "
              + warehouse.root()
              + " has no rows. Run the reject step first, on the same warehouse.");
    }
    Dataset<Row> unjudged =
        withVerdicts(without(pairs, latest(warehouse, Table.SELECTIONS)), context);
    Dataset<Row> kept = latest(warehouse, Table.PREFERENCE_PAIRS);
    Dataset<Row> verdicts = verdicts(unjudged, kept).persist();
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
      if (keptNow > 0) {
        Dataset<Row> winners = verdicts.filter(col("drop_reason").isNull());
        warehouse.append(
            Table.PREFERENCE_PAIRS, without(joined(unjudged, winners, "left_semi"), kept));
      }
      if (read > 0) {
        warehouse.append(Table.SELECTIONS, verdicts);
      }
      return new StepResult(read, keptNow, dropped, Map.of(), candidates - read, Map.of());
    } finally {
      verdicts.unpersist();
    }
  }

  /** Gives pairs whose rejected side a scoring model prefers that for their drop_reason. */
  private static Dataset<Row> withVerdicts(Dataset<Row> pairs, StepContext context) {
    if (context.recipe().score().keepRejectedPreferred()) {
      return pairs;
    }
    Dataset<Row> preferred =
        latest(context.warehouse(), Table.SCORES)
            .where(col("verdict").equalTo(PairScore.REJECTED_PREFERRED))
            .select(col("pair_id").as("preferred"))
            .distinct();
    Column verdict = when(col("preferred").isNotNull(), PairScore.REJECTED_PREFERRED);
    return pairs
        .join(preferred, col("pair_id").equalTo(col("preferred")), "left")
        .withColumn("drop_reason", coalesce(col("drop_reason"), verdict))
        .drop("preferred");
  }

  /** Returns one row of {@code selections} for every row of {@code unjudged}. */
  private static Dataset<Row> verdicts(Dataset<Row> unjudged, Dataset<Row> kept) {
    Dataset<Row> rivals =
        rivals(unjudged.filter(col("drop_reason").isNull()), true).union(rivals(kept, false));
    WindowSpec sameContent =
        Window.partitionBy("content").orderBy("unjudged", "iteration", "strategy", "pair_id");
    Column beaten = col("winner").notEqual(col("pair_id"));
    Dataset<Row> byContent =
        rivals
            .withColumn("winner", first("pair_id").over(sameContent))
            .filter(col("unjudged"))
            .select(
                col("pair_id"),
                when(beaten, DUPLICATE_PAIR).as("drop_reason"),
                when(beaten, col("winner")).as("duplicate_of"));
    return unjudged
        .filter(col("drop_reason").isNotNull())
        .select(col("pair_id"), col("drop_reason"), lit(null).cast("string").as("duplicate_of"))
        .union(byContent);
  }

  private static Dataset<Row> rivals(Dataset<Row> pairs, boolean unjudged) {
    // The digest stands in for the texts in the shuffle; JSON keeps the fields apart.
    Column content =
        sha2(
            to_json(
                    struct(
                        col("image_id"),
                        col("context"),
                        col("prompt"),
                        col("chosen"),
                        col("rejected"),
                        when(
                            col("rejects").equalTo(CandidatePair.IMAGE),
                            col("provenance.transform.pixels_sha256"))))
                .cast("binary"),
            256);
    return pairs.select(
        content.as("content"),
        lit(unjudged).as("unjudged"),
        col("iteration"),
        col("strategy"),
        col("pair_id"));
  }

  private static Dataset<Row> latest(Warehouse warehouse, Table table) {
    return warehouse.readAsOf(table, warehouse.version(table));
  }

  private static Dataset<Row> without(Dataset<Row> rows, Dataset<Row> done) {
    return joined(rows, done, "left_anti");
  }

  private static Dataset<Row> joined(Dataset<Row> rows, Dataset<Row> keys, String how) {
    Dataset<Row> ids = keys.select(col("pair_id").as("key"));
    return rows.join(ids, rows.col("pair_id").equalTo(ids.col("key")), how);
  }
}

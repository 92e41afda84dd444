package io.github.pairloom.jobs.select;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.recipe.SelectSettings;
import java.util.function.Supplier;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;

/**
 * Which of the pairs that may be used are taken: filters, then quotas, then the budget. Where there
 * are more than are wanted, those with the smallest hash of seed and pair_id are taken, so that the
 * draw does not depend on partitions. Pairs of earlier runs count, and stay.
 */
final class Choice {
  /** Reason code of a pair beyond a quota. */
  static final String OVER_QUOTA = "over-quota";

  /** Reason code of a pair beyond the budget. */
  static final String OVER_BUDGET = "over-budget";

  private final SelectSettings settings;
  private final long seed;

  Choice(SelectSettings settings, long seed) {
    this.settings = settings;
    this.seed = seed;
  }

  /** Returns whether all are taken. */
  boolean takesAll() {
    return settings.filters().isEmpty() && settings.quotas().isEmpty() && settings.budget() == 0;
  }

  /**
   * Returns the pairs with their {@code drop_reason}, which stays where there is one.
   *
   * @param pairs columns of {@code pairs}, {@code source}, and the verdict so far
   * @param kept pairs of earlier runs with the same columns
   */
  Dataset<Row> judge(Dataset<Row> pairs, Dataset<Row> kept) {
    Dataset<Row> judged = pairs.withColumn("draw", xxhash64(lit(seed), col("pair_id")));
    for (SelectSettings.Filter filter : settings.filters()) {
      Dataset<Row> before = judged;
      Column met = coalesce(expr(filter.where()).cast("boolean"), lit(false));
      judged =
          sql(
              "filters." + filter.name() + ".where",
              filter.where(),
              () ->
                  before.withColumn(
                      "drop_reason",
                      coalesce(
                          col("drop_reason"),
                          when(met.equalTo(lit(false)), "filter-" + filter.name()))));
    }
    for (SelectSettings.Quota quota : settings.quotas()) {
      judged = bounded(judged, kept, quota);
    }
    return settings.budget() == 0 ? judged : withinBudget(judged, kept.count());
  }

  private static Dataset<Row> bounded(
      Dataset<Row> judged, Dataset<Row> kept, SelectSettings.Quota quota) {
    Column free = col("drop_reason").isNull();
    Column kind = coalesce(expr(quota.by()).cast("string"), lit(""));
    Dataset<Row> before =
        sql("quotas.by", quota.by(), () -> judged.withColumn("kind", kind))
            // Rows that are dropped already take nobody's place.
            .withColumn("free", free)
            .withColumn(
                "place",
                row_number().over(Window.partitionBy("kind", "free").orderBy("draw", "pair_id")));
    Dataset<Row> taken =
        kept.withColumn("taken_kind", kind).groupBy("taken_kind").agg(count(lit(1)).as("taken"));
    return before
        .join(broadcast(taken), col("kind").equalTo(col("taken_kind")), "left")
        .withColumn(
            "drop_reason",
            coalesce(
                col("drop_reason"),
                when(
                    col("place").plus(coalesce(col("taken"), lit(0L))).gt(quota.most()),
                    OVER_QUOTA)))
        .drop("kind", "free", "place", "taken_kind", "taken");
  }

  private Dataset<Row> withinBudget(Dataset<Row> judged, long taken) {
    long left = Math.max(0, settings.budget() - taken);
    Dataset<Row> winners =
        judged
            .where(col("drop_reason").isNull())
            .select(col("draw"), col("pair_id").as("winner"))
            .orderBy("draw", "winner")
            .limit((int) Math.min(Integer.MAX_VALUE, left))
            .select("winner");
    return judged
        .join(winners, col("pair_id").equalTo(col("winner")), "left")
        .withColumn(
            "drop_reason", coalesce(col("drop_reason"), when(col("winner").isNull(), OVER_BUDGET)))
        .drop("winner");
  }

  private static Dataset<Row> sql(String key, String text, Supplier<Dataset<Row>> use) {
    try {
      return use.get();
    } catch (Exception e) {
      // Scala's exceptions are not declared; what else comes is not about the expression.
      if (e instanceof AnalysisException) {
        throw new JobException(
            "Cannot use select.%s '%s': %s. It may name the columns of table pairs, and source"
                .formatted(
                    key, text, String.valueOf(e.getMessage()).lines().findFirst().orElse("")),
            e);
      }
      throw e;
    }
  }
}

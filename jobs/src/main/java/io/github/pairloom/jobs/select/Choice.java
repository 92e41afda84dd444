package io.github.pairloom.jobs.select;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.nanvl;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.recipe.SelectSettings;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.function.Function;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RuntimeConfig;
import org.apache.spark.sql.expressions.Window;

/**
 * Which of the pairs that may be used are taken: filters, then cuts, then quotas, then the budget.
 * Where there are more than are wanted, the preferred ones are taken, and among equals those with
 * the smallest hash of seed and pair_id, so that the draw does not depend on partitions. Pairs of
 * earlier runs count against quotas and budget, and stay.
 */
final class Choice {
  /** Reason code of a pair beyond a quota. */
  static final String OVER_QUOTA = "over-quota";

  /** Reason code of a pair beyond the budget. */
  static final String OVER_BUDGET = "over-budget";

  private static final String ANSI = "spark.sql.ansi.enabled";

  private final SelectSettings settings;
  private final long seed;
  private final Dataset<Row> vectors;

  /**
   * @param vectors columns {@code embedded}, a pair_id, {@code content_id} and {@code vector}; null
   *     if the settings want none
   */
  Choice(SelectSettings settings, long seed, Dataset<Row> vectors) {
    this.settings = settings;
    this.seed = seed;
    this.vectors = vectors;
  }

  /** Returns whether all are taken. */
  boolean takesAll() {
    return settings.filters().isEmpty()
        && settings.cuts().isEmpty()
        && settings.quotas().isEmpty()
        && settings.budget() == 0;
  }

  /**
   * Returns the pairs with their {@code drop_reason}, which stays where there is one, and {@code
   * spread}.
   *
   * @param pairs columns of {@code pairs}, {@code source}, the means of {@code scores}, and the
   *     verdict so far
   * @param kept pairs of earlier runs with the same columns
   */
  Dataset<Row> judge(Dataset<Row> pairs, Dataset<Row> kept) {
    Dataset<Row> judged =
        pairs
            .withColumn("draw", xxhash64(lit(seed), col("pair_id")))
            .withColumn("spread", lit(null).cast("double"));
    for (SelectSettings.Filter filter : settings.filters()) {
      Dataset<Row> before = judged;
      judged =
          sql(
              before,
              "filters." + filter.name() + ".where",
              filter.where(),
              where ->
                  before.withColumn(
                      "drop_reason",
                      coalesce(
                          col("drop_reason"),
                          when(
                              not(coalesce(where.cast("boolean"), lit(false))),
                              "filter-" + filter.name()))));
    }
    for (SelectSettings.Cut cut : settings.cuts()) {
      judged = cut(judged, cut);
    }
    String prefer = settings.prefer().isBlank() ? "0" : settings.prefer();
    judged = withWorth(judged, "prefer", prefer);
    for (SelectSettings.Quota quota : settings.quotas()) {
      judged = bounded(judged, kept, quota);
    }
    return settings.budget() == 0
        ? judged
        : best(judged, left(judged), Math.max(0, settings.budget() - kept.count()), OVER_BUDGET);
  }

  private Dataset<Row> cut(Dataset<Row> judged, SelectSettings.Cut cut) {
    long left = left(judged);
    long most =
        BigDecimal.valueOf(cut.best())
            .multiply(BigDecimal.valueOf(left))
            .setScale(0, RoundingMode.CEILING)
            .longValue();
    Dataset<Row> ranked =
        switch (cut.type()) {
          case SCORE -> withWorth(judged, "cuts." + cut.name() + ".by", cut.by());
          case K_CENTER ->
              withWorth(withSpread(judged, left, most), "cuts", "new_spread")
                  .withColumn("spread", coalesce(col("new_spread"), col("spread")))
                  .drop("new_spread");
        };
    return best(ranked, left, most, "cut-" + cut.name());
  }

  /** Adds column {@code new_spread}, NULL where a pair is left no more or has no embedding. */
  private Dataset<Row> withSpread(Dataset<Row> judged, long left, long most) {
    Dataset<Row> open =
        judged
            .where(col("drop_reason").isNull())
            .select("pair_id", "draw")
            .join(vectors, col("pair_id").equalTo(col("embedded")))
            .drop("embedded");
    Dataset<Row> spreads =
        Spread.DEFAULTS
            .of(open, left, most, seed)
            .withColumnRenamed("spread", "new_spread")
            // Costly, and asked for by every stage after this one.
            .localCheckpoint();
    return judged.join(spreads, col("pair_id").equalTo(col("spread_of")), "left").drop("spread_of");
  }

  /** Adds column {@code worth}, the better the higher. */
  private static Dataset<Row> withWorth(Dataset<Row> pairs, String key, String expression) {
    Column least = lit(Double.NEGATIVE_INFINITY);
    return sql(
        pairs,
        key,
        expression,
        value -> pairs.withColumn("worth", nanvl(coalesce(value.cast("double"), least), least)));
  }

  private static Dataset<Row> bounded(
      Dataset<Row> judged, Dataset<Row> kept, SelectSettings.Quota quota) {
    Column free = col("drop_reason").isNull();
    Dataset<Row> before =
        withKind(judged, "kind", quota)
            // Rows that are dropped already take nobody's place.
            .withColumn("free", free)
            .withColumn(
                "place",
                row_number()
                    .over(
                        Window.partitionBy("kind", "free")
                            .orderBy(col("worth").desc(), col("draw"), col("pair_id"))));
    Dataset<Row> taken =
        withKind(kept, "taken_kind", quota).groupBy("taken_kind").agg(count(lit(1)).as("taken"));
    return before
        .join(taken, col("kind").equalTo(col("taken_kind")), "left")
        .withColumn(
            "drop_reason",
            coalesce(
                col("drop_reason"),
                when(
                    col("place").plus(coalesce(col("taken"), lit(0L))).gt(quota.most()),
                    OVER_QUOTA)))
        .drop("kind", "free", "place", "taken_kind", "taken");
  }

  private static Dataset<Row> withKind(
      Dataset<Row> pairs, String column, SelectSettings.Quota quota) {
    return sql(
        pairs,
        "quotas.by",
        quota.by(),
        kind -> pairs.withColumn(column, coalesce(kind.cast("string"), lit(""))));
  }

  private static long left(Dataset<Row> judged) {
    return judged.where(col("drop_reason").isNull()).count();
  }

  /** Drops all but the {@code most} best of those that are {@code left}. */
  private static Dataset<Row> best(Dataset<Row> judged, long left, long most, String reason) {
    if (most >= left) {
      // Spark 3.5 makes room in every task for twice as many as are asked for.
      return judged;
    }
    Dataset<Row> winners =
        judged
            .where(col("drop_reason").isNull())
            .select(col("worth"), col("draw"), col("pair_id").as("winner"))
            .orderBy(col("worth").desc(), col("draw"), col("winner"))
            .limit((int) Math.min(Integer.MAX_VALUE, most))
            .select("winner");
    return judged
        .join(winners, col("pair_id").equalTo(col("winner")), "left")
        .withColumn(
            "drop_reason", coalesce(col("drop_reason"), when(col("winner").isNull(), reason)))
        .drop("winner");
  }

  /**
   * Has a recipe's expression used. Where it has no value for a row, as where it divides by 0, it
   * is NULL, also in lines of Spark in which that would end the query: expressions keep the mode
   * that they are analysed in.
   */
  private static Dataset<Row> sql(
      Dataset<Row> pairs, String key, String text, Function<Column, Dataset<Row>> use) {
    RuntimeConfig conf = pairs.sparkSession().conf();
    String ansi = conf.get(ANSI);
    conf.set(ANSI, "false");
    try {
      return use.apply(expr(text));
    } catch (Exception e) {
      // Scala's exceptions are not declared; what else comes is not about the expression.
      if (e instanceof AnalysisException) {
        throw new JobException(
            ("Cannot use select.%s '%s': %s. It may name the columns of table pairs, source, margin,"
                    + " chosen_visual_dependency, rejected_visual_dependency, and diversity if"
                    + " select.diversity.domains is set")
                .formatted(
                    key, text, String.valueOf(e.getMessage()).lines().findFirst().orElse("")),
            e);
      }
      throw e;
    } finally {
      conf.set(ANSI, ansi);
    }
  }
}

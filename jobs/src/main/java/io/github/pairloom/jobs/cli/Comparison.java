package io.github.pairloom.jobs.cli;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_distinct;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.score.ScoreStep;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Table;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** The strategies of a warehouse side by side: what they made and what became of it. */
final class Comparison {
  private static final List<String> COLUMNS =
      List.of(
          "strategy",
          "pairs",
          "usable",
          "selected",
          "similarity",
          "length ratio",
          "edit share",
          "dependency",
          "of rejected",
          "preferred %",
          "dropped");

  /** Digits of a recipe id, enough to tell it from others. */
  private static final int RECIPE_DIGITS = 8;

  /** Most characters of a parameter's value: it may be a whole template. */
  private static final int WIDTH = 24;

  private Comparison() {}

  /**
   * Returns the table, or empty if fewer than two strategies have made pairs; those of one name
   * count apart where anything else that shapes a pair is another.
   */
  static Optional<TextTable> of(StepContext context) {
    Warehouse warehouse = context.warehouse();
    Column parameters = col("provenance.strategy_parameters");
    // Strategies of one name are told apart by what they were told to use.
    Column what = coalesce(parameters.getItem("judge"), parameters.getItem("policy"));
    Dataset<Row> pairs =
        warehouse
            .read(Table.PAIRS)
            .withColumn("recipe", col("provenance.recipe_id"))
            .withColumn(
                "label",
                when(what.isNull(), col("strategy"))
                    .otherwise(concat(col("strategy"), lit(", "), what)));
    Dataset<Row> scores =
        ScoreStep.current(context)
            .where(col("drop_reason").isNull())
            .groupBy(col("pair_id").as("scored"))
            .agg(
                avg("chosen_visual_dependency").as("chosen_dependency"),
                avg("rejected_visual_dependency").as("rejected_dependency"),
                avg(when(col("verdict").equalTo(PairScore.REJECTED_PREFERRED), 1.0).otherwise(0.0))
                    .as("preferred"));
    Dataset<Row> verdicts =
        warehouse
            .read(Table.SELECTIONS)
            .select(col("pair_id").as("judged"), col("drop_reason").as("verdict"));
    Dataset<Row> all =
        pairs
            .join(scores, col("pair_id").equalTo(col("scored")), "left")
            .join(verdicts, col("pair_id").equalTo(col("judged")), "left")
            .withColumn("reason", coalesce(col("drop_reason"), col("verdict")));
    Column usable = col("drop_reason").isNull();
    Column ofTexts = usable.and(col("rejects").equalTo(CandidatePair.TEXT));
    Column edits =
        expr(
            "least(1D, aggregate(spans, 0, (sum, s) -> sum + greatest(s.chosen_end - s.chosen_start,"
                + " s.rejected_end - s.rejected_start)) / greatest(length(chosen),"
                + " length(rejected)))");
    List<Row> rows =
        all.groupBy("recipe")
            .agg(
                first("label").as("label"),
                first(parameters).as("parameters"),
                count(lit(1)).as("pairs"),
                count(when(usable, 1)).as("usable"),
                count(when(col("judged").isNotNull().and(col("verdict").isNull()), 1))
                    .as("selected"),
                avg(when(ofTexts, col("similarity"))).as("similarity"),
                avg(when(ofTexts, length(col("rejected")).divide(length(col("chosen")))))
                    .as("ratio"),
                avg(when(ofTexts, edits)).as("edits"),
                avg("chosen_dependency").as("chosen_dependency"),
                avg("rejected_dependency").as("rejected_dependency"),
                avg(col("preferred").multiply(100)).as("preferred"))
            .orderBy("label", "recipe")
            .collectAsList();
    if (rows.size() < 2) {
      return Optional.empty();
    }
    List<String> labels = labels(rows);
    Map<String, List<String>> reasons = reasons(all);
    return Optional.of(
        new TextTable(
            COLUMNS,
            IntStream.range(0, rows.size())
                .mapToObj(i -> cells(labels.get(i), rows.get(i), reasons))
                .toList()));
  }

  /** Returns what tells each row from all others. */
  private static List<String> labels(List<Row> rows) {
    List<String> labels = rows.stream().map(row -> label(row, rows)).toList();
    return IntStream.range(0, rows.size())
        .mapToObj(
            i ->
                Collections.frequency(labels, labels.get(i)) == 1
                    ? labels.get(i)
                    : labels.get(i)
                        + ", "
                        + rows.get(i).<String>getAs("recipe").substring(0, RECIPE_DIGITS))
        .toList();
  }

  /** Returns a row's label, with the parameters of its own among rows that have the same. */
  private static String label(Row row, List<Row> rows) {
    String label = row.getAs("label");
    List<Map<String, String>> alike =
        rows.stream()
            .filter(other -> label.equals(other.<String>getAs("label")))
            .map(Comparison::parameters)
            .toList();
    return Stream.concat(
            Stream.of(label),
            parameters(row).entrySet().stream()
                .filter(
                    own ->
                        alike.stream()
                            .anyMatch(other -> !own.getValue().equals(other.get(own.getKey()))))
                .map(own -> own.getKey() + "=" + Texts.cut(Texts.plain(own.getValue()), WIDTH)))
        .collect(Collectors.joining(", "));
  }

  private static Map<String, String> parameters(Row row) {
    return new TreeMap<>(row.<String, String>getJavaMap(row.fieldIndex("parameters")));
  }

  private static Map<String, List<String>> reasons(Dataset<Row> all) {
    Map<String, List<String>> reasons = new HashMap<>();
    all.where(col("reason").isNotNull())
        .groupBy("recipe", "reason")
        .agg(count_distinct(col("pair_id")).as("pairs"))
        .orderBy(col("pairs").desc(), col("reason"))
        .collectAsList()
        .forEach(
            row ->
                reasons
                    .computeIfAbsent(row.getString(0), key -> new ArrayList<>())
                    .add(row.getString(1) + " " + row.getLong(2)));
    return reasons;
  }

  private static List<String> cells(String label, Row row, Map<String, List<String>> reasons) {
    return List.of(
        label,
        Long.toString(row.getAs("pairs")),
        Long.toString(row.getAs("usable")),
        Long.toString(row.getAs("selected")),
        number(row.getAs("similarity")),
        number(row.getAs("ratio")),
        number(row.getAs("edits")),
        number(row.getAs("chosen_dependency")),
        number(row.getAs("rejected_dependency")),
        number(row.getAs("preferred")),
        reasons.getOrDefault(row.<String>getAs("recipe"), List.of("-")).stream()
            .collect(Collectors.joining(", ")));
  }

  private static String number(Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, "%.3f", value);
  }
}

package io.github.pairloom.jobs.cli;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.row_number;

import io.delta.tables.DeltaTable;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.schemas.Run;
import io.github.pairloom.schemas.Span;
import io.github.pairloom.schemas.Table;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;

/** What a run of the pipeline shows at its end. */
final class Summary {
  private static final int EXAMPLES = 3;
  private static final String INDENT = "  ";

  private final Terminal terminal;
  private final PrintWriter out;
  private final StepContext context;
  private final Path file;

  Summary(Terminal terminal, StepContext context, Path file) {
    this.terminal = terminal;
    this.out = terminal.out();
    this.context = context;
    this.file = file;
  }

  /** Prints what {@code runs} did in {@code seconds}. */
  void print(List<Run> runs, double seconds) {
    out.println();
    table(runs).grid().forEach(out::println);
    out.println();
    if (runs.stream().allMatch(run -> run.read() == 0)) {
      out.println("Nothing new: every row of the input was already there.");
    }
    out.println("Done in " + Texts.duration(seconds) + ".");
    out.println("Tables   " + context.warehouse().root());
    if (!context.recipe().export().formats().isEmpty()) {
      out.println("Exports  " + exports(context.recipe()));
    }
    Comparison.of(context)
        .ifPresent(
            comparison -> {
              out.println();
              comparison.grid().forEach(out::println);
              out.println();
            });
    String path = context.warehouse().path(Table.PREFERENCE_PAIRS);
    if (DeltaTable.isDeltaTable(context.spark(), path)) {
      examples(context.spark().read().format("delta").load(path));
    }
  }

  private static TextTable table(List<Run> runs) {
    return new TextTable(
        List.of("step", "read", "written", "dropped", "quarantined", "already done", "time"),
        runs.stream()
            .map(
                run ->
                    List.of(
                        run.step(),
                        Long.toString(run.read()),
                        Long.toString(run.written()),
                        Long.toString(Run.total(run.dropped())),
                        Long.toString(Run.total(run.quarantined())),
                        Long.toString(run.alreadyDone()),
                        Texts.duration(StepRunner.seconds(run))))
            .toList());
  }

  private String exports(Recipe recipe) {
    String path = recipe.export().path();
    if (path.isEmpty()) {
      return context.warehouse().root() + "/exports/" + recipe.name();
    }
    return RecipeOptions.isUri(path) ? path : Path.of(path).toAbsolutePath().normalize().toString();
  }

  /** Prints the pair with the lowest id of each iteration, then the next ones, up to three. */
  private void examples(Dataset<Row> pairs) {
    long count = pairs.count();
    out.printf("Pairs    %d in preference_pairs%n", count);
    List<Row> examples =
        pairs
            .withColumn(
                "rank", row_number().over(Window.partitionBy("iteration").orderBy("pair_id")))
            .where(col("rank").leq(EXAMPLES))
            .orderBy("rank", "iteration", "pair_id")
            .limit(EXAMPLES)
            .collectAsList();
    for (Row pair : examples) {
      out.println();
      out.printf(
          Locale.ROOT,
          "%s, iteration %d, similarity %.3f%n",
          pair.<String>getAs("strategy"),
          pair.<Integer>getAs("iteration"),
          pair.<Double>getAs("similarity"));
      List<Span> spans =
          pair.<Row>getList(pair.fieldIndex("spans")).stream()
              .map(s -> new Span(s.getInt(0), s.getInt(1), s.getInt(2), s.getInt(3)))
              .toList();
      print("prompt", Texts.plain(pair.getAs("prompt")));
      print("chosen", Marks.chosen(pair.getAs("chosen"), spans, terminal.colours()));
      print("rejected", Marks.rejected(pair.getAs("rejected"), spans, terminal.colours()));
    }
    if (count > 0) {
      out.println();
      out.printf(
          "More: ./pairloom show preference_pairs %s --warehouse %s%n",
          file, context.warehouse().root());
    }
  }

  private void print(String label, String text) {
    int width = terminal.width() - INDENT.length() - 10;
    String lead = INDENT + String.format("%-10s", label);
    for (String line : Texts.wrap(text, width)) {
      out.println(lead + line);
      lead = " ".repeat(lead.length());
    }
  }
}

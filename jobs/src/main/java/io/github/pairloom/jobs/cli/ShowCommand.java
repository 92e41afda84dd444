package io.github.pairloom.jobs.cli;

import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;

import io.delta.tables.DeltaTable;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.schemas.Table;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** Prints rows of a table. */
@Command(
    name = "show",
    mixinStandardHelpOptions = true,
    description =
        "Prints rows of a table: images, samples, quarantine, shards, responses, embeddings, pairs,"
            + " scores, signatures, duplicates, contaminations, contradictions, selections,"
            + " preference_pairs or runs.")
final class ShowCommand implements Callable<Integer> {
  private static final int DEFAULT_LIMIT = 10;

  /** How rows are printed. */
  enum Format {
    TABLE,
    JSONL
  }

  private final Terminal terminal;

  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "TABLE",
      description = "The table.",
      converter = TableName.class)
  private Table table;

  @Parameters(
      index = "1",
      paramLabel = "RECIPE",
      description = "The recipe whose warehouse holds it.")
  private Path file;

  @Mixin private RecipeOptions options;

  @Option(
      names = "--where",
      paramLabel = "SQL",
      description = "Only rows for which this holds, such as \"iteration > 1\".")
  private String where;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Most rows to print, of runs the last; 0: all. Default: ${DEFAULT-VALUE}.")
  private int limit = DEFAULT_LIMIT;

  @Option(
      names = "--format",
      description =
          "table: for people, long texts cut; jsonl: one JSON object a row, exact. Default: table.")
  private Format format = Format.TABLE;

  ShowCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    Recipe recipe = options.read(file);
    try (Sessions session = Sessions.open("show " + table.tableName())) {
      Warehouse warehouse = new Warehouse(session.spark(), options.warehouse(recipe));
      String path = warehouse.path(table);
      boolean made = DeltaTable.isDeltaTable(session.spark(), path);
      // Steps make a table when they first have rows for it; none for quarantine is good news.
      if (!made && !DeltaTable.isDeltaTable(session.spark(), warehouse.path(Table.RUNS))) {
        throw new JobException(
            "There is no table "
                + table.tableName()
                + " in "
                + warehouse.root()
                + ". Make it with ./pairloom run "
                + file
                + ", or name the warehouse that has it with --warehouse");
      }
      print(
          filtered(
              made
                  ? session.spark().read().format("delta").load(path)
                  : session.spark().createDataFrame(List.of(), table.schema())));
    }
    return 0;
  }

  private Dataset<Row> filtered(Dataset<Row> rows) {
    try {
      return where == null ? rows : rows.where(where);
    } catch (Exception e) {
      // Scala throws it unannounced.
      if (e instanceof AnalysisException) {
        String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        throw new ParameterException(
            spec.commandLine(), "Cannot use --where '" + where + "': " + reason, e);
      }
      throw e;
    }
  }

  private void print(Dataset<Row> rows) {
    Dataset<Row> shown = limit == 0 ? rows : rows.orderBy(order(table)).limit(limit);
    if (format == Format.JSONL) {
      Column[] columns = Arrays.stream(rows.columns()).map(functions::col).toArray(Column[]::new);
      Map<String, String> exact = Map.of("ignoreNullFields", "false");
      Iterator<Row> lines = shown.select(to_json(struct(columns), exact)).toLocalIterator();
      lines.forEachRemaining(line -> terminal.out().println(line.getString(0)));
      return;
    }
    List<Row> some = shown.collectAsList();
    List<List<String>> cells =
        some.stream()
            .map(
                row ->
                    IntStream.range(0, row.length()).mapToObj(i -> Cells.text(row.get(i))).toList())
            .toList();
    new TextTable(List.of(rows.columns()), cells)
        .lines(terminal.width())
        .forEach(terminal.out()::println);
    terminal.out().printf("%d of %d rows of %s%n", some.size(), rows.count(), table.tableName());
  }

  /** Returns the key, so that the same rows are shown every time; of runs the last come first. */
  private static Column[] order(Table table) {
    if (table == Table.RUNS) {
      return new Column[] {functions.col("started_at").desc()};
    }
    String[] columns = table.schema().fieldNames();
    // Ids of several kinds are no key by themselves.
    return Arrays.stream(columns)
        .limit(columns[0].equals("kind") ? 3 : 1)
        .map(functions::col)
        .toArray(Column[]::new);
  }

  /** Finds tables by their names. */
  static final class TableName implements ITypeConverter<Table> {
    @Override
    public Table convert(String name) {
      try {
        return Table.named(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}

package io.github.pairloom.schemas;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.apache.spark.sql.types.StructType;

/** The tables of a warehouse. Each is defined by its DDL file beside this class. */
public enum Table {
  IMAGES,
  SAMPLES,
  QUARANTINE,
  SHARDS,
  RESPONSES,
  EMBEDDINGS,
  PAIRS,
  SCORES,
  SIGNATURES,
  DUPLICATES,
  CONTAMINATIONS,
  CONTRADICTIONS,
  SELECTIONS,
  PREFERENCE_PAIRS,
  RUNS;

  private final String ddl = readDdl();

  /** Returns the name as in SQL and on disk, such as {@code preference_pairs}. */
  public String tableName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the columns, with their comments and NOT NULLs. */
  public StructType schema() {
    int open = ddl.indexOf('(');
    int close = ddl.indexOf("\n) USING delta");
    return StructType.fromDDL(ddl.substring(open + 1, close));
  }

  /**
   * Returns the statement that creates the table with its constraints, if it is not there yet.
   *
   * @param identifier the table as SQL names it, such as <code>delta.`/warehouse/pairs`</code>
   */
  public String createStatement(String identifier) {
    return ddl.replace("{table}", identifier);
  }

  /** Returns the table called {@code name}. */
  public static Table named(String name) {
    return Arrays.stream(values())
        .filter(table -> table.tableName().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "No table is called '"
                        + name
                        + "'. The tables are: "
                        + Arrays.stream(values())
                            .map(Table::tableName)
                            .collect(Collectors.joining(", "))));
  }

  private String readDdl() {
    String file = tableName() + ".sql";
    try (InputStream in = Table.class.getResourceAsStream(file)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return text.replaceAll("(?m)^--.*$", "");
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + file + " from the class path", e);
    }
  }
}

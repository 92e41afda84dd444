package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The tables of a benchmark: printed as text, kept as JSON. */
final class Figures {
  private final String benchmark;
  private final PrintStream out;
  private final List<Map<String, Object>> tables = new ArrayList<>();

  Figures(String benchmark, PrintStream out) {
    this.benchmark = benchmark;
    this.out = out;
  }

  /**
   * Adds a table.
   *
   * @param columns their names, unit included
   * @param rows one value per column, texts and numbers
   */
  void add(String title, List<String> columns, List<List<Object>> rows) {
    Map<String, Object> table = new LinkedHashMap<>();
    table.put("title", title);
    table.put("columns", columns);
    table.put("rows", rows);
    tables.add(table);
    print(title, columns, rows);
  }

  /** Adds a remark on how the figures came about. */
  void note(String text) {
    out.println(text);
  }

  /** Writes all tables as one JSON object. */
  void writeJson(Path file) throws IOException {
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("benchmark", benchmark);
    report.put("command", "./pairloom bench " + benchmark);
    report.put("tables", tables);
    new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(file.toFile(), report);
  }

  private void print(String title, List<String> columns, List<List<Object>> rows) {
    List<List<String>> cells = new ArrayList<>();
    cells.add(columns);
    rows.forEach(row -> cells.add(row.stream().map(Figures::cell).toList()));
    int[] widths = new int[columns.size()];
    cells.forEach(
        row -> {
          for (int i = 0; i < widths.length; i++) {
            widths[i] = Math.max(widths[i], row.get(i).length());
          }
        });
    out.println();
    out.println(title);
    for (List<String> row : cells) {
      StringBuilder line = new StringBuilder("  ");
      for (int i = 0; i < widths.length; i++) {
        String pad = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? row.get(i) + pad : "  " + pad + row.get(i));
      }
      out.println(line.toString().stripTrailing());
    }
    out.flush();
  }

  private static String cell(Object value) {
    if (value instanceof Double d) {
      return Math.abs(d) < 0.001 && d != 0
          ? String.format(Locale.ROOT, "%.2e", d)
          : String.format(Locale.ROOT, Math.abs(d) < 10 ? "%.3f" : "%.1f", d);
    }
    return String.valueOf(value);
  }
}

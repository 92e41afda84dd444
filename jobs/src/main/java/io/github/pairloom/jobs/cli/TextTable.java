package io.github.pairloom.jobs.cli;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A table as text.
 *
 * @param header names of the columns
 * @param rows cells, one line each
 */
record TextTable(List<String> header, List<List<String>> rows) {
  private static final String GAP = "  ";

  /** Returns lines of at most {@code width}: a grid if that fits, else a block for each row. */
  List<String> lines(int width) {
    List<String> grid = grid();
    return grid.stream().allMatch(line -> line.length() <= width) ? grid : blocks(width);
  }

  /** Returns a line for the header and one for each row; columns of numbers are right-aligned. */
  List<String> grid() {
    List<List<String>> all = new ArrayList<>(List.of(header));
    all.addAll(rows);
    List<Integer> widths =
        IntStream.range(0, header.size())
            .mapToObj(c -> all.stream().mapToInt(row -> row.get(c).length()).max().orElse(0))
            .toList();
    List<Boolean> numbers =
        IntStream.range(0, header.size())
            .mapToObj(c -> rows.stream().allMatch(row -> row.get(c).matches("-|-?[0-9].{0,15}")))
            .toList();
    return all.stream()
        .map(
            row ->
                IntStream.range(0, row.size())
                    .mapToObj(c -> pad(row.get(c), widths.get(c), numbers.get(c)))
                    .collect(Collectors.joining(GAP))
                    .stripTrailing())
        .toList();
  }

  private List<String> blocks(int width) {
    int label = header.stream().mapToInt(String::length).max().orElse(0);
    List<String> lines = new ArrayList<>();
    for (int r = 0; r < rows.size(); r++) {
      String title = "row " + (r + 1) + " ";
      lines.add(title + String.join("", Collections.nCopies(width - title.length(), "-")));
      for (int c = 0; c < header.size(); c++) {
        String value = Texts.cut(rows.get(r).get(c), width - label - GAP.length());
        lines.add((pad(header.get(c), label, false) + GAP + value).stripTrailing());
      }
    }
    return lines;
  }

  private static String pad(String text, int width, boolean right) {
    String blanks = " ".repeat(Math.max(0, width - text.length()));
    return right ? blanks + text : text + blanks;
  }
}

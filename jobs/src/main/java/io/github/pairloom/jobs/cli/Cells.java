package io.github.pairloom.jobs.cli;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.Row;

/** Values of Spark rows as short texts for people. */
final class Cells {
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");
  private static final int SHOWN_DIGITS = 12;

  private Cells() {}

  /** Returns the value on one line; hashes show their first digits, numbers four decimals. */
  static String text(Object value) {
    if (value instanceof Row row) {
      return IntStream.range(0, row.length())
          .mapToObj(i -> row.schema().fieldNames()[i] + ": " + text(row.get(i)))
          .collect(Collectors.joining(", ", "{", "}"));
    }
    if (value instanceof scala.collection.Map<?, ?> map) {
      return asJava(map).entrySet().stream()
          .map(entry -> text(entry.getKey()) + ": " + text(entry.getValue()))
          .sorted()
          .collect(Collectors.joining(", ", "{", "}"));
    }
    if (value instanceof scala.collection.Seq<?> seq) {
      return asJava(seq).stream().map(Cells::text).collect(Collectors.joining(", ", "[", "]"));
    }
    if (value instanceof Double number) {
      String rounded = String.format(Locale.ROOT, "%.4f", number);
      return rounded.contains(".") ? rounded.replaceAll("\\.?0+$", "") : rounded;
    }
    String text = Texts.plain(String.valueOf(value));
    return HASH.matcher(text).matches() ? text.substring(0, SHOWN_DIGITS) + "…" : text;
  }

  // JavaConverters is what Scala 2.12 and 2.13 have in common.
  @SuppressWarnings("deprecation")
  private static List<?> asJava(scala.collection.Seq<?> seq) {
    return scala.collection.JavaConverters.seqAsJavaListConverter(seq).asJava();
  }

  @SuppressWarnings("deprecation")
  private static Map<?, ?> asJava(scala.collection.Map<?, ?> map) {
    return scala.collection.JavaConverters.mapAsJavaMapConverter(map).asJava();
  }
}

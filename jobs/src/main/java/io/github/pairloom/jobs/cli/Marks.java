package io.github.pairloom.jobs.cli;

import io.github.pairloom.schemas.Span;
import java.util.List;
import java.util.function.ToIntFunction;

/** Marks the words in which two texts differ. */
final class Marks {
  private static final String GREEN = "\u001b[1;32m";
  private static final String RED = "\u001b[1;31m";
  private static final String PLAIN = "\u001b[0m";

  private Marks() {}

  /** Returns chosen with what rejected lacks in green, or as {@code [-words-]}. */
  static String chosen(String text, List<Span> spans, boolean colours) {
    return colours
        ? mark(text, spans, Span::chosenStart, Span::chosenEnd, GREEN, PLAIN)
        : mark(text, spans, Span::chosenStart, Span::chosenEnd, "[-", "-]");
  }

  /** Returns rejected with what chosen lacks in red, or as {@code {+words+}}. */
  static String rejected(String text, List<Span> spans, boolean colours) {
    return colours
        ? mark(text, spans, Span::rejectedStart, Span::rejectedEnd, RED, PLAIN)
        : mark(text, spans, Span::rejectedStart, Span::rejectedEnd, "{+", "+}");
  }

  private static String mark(
      String text,
      List<Span> spans,
      ToIntFunction<Span> start,
      ToIntFunction<Span> end,
      String before,
      String after) {
    StringBuilder marked = new StringBuilder();
    int done = 0;
    for (Span span : spans) {
      int from = start.applyAsInt(span);
      int to = end.applyAsInt(span);
      marked.append(Texts.plain(text.substring(done, from)));
      if (to > from) {
        marked.append(before).append(Texts.plain(text.substring(from, to))).append(after);
      }
      done = to;
    }
    return marked.append(Texts.plain(text.substring(done))).toString();
  }
}

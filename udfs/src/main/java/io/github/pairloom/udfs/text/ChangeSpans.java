package io.github.pairloom.udfs.text;

import com.github.difflib.DiffUtils;
import com.github.difflib.algorithm.myers.MyersDiffWithLinearSpace;
import com.github.difflib.patch.AbstractDelta;
import com.github.difflib.patch.Chunk;
import io.github.pairloom.schemas.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a rejected response differs from the chosen one. */
public final class ChangeSpans {
  private static final String SYLLABLE = "\\p{IsIdeographic}\\p{IsHiragana}\\p{IsKatakana}";

  /** A run of whitespace, an ideograph or kana, a word, or one other character. */
  private static final Pattern PIECE =
      Pattern.compile(
          "\\s+|[%1$s]\\p{M}*|[\\p{L}\\p{N}\\p{M}&&[^%1$s]]+|.".formatted(SYLLABLE),
          Pattern.DOTALL | Pattern.UNICODE_CHARACTER_CLASS);

  /**
   * Myers' algorithm takes time in the product of length and difference; above this many pieces on
   * both sides together the middle that differs is one span.
   */
  private static final int MAX_PIECES = 10_000;

  private ChangeSpans() {}

  /**
   * Returns the spans in which two texts differ, in order and apart from each other. Words are
   * whole in them, and changes with only whitespace between them are one. Putting the rejected side
   * of each span in the place of its chosen side turns the chosen text into the rejected one.
   *
   * @return no span if the texts are equal
   */
  public static List<Span> between(String chosen, String rejected) {
    Pieces from = Pieces.of(chosen);
    Pieces to = Pieces.of(rejected);
    List<Span> spans = new ArrayList<>();
    if (from.texts.size() + to.texts.size() > MAX_PIECES) {
      middle(from, to).ifPresent(spans::add);
      return spans;
    }
    List<AbstractDelta<String>> deltas =
        DiffUtils.diff(from.texts, to.texts, new MyersDiffWithLinearSpace<>()).getDeltas();
    for (AbstractDelta<String> delta : deltas) {
      Span span = span(from, to, delta.getSource(), delta.getTarget());
      int last = spans.size() - 1;
      if (last >= 0
          && chosen.substring(spans.get(last).chosenEnd(), span.chosenStart()).isBlank()) {
        Span before = spans.get(last);
        spans.set(
            last,
            new Span(
                before.chosenStart(),
                span.chosenEnd(),
                before.rejectedStart(),
                span.rejectedEnd()));
      } else {
        spans.add(span);
      }
    }
    return spans;
  }

  private static Span span(Pieces from, Pieces to, Chunk<String> source, Chunk<String> target) {
    return new Span(
        from.starts.get(source.getPosition()),
        from.starts.get(source.getPosition() + source.size()),
        to.starts.get(target.getPosition()),
        to.starts.get(target.getPosition() + target.size()));
  }

  private static Optional<Span> middle(Pieces from, Pieces to) {
    int n = from.texts.size();
    int m = to.texts.size();
    int head = 0;
    while (head < Math.min(n, m) && from.texts.get(head).equals(to.texts.get(head))) {
      head++;
    }
    int tail = 0;
    while (tail < Math.min(n, m) - head
        && from.texts.get(n - 1 - tail).equals(to.texts.get(m - 1 - tail))) {
      tail++;
    }
    if (head == n && head == m) {
      return Optional.empty();
    }
    return Optional.of(
        new Span(
            from.starts.get(head),
            from.starts.get(n - tail),
            to.starts.get(head),
            to.starts.get(m - tail)));
  }

  /** The pieces of a text and where they start; one more start than pieces, the text's end. */
  private record Pieces(List<String> texts, List<Integer> starts) {
    static Pieces of(String text) {
      List<String> texts = new ArrayList<>();
      List<Integer> starts = new ArrayList<>();
      Matcher matcher = PIECE.matcher(text);
      while (matcher.find()) {
        texts.add(matcher.group());
        starts.add(matcher.start());
      }
      starts.add(text.length());
      return new Pieces(texts, starts);
    }
  }
}

package io.github.pairloom.udfs.text;

import com.github.difflib.DiffUtils;
import com.github.difflib.algorithm.myers.MyersDiffWithLinearSpace;
import com.github.difflib.patch.Chunk;
import io.github.pairloom.schemas.Span;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
    for (Span change : changes(from.texts, to.texts)) {
      int start = from.starts.get(change.chosenStart());
      int end = from.starts.get(change.chosenEnd());
      int rejectedStart = to.starts.get(change.rejectedStart());
      int rejectedEnd = to.starts.get(change.rejectedEnd());
      int last = spans.size() - 1;
      if (last >= 0 && chosen.substring(spans.get(last).chosenEnd(), start).isBlank()) {
        Span before = spans.remove(last);
        start = before.chosenStart();
        rejectedStart = before.rejectedStart();
      }
      spans.add(new Span(start, end, rejectedStart, rejectedEnd));
    }
    return spans;
  }

  /**
   * Returns the spans in which two sequences of tokens differ, in order and apart from each other.
   *
   * @param minMatch tokens in a row that both must have in common not to count as changed
   */
  public static List<Span> ofTokens(int[] chosen, int[] rejected, int minMatch) {
    List<Integer> from = Arrays.stream(chosen).boxed().toList();
    List<Integer> to = Arrays.stream(rejected).boxed().toList();
    List<Span> spans = new ArrayList<>();
    int fromChanged = 0;
    int toChanged = 0;
    int fromEqual = 0;
    int toEqual = 0;
    for (Span change : changes(from, to)) {
      if (change.chosenStart() - fromEqual >= minMatch) {
        add(spans, fromChanged, fromEqual, toChanged, toEqual);
        fromChanged = change.chosenStart();
        toChanged = change.rejectedStart();
      }
      fromEqual = change.chosenEnd();
      toEqual = change.rejectedEnd();
    }
    boolean equal = fromEqual == 0 && toEqual == 0;
    boolean matches = equal || from.size() - fromEqual >= minMatch;
    add(
        spans,
        fromChanged,
        matches ? fromEqual : from.size(),
        toChanged,
        matches ? toEqual : to.size());
    return spans;
  }

  private static void add(
      List<Span> spans, int chosenStart, int chosenEnd, int rejectedStart, int rejectedEnd) {
    if (chosenEnd > chosenStart || rejectedEnd > rejectedStart) {
      spans.add(new Span(chosenStart, chosenEnd, rejectedStart, rejectedEnd));
    }
  }

  /** Returns the spans in which two lists differ, in their items. */
  private static <T> List<Span> changes(List<T> from, List<T> to) {
    if (from.size() + to.size() > MAX_PIECES) {
      return middle(from, to);
    }
    return DiffUtils.diff(from, to, new MyersDiffWithLinearSpace<>()).getDeltas().stream()
        .map(delta -> span(delta.getSource(), delta.getTarget()))
        .toList();
  }

  private static <T> Span span(Chunk<T> source, Chunk<T> target) {
    return new Span(
        source.getPosition(),
        source.getPosition() + source.size(),
        target.getPosition(),
        target.getPosition() + target.size());
  }

  private static <T> List<Span> middle(List<T> from, List<T> to) {
    int n = from.size();
    int m = to.size();
    int head = 0;
    while (head < Math.min(n, m) && from.get(head).equals(to.get(head))) {
      head++;
    }
    int tail = 0;
    while (tail < Math.min(n, m) - head && from.get(n - 1 - tail).equals(to.get(m - 1 - tail))) {
      tail++;
    }
    return head == n && head == m ? List.of() : List.of(new Span(head, n - tail, head, m - tail));
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

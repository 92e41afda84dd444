package io.github.pairloom.udfs.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A text with gaps in the place of the words that say something. */
public final class ContentWords {
  /** What stands for the words of a gap in {@link #masked}. */
  public static final String MASK = "____";

  private static final Pattern WORD =
      Pattern.compile("[\\p{L}\\p{M}\\p{N}]+(?:['\u2019-][\\p{L}\\p{M}\\p{N}]+)*");

  /** A word, or one other character that is no space. */
  private static final Pattern ANCHOR = Pattern.compile(WORD.pattern() + "|\\S");

  private ContentWords() {}

  /**
   * Words without one that is kept between them.
   *
   * @param start index of the first char
   * @param end index after the last char
   */
  public record Gap(int start, int end) {
    private String of(String text) {
      return text.substring(start, end);
    }
  }

  /**
   * Returns the gaps of a text, in order: its words, figures among them, that are not kept. Words
   * with nothing but space between them share a gap. In scripts that write no space between words,
   * a word is {@linkplain Sentences#wordStarts a letter}.
   *
   * @param kept words that stay, in lower case
   */
  public static List<Gap> gaps(String text, Set<String> kept) {
    List<Gap> gaps = new ArrayList<>();
    for (Gap word : matches(WORD, text)) {
      if (kept.contains(word.of(text).toLowerCase(Locale.ROOT))) {
        continue;
      }
      int last = gaps.size() - 1;
      if (last >= 0 && text.substring(gaps.get(last).end(), word.start()).isBlank()) {
        gaps.set(last, new Gap(gaps.get(last).start(), word.end()));
      } else {
        gaps.add(word);
      }
    }
    return gaps;
  }

  /** Returns what matches, in order, cut where a word begins in it. */
  private static List<Gap> matches(Pattern pattern, String text) {
    List<Gap> matches = new ArrayList<>();
    SortedSet<Integer> starts = new TreeSet<>(Sentences.wordStarts(text));
    Matcher matcher = pattern.matcher(text);
    while (matcher.find()) {
      int from = matcher.start();
      for (int start : starts.subSet(from + 1, matcher.end())) {
        matches.add(new Gap(from, start));
        from = start;
      }
      matches.add(new Gap(from, matcher.end()));
    }
    return matches;
  }

  /** Returns a text with {@value #MASK} in each gap. */
  public static String masked(String text, List<Gap> gaps) {
    StringBuilder masked = new StringBuilder();
    int written = 0;
    for (Gap gap : gaps) {
      masked.append(text.substring(written, gap.start())).append(MASK);
      written = gap.end();
    }
    return masked.append(text.substring(written)).toString();
  }

  /**
   * Returns how much of {@code written} fills a gap: all before the first word or sign of what is
   * to follow; -1 if that does not come, or comes at once.
   *
   * @param following the text after the gap; if blank, nothing has to come, and all fills it
   */
  public static int filling(String written, String following) {
    List<Gap> anchors = matches(ANCHOR, following);
    if (anchors.isEmpty()) {
      return written.length();
    }
    String anchor = anchors.get(0).of(following);
    for (Gap met : matches(ANCHOR, written)) {
      if (met.of(written).equals(anchor)) {
        return written.substring(0, met.start()).isBlank() ? -1 : met.start();
      }
    }
    return -1;
  }
}

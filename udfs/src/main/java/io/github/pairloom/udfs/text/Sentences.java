package io.github.pairloom.udfs.text;

import java.lang.Character.UnicodeScript;
import java.text.BreakIterator;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Sentences and words of a text in any language, found by the JDK's rules for the root locale, so
 * the same on every machine.
 */
public final class Sentences {
  private static final String FULL_STOPS = ".\u3002\uFF0E\uFF61";
  private static final String CLOSERS = "\"'\u201D\u2019)]\u00BB\u300D\u300F\uFF09";

  /** Scripts, besides ideographs, that put no space between words. */
  private static final Set<UnicodeScript> WITHOUT_SPACES =
      Set.of(
          UnicodeScript.HIRAGANA,
          UnicodeScript.KATAKANA,
          UnicodeScript.THAI,
          UnicodeScript.LAO,
          UnicodeScript.KHMER,
          UnicodeScript.MYANMAR);

  /** Ends with something that has a full stop but is no sentence yet. */
  private static final Pattern UNFINISHED =
      Pattern.compile("\\s*\\d{1,3}[.)]|.*(?<!\\w)(?:Mr|Mrs|Ms|Dr|Prof)\\.", Pattern.DOTALL);

  private Sentences() {}

  /**
   * Returns the sentences of a text, in order; joined they are the text. Whitespace between two
   * sentences stands at the start of the second one, as tokenizers attach it to the word that
   * follows; whitespace at the end of the text stands with the last sentence.
   *
   * <p>A line is a sentence at most, so that items of lists are apart. A full stop ends no sentence
   * within a number, before a lower-case letter ({@code e.g. this}), after the number of a list
   * item or after an English title ({@code Dr. Smith}).
   *
   * @return no sentence for an empty text, one for a text of whitespace
   */
  public static List<String> split(String text) {
    List<String> sentences = new ArrayList<>();
    int start = 0;
    for (int end : ends(text)) {
      int solid = end;
      while (solid > start && Character.isWhitespace(text.charAt(solid - 1))) {
        solid--;
      }
      if (solid > start && !UNFINISHED.matcher(text.substring(start, solid)).matches()) {
        sentences.add(text.substring(start, solid));
        start = solid;
      }
    }
    String rest = text.substring(start);
    if (!rest.isBlank() || (sentences.isEmpty() && !rest.isEmpty())) {
      sentences.add(rest);
    } else if (!rest.isEmpty()) {
      sentences.set(sentences.size() - 1, sentences.get(sentences.size() - 1) + rest);
    }
    return sentences;
  }

  /**
   * Returns whether a text is complete up to a full stop: whether it ends with one ({@code .} or
   * its East Asian forms), closing quotes, brackets and whitespace aside. Whether a point will turn
   * out to be that of a number ({@code 3.} before {@code 5}) cannot be known from the text so far.
   */
  public static boolean endsAtFullStop(String text) {
    for (int i = text.length() - 1; i >= 0; i--) {
      char c = text.charAt(i);
      if (FULL_STOPS.indexOf(c) >= 0) {
        return true;
      }
      if (!Character.isWhitespace(c) && CLOSERS.indexOf(c) < 0) {
        return false;
      }
    }
    return false;
  }

  /** Returns whether a full stop ({@code .} or its East Asian forms) stands anywhere in a text. */
  public static boolean hasFullStop(String text) {
    return text.chars().anyMatch(c -> FULL_STOPS.indexOf(c) >= 0);
  }

  /**
   * Returns the indices at which a word begins, in rising order. A word is what whitespace
   * surrounds; in scripts that write none between words (Chinese, Japanese, Thai, Lao, Khmer,
   * Burmese) it is a letter.
   */
  public static List<Integer> wordStarts(String sentence) {
    List<Integer> starts = new ArrayList<>();
    boolean afterSpace = true;
    boolean afterSyllable = false;
    for (int i = 0; i < sentence.length(); ) {
      int c = sentence.codePointAt(i);
      boolean space = Character.isWhitespace(c);
      boolean syllable = isSyllable(c);
      boolean wordOfItsOwn = syllable || (afterSyllable && Character.isLetterOrDigit(c));
      if (!space && (afterSpace || wordOfItsOwn)) {
        starts.add(i);
      }
      afterSpace = space;
      afterSyllable = syllable;
      i += Character.charCount(c);
    }
    return starts;
  }

  private static List<Integer> ends(String text) {
    BitSet boundaries = boundaries(text);
    List<Integer> ends = new ArrayList<>();
    for (int i = 1; i <= text.length(); i++) {
      boolean newLine = i < text.length() && text.charAt(i) == '\n';
      if (newLine || isAfterWideStop(text, i) || boundaries.get(i)) {
        ends.add(i);
      }
    }
    return ends;
  }

  private static BitSet boundaries(String text) {
    BreakIterator iterator = BreakIterator.getSentenceInstance(Locale.ROOT);
    BitSet boundaries = new BitSet(text.length() + 1);
    iterator.setText(text);
    for (int i = iterator.first(); i != BreakIterator.DONE; i = iterator.next()) {
      boundaries.set(i);
    }
    return boundaries;
  }

  /** The JDK does not end sentences at the full-width and half-width forms of the full stop. */
  private static boolean isAfterWideStop(String text, int index) {
    char before = text.charAt(index - 1);
    if (before != '\uFF0E' && before != '\uFF61') {
      return false;
    }
    return index == text.length()
        || (!Character.isDigit(text.charAt(index)) && CLOSERS.indexOf(text.charAt(index)) < 0);
  }

  private static boolean isSyllable(int c) {
    UnicodeScript script = UnicodeScript.of(c);
    return Character.isIdeographic(c) || (Character.isLetter(c) && WITHOUT_SPACES.contains(script));
  }
}

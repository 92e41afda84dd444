package io.github.pairloom.udfs.text;

import java.lang.Character.UnicodeScript;
import java.text.BreakIterator;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Sentences and words of a text in any language, found by the JDK's rules for the root locale, so
 * the same on every machine.
 */
public final class Sentences {
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

  /** The number or letter of a list item or choice. */
  private static final Pattern ITEM = Pattern.compile("\\s*(?:\\d{1,3}|\\p{Alpha})[.)]");

  /**
   * Ends with something that has a full stop but is no sentence yet: such a number or letter, a
   * title or another abbreviation that something follows, initials.
   */
  private static final Pattern UNFINISHED =
      Pattern.compile(
          ITEM.pattern()
              + "|.*(?<![\\p{L}\\p{N}])"
              + "(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|vs|approx|Fig|Nr|ca|bzw|[\\p{Lu}\\p{Ll}])\\.",
          Pattern.DOTALL);

  /** Full stops that may be points of numbers. */
  private static final String POINTS = ".\uFF0E";

  /** What may follow a sentence. */
  private static final String NEXT = " A";

  private Sentences() {}

  /**
   * Returns the sentences of a text, in order; joined they are the text. Whitespace between two
   * sentences stands at the start of the second one, as tokenizers attach it to the word that
   * follows; whitespace at the end of the text stands with the last sentence.
   *
   * <p>A line is a sentence at most, so that items of lists are apart. A full stop ends no sentence
   * within a number, before a lower-case letter ({@code e.g. this}), after the number or letter of
   * a list item or choice ({@code B. A red car}), after initials ({@code U.S. Army}) or some other
   * abbreviations ({@code Dr. Smith}). Neither it nor an exclamation or question mark does where
   * other signs or letters follow without space ({@code e.g., this}, {@code a != b}).
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
      boolean line = end < text.length() && text.charAt(end) == '\n';
      if (solid > start
          && !goesOn(text, end, solid)
          && !(line ? ITEM : UNFINISHED).matcher(text.substring(start, solid)).matches()) {
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
   * Returns what of a written text completes the sentence that another begins; empty while it is
   * not complete, or that is not known.
   */
  public static Optional<String> completion(String begun, String written) {
    int end = completeAt(begun + written);
    return end < 0
        ? Optional.empty()
        : Optional.of(written.substring(0, Math.max(0, end - begun.length())));
  }

  /**
   * Returns where the first sentence of a text that is being written ends; -1 while that is not
   * known. It ends where {@link #split} would end it: an abbreviation, or a point that may be a
   * number's ({@code 3.} before {@code 5}), is waited out. Any other full stop is taken for the
   * sentence's, though a lower-case word might follow ({@code etc. and}).
   *
   * @return index after the sentence's last character that is no whitespace, or -1
   */
  static int completeAt(String text) {
    List<String> sentences = split(text);
    if (sentences.size() > 1) {
      return sentences.get(0).length();
    }
    int length = text.length();
    boolean number =
        length > 1
            && POINTS.indexOf(text.charAt(length - 1)) >= 0
            && Character.isDigit(text.charAt(length - 2));
    return !number && split(text + NEXT).size() > 1 ? text.stripTrailing().length() : -1;
  }

  /**
   * Returns whether a sentence may become complete by what is added to its text, or by what comes
   * next: whether there is a line break or a sign in it. Vowel signs are parts of words.
   */
  public static boolean mayComplete(String added) {
    return added
        .codePoints()
        .anyMatch(
            c -> c == '\n' || !(Character.isUnicodeIdentifierPart(c) || Character.isWhitespace(c)));
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

  /** Returns whether a mark is none of a sentence's, as it stands amid signs and letters. */
  private static boolean goesOn(String text, int end, int solid) {
    return solid == end
        && end < text.length()
        && text.charAt(end) != '\n'
        && ".!?".indexOf(text.charAt(end - 1)) >= 0
        && !isSyllable(text.codePointAt(end));
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

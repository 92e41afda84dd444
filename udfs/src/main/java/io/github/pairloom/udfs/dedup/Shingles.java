package io.github.pairloom.udfs.dedup;

import java.text.Normalizer;
import java.util.Arrays;

/**
 * The n-grams of a row's texts as 64-bit hashes, and the row's content as a 128-bit hash.
 *
 * <p>Texts are compared by their words: maximal runs of letters and digits, in lower case, after
 * NFKC; an ideograph, a kana or a Thai letter is a word of its own, as its script puts no spaces
 * between words. A text without words stands for itself. The top bits of an n-gram's hash are the
 * number of its column, so that what is said in one column is never taken for what is said in
 * another: a pair with its sides swapped is not a duplicate.
 *
 * <p>Holds the last row that was read; not safe for use by several threads.
 */
public final class Shingles {
  /** Most columns of a row. */
  public static final int MAX_COLUMNS = 1 << 3;

  static final int COLUMN_SHIFT = Long.SIZE - 3;

  private static final long WORD_START = 0xCBF29CE484222325L;
  private static final long FACTOR = 0x9FB21C651E98DF25L;
  private static final long NO_WORDS = 0x5851F42D4C957F2DL;

  /** What {@link #fold} gives for each ASCII character. */
  private static final byte[] ASCII = new byte[0x80];

  static {
    for (char c = 0; c < ASCII.length; c++) {
      ASCII[c] = (byte) (Character.isLetterOrDigit(c) ? Character.toLowerCase(c) : -1);
    }
  }

  private final boolean characters;
  private final int n;

  /** The text under way: a string is asked for its encoding at every character. */
  private char[] text = new char[1024];

  private int length;
  private long[] tokens = new long[256];
  private int tokenCount;
  private long[] grams = new long[256];
  private int gramCount;
  private long high;
  private long low;

  /** Creates a reader of n-grams of {@code n} units. */
  public Shingles(TextDedup.Unit unit, int n) {
    this.characters = unit == TextDedup.Unit.CHARACTER;
    this.n = n;
  }

  /**
   * Reads a row.
   *
   * @param texts one per column, at most {@value #MAX_COLUMNS}; null where there is none
   */
  public void read(String... texts) {
    gramCount = 0;
    high = texts.length;
    low = n;
    for (int column = 0; column < texts.length; column++) {
      tokenise(texts[column]);
      addContent(column);
      addGrams(column);
    }
  }

  /** Returns the number of n-grams, repeated ones included. */
  public int count() {
    return gramCount;
  }

  /** Returns the n-grams, of which the first {@link #count()} are the row's; for reading only. */
  long[] grams() {
    return grams;
  }

  /** Returns the distinct n-grams, in ascending order of the unsigned hashes. */
  public long[] distinct() {
    long[] sorted = Arrays.copyOf(grams, gramCount);
    // Signed order puts columns 4 to 7 first; any fixed order does.
    Arrays.sort(sorted);
    int size = 0;
    for (int i = 0; i < sorted.length; i++) {
      if (i == 0 || sorted[i] != sorted[i - 1]) {
        sorted[size++] = sorted[i];
      }
    }
    return Arrays.copyOf(sorted, size);
  }

  /** Returns the upper half of the content's hash. */
  public long contentHigh() {
    return high;
  }

  /** Returns the lower half of the content's hash. Rows of the same words have the same. */
  public long contentLow() {
    return low;
  }

  private void addContent(int column) {
    high = mix(high * FACTOR + column);
    low = mix(low * WORD_START + tokenCount);
    for (int i = 0; i < tokenCount; i++) {
      high = (high ^ tokens[i]) * FACTOR;
      high ^= high >>> 29;
      low = Long.rotateLeft(low, 27) * FACTOR + tokens[i];
    }
    high = mix(high);
    low = mix(low);
  }

  private void addGrams(int column) {
    int length = Math.min(n, tokenCount);
    int count = tokenCount - length + 1;
    if (gramCount + count > grams.length) {
      grams = Arrays.copyOf(grams, Math.max(gramCount + count, 2 * grams.length));
    }
    long tag = (long) column << COLUMN_SHIFT;
    for (int i = 0; i < count; i++) {
      long hash = length;
      for (int j = i; j < i + length; j++) {
        hash = hash * FACTOR + tokens[j];
      }
      grams[gramCount++] = (mix(hash) >>> 3) | tag;
    }
  }

  private void tokenise(String raw) {
    tokenCount = 0;
    if (raw == null) {
      addToken(NO_WORDS);
      return;
    }
    take(raw);
    if (!isAscii()) {
      take(Normalizer.normalize(raw, Normalizer.Form.NFKC));
    }
    if (characters) {
      readCharacters();
    } else {
      readWords();
    }
    if (tokenCount == 0) {
      long hash = NO_WORDS;
      for (int i = 0; i < raw.length(); i++) {
        hash = (hash ^ raw.charAt(i)) * FACTOR;
      }
      addToken(mix(hash));
    }
  }

  private void take(String string) {
    length = string.length();
    if (length > text.length) {
      text = new char[2 * length];
    }
    string.getChars(0, length, text, 0);
  }

  private boolean isAscii() {
    int all = 0;
    for (int i = 0; i < length; i++) {
      all |= text[i];
    }
    return all < 0x80;
  }

  private void readWords() {
    long word = WORD_START;
    boolean inside = false;
    for (int i = 0; i < length; ) {
      int c = Character.codePointAt(text, i, length);
      i += Character.charCount(c);
      int folded = fold(c);
      boolean alone = folded >= 0 && standsAlone(folded);
      if (inside && (folded < 0 || alone)) {
        addToken(mix(word));
        word = WORD_START;
        inside = false;
      }
      if (alone) {
        addToken(mix((WORD_START ^ folded) * FACTOR));
      } else if (folded >= 0) {
        word = (word ^ folded) * FACTOR;
        inside = true;
      }
    }
    if (inside) {
      addToken(mix(word));
    }
  }

  private void readCharacters() {
    boolean gap = false;
    for (int i = 0; i < length; ) {
      int c = Character.codePointAt(text, i, length);
      i += Character.charCount(c);
      int folded = fold(c);
      if (folded < 0) {
        gap = tokenCount > 0;
      } else {
        if (gap) {
          addToken(' ');
          gap = false;
        }
        addToken(folded);
      }
    }
  }

  private void addToken(long token) {
    if (tokenCount == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * tokenCount);
    }
    tokens[tokenCount++] = token;
  }

  /** Returns the character in lower case, or -1 if it is part of no word. */
  private static int fold(int c) {
    if (c < 0x80) {
      return ASCII[c];
    }
    // Marks belong to the letters before them: without them, words of Indic scripts fall apart.
    int type = Character.getType(c);
    boolean mark = type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK;
    return mark || Character.isLetterOrDigit(c) ? Character.toLowerCase(c) : -1;
  }

  private static boolean standsAlone(int c) {
    return c >= 0x0E00
        && (c <= 0x0E7F || (c >= 0x3040 && c <= 0x30FF) || Character.isIdeographic(c));
  }

  /** The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
  static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}

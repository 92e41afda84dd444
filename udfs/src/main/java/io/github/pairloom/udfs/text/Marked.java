package io.github.pairloom.udfs.text;

/**
 * Characters that carry where they come from. A marked character is its char value moved into plane
 * 15 (private use), so it goes through a chat template as an unknown letter and can be told from
 * the template's own text afterwards. Whitespace stays as it is, so templates can strip it.
 */
final class Marked {
  private static final int PLANE = 0xF0000;

  private Marked() {}

  static String mark(String text) {
    StringBuilder marked = new StringBuilder(2 * text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isWhitespace(c)) {
        marked.append(c);
      } else {
        marked.appendCodePoint(PLANE + c);
      }
    }
    return marked.toString();
  }

  static String unmark(String marked) {
    StringBuilder text = new StringBuilder(marked.length());
    marked
        .codePoints()
        .forEach(
            c -> {
              if (isMarked(c)) {
                text.append((char) (c - PLANE));
              } else {
                text.appendCodePoint(c);
              }
            });
    return text.toString();
  }

  static boolean hasMarks(String text) {
    return text.codePoints().anyMatch(Marked::isMarked);
  }

  private static boolean isMarked(int codePoint) {
    return codePoint >>> 16 == PLANE >>> 16;
  }
}

package io.github.pairloom.schemas;

/** Foreign text made fit for messages and tables. */
public final class Printable {
  /** Characters kept of what was found. */
  public static final int DETAIL = 500;

  /** Characters kept of a row as it was read. */
  public static final int PAYLOAD = 2000;

  private Printable() {}

  /**
   * Returns the start of {@code text}, at most {@code limit} characters, with everything escaped
   * that could forge a log line or break an encoder: control and format characters, lone
   * surrogates.
   */
  public static String cut(String text, int limit) {
    StringBuilder out = new StringBuilder();
    int i = 0;
    while (i < text.length()) {
      int c = text.codePointAt(i);
      boolean plain =
          !Character.isISOControl(c)
              && Character.getType(c) != Character.FORMAT
              && Character.getType(c) != Character.SURROGATE;
      String shown = plain ? Character.toString(c) : String.format("\\u%04x", c);
      if (out.length() + shown.length() > limit) {
        break;
      }
      out.append(shown);
      i += Character.charCount(c);
    }
    return out.toString();
  }
}

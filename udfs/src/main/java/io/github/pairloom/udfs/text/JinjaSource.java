package io.github.pairloom.udfs.text;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Turns the source of a Jinja template into one that Jinjava renders the same.
 *
 * <p>Whitespace control is done here: comments, the minus and plus signs at the ends of tags, and
 * the options {@code trim_blocks} and {@code lstrip_blocks}, which Hugging Face turns on. What
 * comes out has none of these left, and is to be rendered with all options off. The rules are those
 * of Jinja 3.1's lexer. Jinjava has rules of its own, which lose or keep newlines that a model was
 * trained with.
 *
 * <p>Expressions are those of {@link JinjaExpression}. Loops with {@code if} or {@code else}, of
 * which Jinjava would silently make nothing, are refused.
 */
final class JinjaSource {
  private final String source;
  private final StringBuilder out = new StringBuilder();
  private final Deque<String> blocks = new ArrayDeque<>();
  private int at;
  private boolean lineStarts = true;

  private JinjaSource(String source) {
    this.source = source;
  }

  /**
   * Returns a template for Jinjava.
   *
   * @throws IllegalArgumentException if a tag is not closed, or has no counterpart in Jinjava
   */
  static String resolve(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    // keep_trailing_newline is off: one newline at the end is dropped.
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    return new JinjaSource(source).resolve();
  }

  private String resolve() {
    while (at < source.length()) {
      int open = nextTag(at);
      if (open < 0) {
        out.append(source, at, source.length());
        break;
      }
      char kind = source.charAt(open + 1);
      appendText(source.substring(at, open), kind, signAt(open + 2));
      int from = open + 2 + (isSign(open + 2) ? 1 : 0);
      int close = kind == '#' ? endOfComment(from) : endOfTag(from, kind);
      char sign = close > from && isSign(close - 1) ? source.charAt(close - 1) : ' ';
      String body = source.substring(from, sign == ' ' ? close : close - 1).strip();
      if (kind == '{') {
        out.append("{{ ").append(new JinjaExpression(body).inJinjava()).append(" }}");
      } else if (kind == '%') {
        JinjaExpression statement = new JinjaExpression(body);
        follow(statement, body);
        out.append("{% ").append(statement.inJinjava()).append(" %}");
      }
      at = close + 2;
      skipAfterTag(kind, sign);
      if (kind == '%' && body.equals("raw")) {
        copyRaw();
      }
    }
    return out.toString();
  }

  private void follow(JinjaExpression statement, String body) {
    String name = statement.firstWord();
    if (statement.isFilteredLoop()) {
      throw new IllegalArgumentException(
          "{%% %s %%} filters its loop, which cannot be rendered here (use selectattr, or an if within the loop)"
              .formatted(body));
    }
    if (name.equals("else") && "for".equals(blocks.peek())) {
      throw new IllegalArgumentException(
          "a for has an else, which cannot be rendered here (use an if before the loop)");
    }
    if (name.equals("for") || name.equals("if")) {
      blocks.push(name);
    } else if (name.equals("endfor") || name.equals("endif")) {
      blocks.poll();
    }
  }

  private void appendText(String text, char kind, char sign) {
    String kept = text;
    if (sign == '-') {
      kept = text.stripTrailing();
    } else if (sign != '+' && kind != '{') {
      int line = text.lastIndexOf('\n') + 1;
      if ((line > 0 || lineStarts) && text.substring(line).isBlank()) {
        kept = text.substring(0, line);
      }
    }
    out.append(kept);
  }

  private void skipAfterTag(char kind, char sign) {
    int from = at;
    if (sign == '-') {
      while (at < source.length() && Character.isWhitespace(source.charAt(at))) {
        at++;
      }
    } else if (sign != '+' && kind != '{' && source.startsWith("\n", at)) {
      at++;
    }
    lineStarts = at > from && source.charAt(at - 1) == '\n';
  }

  private void copyRaw() {
    int open = at;
    while (true) {
      open = source.indexOf("{%", open);
      if (open < 0) {
        throw unclosed("{% raw %}", at);
      }
      int from = open + 2 + (isSign(open + 2) ? 1 : 0);
      int close = source.indexOf("%}", from);
      if (close < 0) {
        throw unclosed("{%", open);
      }
      char sign = isSign(close - 1) ? source.charAt(close - 1) : ' ';
      if (source.substring(from, sign == ' ' ? close : close - 1).strip().equals("endraw")) {
        appendText(source.substring(at, open), '%', signAt(open + 2));
        out.append("{% endraw %}");
        at = close + 2;
        skipAfterTag('%', sign);
        return;
      }
      open = from;
    }
  }

  private int nextTag(int from) {
    for (int i = from; i + 1 < source.length(); i++) {
      if (source.charAt(i) == '{' && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  private int endOfComment(int from) {
    int close = source.indexOf("#}", from);
    if (close < 0) {
      throw unclosed("{#", from);
    }
    return close;
  }

  private int endOfTag(int from, char kind) {
    String end = kind == '{' ? "}}" : "%}";
    int depth = 0;
    for (int i = from; i < source.length(); i++) {
      char c = source.charAt(i);
      if (c == '\'' || c == '"') {
        i = endOfString(i);
      } else if (depth == 0 && source.startsWith(end, i)) {
        return i;
      } else if (c == '{') {
        depth++;
      } else if (c == '}') {
        depth--;
      }
    }
    throw unclosed("{" + kind, from);
  }

  private int endOfString(int from) {
    for (int i = from + 1; i < source.length(); i++) {
      if (source.charAt(i) == '\\') {
        i++;
      } else if (source.charAt(i) == source.charAt(from)) {
        return i;
      }
    }
    throw unclosed("a text in quotes", from);
  }

  private char signAt(int index) {
    return isSign(index) ? source.charAt(index) : ' ';
  }

  private boolean isSign(int index) {
    return index < source.length() && (source.charAt(index) == '-' || source.charAt(index) == '+');
  }

  private IllegalArgumentException unclosed(String what, int index) {
    long line = source.substring(0, index).chars().filter(c -> c == '\n').count() + 1;
    return new IllegalArgumentException(what + " of line " + line + " is not closed");
  }
}

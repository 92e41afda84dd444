package io.github.pairloom.udfs.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The inside of one tag, in Jinja's words and in Jinjava's. In Jinjava {@code not} binds tighter
 * than comparisons and tests, so {@code not x is defined} means something else; there is no {@code
 * [::-1]} that turns a list around; and two closing braces end a tag wherever they stand.
 */
final class JinjaExpression {
  private static final Pattern TOKEN =
      Pattern.compile("'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"|\\w+|\\s+|.", Pattern.DOTALL);
  private static final Set<String> ENDS_OPERAND = Set.of("and", "or", "if", "else", ",", ":");

  private final List<String> tokens = new ArrayList<>();

  JinjaExpression(String text) {
    Matcher matcher = TOKEN.matcher(text);
    while (matcher.find()) {
      tokens.add(matcher.group());
    }
  }

  /** Returns the first word, which is the name of a statement. */
  String firstWord() {
    return next(-1);
  }

  /** Returns whether this is a loop that filters with {@code if}. */
  boolean isFilteredLoop() {
    return firstWord().equals("for") && endOfOperand(0) < tokens.size();
  }

  String inJinjava() {
    for (int i = tokens.size() - 1; i >= 0; i--) {
      if (tokens.get(i).equals("not") && !previous(i).equals("is") && !next(i).equals("in")) {
        tokens.add(endOfOperand(i), ")");
        tokens.add(i + 1, "(");
      } else if (String.join("", tokens.subList(i, Math.min(i + 6, tokens.size())))
          .equals("[::-1]")) {
        tokens.subList(i, i + 6).clear();
        tokens.add(i, "|reverse");
      } else if (tokens.get(i).equals("}")) {
        // Two of them, as of nested maps, would end the tag.
        tokens.set(i, "} ");
      }
    }
    return String.join("", tokens);
  }

  /** Returns where the operand of the operator at {@code index} ends. */
  private int endOfOperand(int index) {
    int depth = 0;
    for (int i = index + 1; i < tokens.size(); i++) {
      String token = tokens.get(i);
      if ("([{".contains(token)) {
        depth++;
      } else if (")]}".contains(token)) {
        depth--;
      }
      if (depth < 0 || (depth == 0 && ENDS_OPERAND.contains(token) && !isTarget(index, i))) {
        return i;
      }
    }
    return tokens.size();
  }

  /** The comma of {@code for key, value in map} ends nothing. */
  private boolean isTarget(int index, int comma) {
    return tokens.get(index).equals("for") && tokens.get(comma).equals(",");
  }

  private String previous(int index) {
    for (int i = index - 1; i >= 0; i--) {
      if (!tokens.get(i).isBlank()) {
        return tokens.get(i);
      }
    }
    return "";
  }

  private String next(int index) {
    for (int i = index + 1; i < tokens.size(); i++) {
      if (!tokens.get(i).isBlank()) {
        return tokens.get(i);
      }
    }
    return "";
  }
}

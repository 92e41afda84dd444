package io.github.pairloom.udfs.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.regex.Pattern;
import jinjava.javax.el.MethodNotFoundException;

/** The methods of Python's strings that chat templates call. */
final class PythonStrings {
  private static final Pattern INDEX = Pattern.compile("-?\\d{1,9}");

  private PythonStrings() {}

  /**
   * Returns {@code text.method(arguments)}.
   *
   * @throws MethodNotFoundException if there is no such method here
   */
  static Object call(String text, String method, Object... arguments) {
    String first = arguments.length > 0 ? String.valueOf(arguments[0]) : null;
    String signature = method + "/" + arguments.length;
    return switch (signature) {
      case "strip/0", "strip/1" -> strip(text, first, true, true);
      case "lstrip/0", "lstrip/1" -> strip(text, first, true, false);
      case "rstrip/0", "rstrip/1" -> strip(text, first, false, true);
      case "upper/0" -> text.toUpperCase(Locale.ROOT);
      case "lower/0" -> text.toLowerCase(Locale.ROOT);
      case "title/0" -> title(text);
      case "capitalize/0" -> capitalize(text);
      case "startswith/1" -> text.startsWith(first);
      case "endswith/1" -> text.endsWith(first);
      case "find/1" -> (long) text.indexOf(first);
      case "replace/2" -> text.replace(first, String.valueOf(arguments[1]));
      case "split/0" -> text.isBlank() ? List.of() : List.of(text.strip().split("\\s+"));
      case "split/1" -> split(text, first, Integer.MAX_VALUE);
      case "split/2" -> split(text, first, ((Number) arguments[1]).intValue());
      case "splitlines/0" -> text.lines().toList();
      case "removeprefix/1" -> text.startsWith(first) ? text.substring(first.length()) : text;
      case "removesuffix/1" ->
          text.endsWith(first) ? text.substring(0, text.length() - first.length()) : text;
      case "join/1" ->
          String.join(text, ((List<?>) arguments[0]).stream().map(String::valueOf).toList());
      default ->
          throw new MethodNotFoundException(
              "A template may not call %s with %s arguments on a text"
                  .formatted(method, arguments.length));
    };
  }

  /** Returns {@code text[index]}, or null if {@code index} is no number or out of range. */
  static String at(String text, String index) {
    if (!INDEX.matcher(index).matches()) {
      return null;
    }
    int length = text.codePointCount(0, text.length());
    int number = Integer.parseInt(index);
    int at = number < 0 ? length + number : number;
    if (at < 0 || at >= length) {
      return null;
    }
    return Character.toString(text.codePointAt(text.offsetByCodePoints(0, at)));
  }

  private static String strip(String text, String chars, boolean left, boolean right) {
    IntPredicate stripped = chars == null ? PythonStrings::isSpace : c -> chars.indexOf(c) >= 0;
    int from = 0;
    int to = text.length();
    while (left && from < to && stripped.test(text.charAt(from))) {
      from++;
    }
    while (right && to > from && stripped.test(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  private static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  private static String title(String text) {
    StringBuilder title = new StringBuilder();
    boolean inWord = false;
    for (int c : text.codePoints().toArray()) {
      title.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
      inWord = Character.isLetter(c);
    }
    return title.toString();
  }

  private static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int end = text.offsetByCodePoints(0, 1);
    return text.substring(0, end).toUpperCase(Locale.ROOT)
        + text.substring(end).toLowerCase(Locale.ROOT);
  }

  private static List<String> split(String text, String separator, int maxSplits) {
    List<String> pieces = new ArrayList<>();
    int from = 0;
    int at = text.indexOf(separator);
    while (at >= 0 && pieces.size() < maxSplits) {
      pieces.add(text.substring(from, at));
      from = at + separator.length();
      at = text.indexOf(separator, from);
    }
    pieces.add(text.substring(from));
    return pieces;
  }
}

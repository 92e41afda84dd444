package io.github.pairloom.jobs.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Texts that fit a terminal. */
final class Texts {
  private static final Pattern ANSI = Pattern.compile("\u001b\\[[0-9;]*m");
  private static final Pattern CONTROL = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}]");
  private static final Pattern BLANKS = Pattern.compile("\\s+");

  private Texts() {}

  /** Returns {@code text} on one line and without characters that steer a terminal. */
  static String plain(String text) {
    return CONTROL.matcher(BLANKS.matcher(text).replaceAll(" ")).replaceAll("\ufffd");
  }

  /** Returns {@code text} in its lines, without characters that steer a terminal. */
  static String printable(String text) {
    return text.lines()
        .map(line -> CONTROL.matcher(line).replaceAll("\ufffd"))
        .collect(Collectors.joining("\n"));
  }

  /** Returns {@code text}, cut to {@code width} characters with an ellipsis where it is longer. */
  static String cut(String text, int width) {
    if (text.length() <= width) {
      return text;
    }
    int end = Math.max(0, width - 1);
    boolean splitsPair = end > 0 && Character.isHighSurrogate(text.charAt(end - 1));
    return text.substring(0, splitsPair ? end - 1 : end) + "…";
  }

  /**
   * Returns {@code text} broken into lines at spaces.
   *
   * @param width most characters of a line, ANSI colours not counted; a longer word stays whole
   */
  static List<String> wrap(String text, int width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ", -1)) {
      if (line.length() > 0 && visible(line) + 1 + visible(word) > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.length() == 0 ? "" : " ").append(word);
    }
    lines.add(line.toString());
    return lines;
  }

  /** Returns a duration for people, such as {@code 41.2 s} or {@code 3 min 20 s}. */
  static String duration(double seconds) {
    if (seconds < 100) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    long whole = Math.round(seconds);
    return whole / 60 + " min " + whole % 60 + " s";
  }

  private static int visible(CharSequence text) {
    return ANSI.matcher(text).replaceAll("").length();
  }
}

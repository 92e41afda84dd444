package io.github.pairloom.udfs.text;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The swap of an answer's first word (arXiv 2407.02477, appendix on BDHS). */
public final class YesNo {
  /**
   * The paper's {@code ^[\s]*(Yes|yes|No|no)}, and then the end of the word: without it {@code
   * Nothing} would become {@code Yesthing} and {@code Note} {@code Yeste}. A hyphen or an
   * apostrophe goes on with the word ({@code no-one}).
   */
  private static final Pattern ANSWER =
      Pattern.compile("^\\s*(Yes|yes|No|no)(?![\\w'\u2019-])", Pattern.UNICODE_CHARACTER_CLASS);

  private static final Map<String, String> OPPOSITES =
      Map.of("Yes", "No", "yes", "no", "No", "Yes", "no", "yes");

  private YesNo() {}

  /** Returns the sentence with yes for no or no for yes, or empty if it begins with neither. */
  public static Optional<String> swap(String sentence) {
    Matcher matcher = ANSWER.matcher(sentence);
    if (!matcher.find()) {
      return Optional.empty();
    }
    return Optional.of(
        sentence.substring(0, matcher.start(1))
            + OPPOSITES.get(matcher.group(1))
            + sentence.substring(matcher.end(1)));
  }
}

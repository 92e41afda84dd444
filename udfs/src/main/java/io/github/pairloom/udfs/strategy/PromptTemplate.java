package io.github.pairloom.udfs.strategy;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Instructions with places for texts. */
final class PromptTemplate {
  private static final Pattern PLACE = Pattern.compile("\\{([a-z]+)\\}");

  private PromptTemplate() {}

  /**
   * Returns {@code template} with each {name} that {@code texts} has replaced. Names within those
   * texts stay as they are.
   */
  static String fill(String template, Map<String, String> texts) {
    return PLACE
        .matcher(template)
        .replaceAll(
            match -> Matcher.quoteReplacement(texts.getOrDefault(match.group(1), match.group())));
  }
}

package io.github.pairloom.udfs.strategy;

import java.math.BigDecimal;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Short answers, compared as visual question answering does (VQA's evaluation, Antol et al., ICCV
 * 2015, section 5): case, punctuation, articles and spelled-out numbers aside. Numbers and
 * fractions are compared by value, also as LaTeX writes them.
 */
final class Answers {
  private static final Set<String> ARTICLES = Set.of("a", "an", "the");
  private static final List<String> NUMBERS =
      List.of(
          "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten");

  private static final String DECIMAL = "([+-]?\\d{1,30}(?:\\.\\d{1,30})?)";
  private static final Pattern NUMBER = Pattern.compile(DECIMAL + "(?: ?/ ?" + DECIMAL + ")?");

  /** A part of a fraction that needs no brackets once it stands beside a slash. */
  private static final String PART = "\\{\\s*([+-]?[^{}+*/-]*)\\}\\s*";

  private static final Pattern FRACTION = Pattern.compile("\\\\[dt]?frac\\s*" + PART + PART);

  /** A text in a font, such as \text or \mathrm. */
  private static final Pattern FONT = Pattern.compile("\\\\(?:text|math)[a-z]*\\s*\\{([^{}]*)\\}");

  private Answers() {}

  /** Returns whether two answers are the same. */
  static boolean same(String one, String other) {
    String left = normal(one);
    String right = normal(other);
    // What has no words at all is no answer.
    return (left.equals(right) && !left.isEmpty())
        || number(left).flatMap(number -> number(right).filter(number::is)).isPresent();
  }

  /** Returns whether {@code answer} says what {@code part} does: whether it has its words. */
  static boolean entails(String answer, String part) {
    String words = normal(part);
    if (ARTICLES.contains(words)) {
      // The letter of a choice: the answer says it if it begins with it, as in "A. a red car".
      return (String.join(" ", words(answer)) + " ").startsWith(words + " ");
    }
    return !words.isEmpty() && (" " + normal(answer) + " ").contains(" " + words + " ");
  }

  private static String normal(String answer) {
    List<String> words = words(answer);
    List<String> told = words.stream().filter(word -> !ARTICLES.contains(word)).toList();
    // Of a choice by letters, A is an answer and no article.
    return String.join(" ", told.isEmpty() ? words : told);
  }

  private static List<String> words(String answer) {
    String lower =
        Normalizer.normalize(answer, Normalizer.Form.NFKC)
            .toLowerCase(Locale.ROOT)
            // A minus as typesetters write it.
            .replace('\u2212', '-');
    String plain =
        withoutLatex(lower)
            .replaceAll("(?<=\\d),(?=\\d{3})", "")
            // A point or a minus may be a number's.
            .replaceAll("[^\\p{L}\\p{N}\\p{M}.%/+-]+|\\.(?!\\d)", " ");
    return Arrays.stream(plain.strip().split("\\s+"))
        .filter(word -> !word.isEmpty())
        .map(word -> NUMBERS.contains(word) ? Integer.toString(NUMBERS.indexOf(word)) : word)
        .toList();
  }

  private static String withoutLatex(String text) {
    String upright = FONT.matcher(text.replace("\\%", "%")).replaceAll("$1");
    // Figures before a fraction are none of its own: 1\frac{1}{2} is no eleven halves.
    String apart = upright.replaceAll("(?<=\\d)(?=\\\\[dt]?frac)", " ");
    return FRACTION.matcher(apart).replaceAll("$1/$2 ");
  }

  private static Optional<Fraction> number(String text) {
    Matcher parts = NUMBER.matcher(text);
    if (!parts.matches()) {
      return Optional.empty();
    }
    BigDecimal below = parts.group(2) == null ? BigDecimal.ONE : new BigDecimal(parts.group(2));
    return Optional.of(new Fraction(new BigDecimal(parts.group(1)), below))
        .filter(number -> number.below.signum() != 0);
  }

  /** A number as it is written: the quotient may have no end. */
  private record Fraction(BigDecimal above, BigDecimal below) {
    boolean is(Fraction other) {
      return above.multiply(other.below).compareTo(other.above.multiply(below)) == 0;
    }
  }
}

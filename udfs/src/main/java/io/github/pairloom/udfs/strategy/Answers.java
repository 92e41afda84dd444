package io.github.pairloom.udfs.strategy;

import java.math.BigDecimal;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Short answers, compared as visual question answering does (VQA's evaluation, Antol et al., ICCV
 * 2015, section 5): case, punctuation, articles and spelled-out numbers aside. Numbers are compared
 * by value.
 */
final class Answers {
  private static final Set<String> ARTICLES = Set.of("a", "an", "the");
  private static final List<String> NUMBERS =
      List.of(
          "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten");

  private Answers() {}

  /** Returns whether two answers are the same. */
  static boolean same(String one, String other) {
    String left = normal(one);
    String right = normal(other);
    Optional<BigDecimal> number = number(left);
    // What has no words at all is no answer.
    return (left.equals(right) && !left.isEmpty())
        || (number.isPresent()
            && number(right).filter(n -> n.compareTo(number.get()) == 0).isPresent());
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
    String plain =
        Normalizer.normalize(answer, Normalizer.Form.NFKC)
            .toLowerCase(Locale.ROOT)
            // A minus as typesetters write it.
            .replace('\u2212', '-')
            .replaceAll("(?<=\\d),(?=\\d{3})", "")
            // A point or a minus may be a number's.
            .replaceAll("[^\\p{L}\\p{N}\\p{M}.%/+-]+|\\.(?!\\d)", " ");
    return Arrays.stream(plain.strip().split("\\s+"))
        .filter(word -> !word.isEmpty())
        .map(word -> NUMBERS.contains(word) ? Integer.toString(NUMBERS.indexOf(word)) : word)
        .toList();
  }

  private static Optional<BigDecimal> number(String text) {
    return text.matches("[+-]?\\d{1,30}(\\.\\d{1,30})?")
        ? Optional.of(new BigDecimal(text))
        : Optional.empty();
  }
}

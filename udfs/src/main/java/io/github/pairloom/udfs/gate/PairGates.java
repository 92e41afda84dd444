package io.github.pairloom.udfs.gate;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.text.Sentences;
import java.io.Serializable;
import java.lang.Character.UnicodeScript;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What keeps a pair of texts from being used. Each gate looks at the two texts alone; its name is
 * its key in a recipe and the drop_reason of a pair that it stops. Two need no setting: {@value
 * #EMPTY} and {@value #IDENTICAL}, whitespace aside.
 *
 * @param cutOff whether a rejected text that the token limit ended fails
 * @param controlToken whether one that spells a control token fails
 * @param refusal patterns of refusals
 * @param wrongLanguage most letters of scripts that the chosen text does not use, as a share
 * @param nonsenseJoin whether words or sentences grown together fail
 * @param entailed whether a text all of whose sentences the chosen one has fails
 * @param tooSimilar most cosine
 * @param tooDissimilar least cosine
 * @param lengthRatio most times that one text may be as long as the other
 */
public record PairGates(
    @Setting(
            value = "true: a rejected text that the token limit ended makes no pair",
            defaults = "true")
        boolean cutOff,
    @Setting(
            value =
                "true: a rejected text that spells one of the model's control tokens, or the"
                    + " image's, makes no pair, unless the chosen one does too",
            defaults = "true")
        boolean controlToken,
    @Setting(
            value =
                "Regular expressions, case aside: a rejected text in which one is found makes no"
                    + " pair, unless the chosen one refuses too; none: no such gate",
            defaults =
                "['^(i''m|i am) (sorry|unable|not able)', '\\bi (cannot|can''t|can not) (see|view|help"
                    + "|assist|answer|provide|describe)', '\\bas an? (ai|language model|assistant)\\b']")
        List<String> refusal,
    @Setting(
            value =
                "Most letters of the rejected text in scripts that the chosen one does not use, as a"
                    + " share in [0, 1]; 1: no such gate. Languages of one script are not told apart;"
                    + " Japanese counts as one script",
            defaults = "0.2")
        double wrongLanguage,
    @Setting(
            value =
                "true: a rejected text with words or sentences grown together, words doubled or"
                    + " punctuation astray makes no pair, unless the chosen one has as many",
            defaults = "true")
        boolean nonsenseJoin,
    @Setting(
            value =
                "true: a rejected text each of whose sentences stands in the chosen one makes no"
                    + " pair, for it says nothing that chosen does not",
            defaults = "true")
        boolean entailed,
    @Setting(
            value = "Most cosine of chosen and rejected, in (-1, 1]; 1: no such gate",
            defaults = "1.0")
        double tooSimilar,
    @Setting(
            value = "Least cosine of chosen and rejected, in [-1, 1); -1: no such gate",
            defaults = "-1.0")
        double tooDissimilar,
    @Setting(
            value =
                "Most times that one text may be as long as the other, in characters, at least 1;"
                    + " 0: no such gate",
            defaults = "5.0")
        double lengthRatio)
    implements Serializable {
  /** The rejected text says nothing. */
  public static final String EMPTY = "empty";

  /** Both texts are the same. */
  public static final String IDENTICAL = "identical";

  /** No text is known to be this similar to another that is not the same. */
  private static final double SAME = 1.0;

  /** Words that are written twice on purpose. */
  private static final Set<String> DOUBLED =
      Set.of("that", "had", "very", "so", "no", "yes", "ha", "bye");

  /** Scripts that a Japanese text has side by side. */
  private static final Set<UnicodeScript> JAPANESE =
      EnumSet.of(UnicodeScript.HAN, UnicodeScript.HIRAGANA, UnicodeScript.KATAKANA);

  /** Compiled ones; recipes have few. */
  private static final Map<String, Pattern> REFUSING = new ConcurrentHashMap<>();

  private static final Pattern WHITESPACE = Pattern.compile("\\s+");
  private static final Pattern MARKER = Pattern.compile("<\\|[^|<>\\s]{1,40}\\|>|<image>");
  private static final Pattern GLUED_SENTENCES = Pattern.compile("\\p{Ll}[.!?]\\p{Lu}\\p{Ll}");
  private static final Pattern GLUED_WORDS = Pattern.compile("(\\p{Ll}{2,})(\\p{Lu}\\p{Ll}+)");
  private static final Pattern ASTRAY =
      Pattern.compile(
          "\\s[,.;:!?](?=\\s|$)|[,;:]{2}|[,;:]\\.|(?<!\\.)\\.[,;:]|(?<!\\.)\\.\\.(?!\\.)");
  private static final Pattern TWICE =
      Pattern.compile(
          "(?<![\\p{L}\\p{N}])(\\p{L}+)\\s+\\1(?![\\p{L}\\p{N}])",
          Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE);

  public PairGates {
    refusal = List.copyOf(refusal);
    for (String pattern : refusal) {
      checkPattern(pattern);
    }
    check(
        wrongLanguage >= 0 && wrongLanguage <= 1,
        "Invalid wrong-language: %s (must be in [0, 1])",
        wrongLanguage);
    check(
        tooSimilar > -1 && tooSimilar <= 1,
        "Invalid too-similar: %s (must be in (-1, 1])",
        tooSimilar);
    check(
        tooDissimilar >= -1 && tooDissimilar < 1,
        "Invalid too-dissimilar: %s (must be in [-1, 1))",
        tooDissimilar);
    check(
        lengthRatio == 0 || lengthRatio >= 1,
        "Invalid length-ratio: %s (must be at least 1, or 0)",
        lengthRatio);
  }

  private static void checkPattern(String pattern) {
    try {
      refusing(pattern);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "Invalid refusal: '%s' is no regular expression (%s)"
              .formatted(pattern, e.getDescription()),
          e);
    }
  }

  /**
   * Two texts to be held against the gates.
   *
   * @param similarity their cosine
   * @param cutOff whether the token limit ended the rejected one
   */
  public record Candidate(String chosen, String rejected, double similarity, boolean cutOff) {}

  /**
   * A gate that was not passed.
   *
   * @param gate its name
   * @param found what it found
   */
  public record Failure(String gate, String found) {}

  /**
   * Returns the gates that {@code pair} does not pass, in the order of this record's components. A
   * text that is empty or the same fails that gate alone.
   *
   * @param controlTokens spellings of the model's control tokens
   */
  public List<Failure> failures(Candidate pair, Set<String> controlTokens) {
    String chosen = WHITESPACE.matcher(pair.chosen.strip()).replaceAll(" ");
    String rejected = WHITESPACE.matcher(pair.rejected.strip()).replaceAll(" ");
    if (rejected.isEmpty()) {
      return List.of(new Failure(EMPTY, "the rejected text is blank"));
    }
    if (rejected.equals(chosen)) {
      return List.of(new Failure(IDENTICAL, "both texts are the same"));
    }
    List<Failure> failures = new ArrayList<>();
    if (cutOff && pair.cutOff) {
      failures.add(new Failure("cut-off", "the token limit ended the rejected text"));
    }
    if (controlToken) {
      marker(rejected, controlTokens)
          .filter(spelling -> !chosen.contains(spelling))
          .ifPresent(spelling -> failures.add(new Failure("control-token", spelling)));
    }
    refusal.stream()
        .map(PairGates::refusing)
        .filter(p -> isFound(p, rejected) && !isFound(p, chosen))
        .findFirst()
        .ifPresent(p -> failures.add(new Failure("refusal", "found " + p.pattern())));
    double foreign = foreignShare(chosen, rejected);
    if (foreign > wrongLanguage) {
      failures.add(failure("wrong-language", foreign, "letters in other scripts", wrongLanguage));
    }
    if (nonsenseJoin) {
      nonsense(chosen, rejected)
          .ifPresent(found -> failures.add(new Failure("nonsense-join", found)));
    }
    if (entailed && sentences(pair.chosen).containsAll(sentences(pair.rejected))) {
      failures.add(new Failure("entailed", "chosen has all sentences of rejected"));
    }
    if (tooSimilar < SAME && pair.similarity > tooSimilar) {
      failures.add(failure("too-similar", pair.similarity, "cosine", tooSimilar));
    }
    if (pair.similarity < tooDissimilar) {
      failures.add(failure("too-dissimilar", pair.similarity, "cosine", tooDissimilar));
    }
    double ratio = lengthRatio(chosen, rejected);
    if (lengthRatio > 0 && ratio > lengthRatio) {
      failures.add(failure("length-ratio", ratio, "times the length", lengthRatio));
    }
    return failures;
  }

  private static Failure failure(String gate, double found, String unit, double limit) {
    return new Failure(gate, String.format(Locale.ROOT, "%.4f %s (limit %s)", found, unit, limit));
  }

  private static Pattern refusing(String pattern) {
    return REFUSING.computeIfAbsent(
        pattern, p -> Pattern.compile(p, Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE));
  }

  private static boolean isFound(Pattern pattern, String text) {
    try {
      return pattern.matcher(text).find();
    } catch (StackOverflowError e) {
      throw new IllegalStateException(
          "Cannot look for refusal '%s' in a text of %s characters: the pattern repeats a group too often. Repeat a class of characters, such as [ab]*, or possessively: *+"
              .formatted(pattern, text.length()),
          e);
    }
  }

  private static Optional<String> marker(String text, Set<String> controlTokens) {
    return MARKER
        .matcher(text)
        .results()
        .map(match -> match.group())
        .findFirst()
        .or(() -> controlTokens.stream().filter(text::contains).sorted().findFirst());
  }

  private static double foreignShare(String chosen, String rejected) {
    Set<UnicodeScript> known = scripts(chosen).collect(Collectors.toSet());
    // A chosen text without letters (a number, say) has no script to keep to.
    if (known.isEmpty()) {
      return 0;
    }
    if (Stream.concat(known.stream(), scripts(rejected)).anyMatch(PairGates::isKana)
        && !Collections.disjoint(known, JAPANESE)) {
      known.addAll(JAPANESE);
    }
    long letters = scripts(rejected).count();
    long foreign =
        scripts(rejected)
            .filter(script -> script != UnicodeScript.COMMON && !known.contains(script))
            .count();
    return letters == 0 ? 0 : (double) foreign / letters;
  }

  /** Returns the script of each letter. */
  private static Stream<UnicodeScript> scripts(String text) {
    return text.codePoints().filter(Character::isLetter).mapToObj(UnicodeScript::of);
  }

  private static boolean isKana(UnicodeScript script) {
    return script == UnicodeScript.HIRAGANA || script == UnicodeScript.KATAKANA;
  }

  private static Optional<String> nonsense(String chosen, String rejected) {
    return more(GLUED_SENTENCES, chosen, rejected)
        .or(() -> more(ASTRAY, chosen, rejected))
        .or(() -> doubled(chosen, rejected))
        .or(() -> gluedWords(chosen, rejected));
  }

  private static Optional<String> more(Pattern pattern, String chosen, String rejected) {
    Matcher first = pattern.matcher(rejected);
    // Most texts have none.
    return first.find()
            && pattern.matcher(rejected).results().count()
                > pattern.matcher(chosen).results().count()
        ? Optional.of(first.group())
        : Optional.empty();
  }

  private static Optional<String> doubled(String chosen, String rejected) {
    return TWICE
        .matcher(rejected)
        .results()
        .filter(match -> !DOUBLED.contains(match.group(1).toLowerCase(Locale.ROOT)))
        .map(match -> match.group())
        .filter(words -> !chosen.contains(words))
        .findFirst();
  }

  /** {@code houseThere}, where either half is a word of the chosen text; not {@code YouTube}. */
  private static Optional<String> gluedWords(String chosen, String rejected) {
    Set<String> words = new HashSet<>(List.of(chosen.split("[^\\p{L}]+")));
    return GLUED_WORDS
        .matcher(rejected)
        .results()
        .filter(match -> words.contains(match.group(1)) || words.contains(match.group(2)))
        .map(match -> match.group())
        .filter(word -> !chosen.contains(word))
        .findFirst();
  }

  /**
   * Returns the sentences of a text as it is: a line, such as an item of a list, is one at most.
   */
  private static Set<String> sentences(String text) {
    Set<String> sentences = new HashSet<>();
    for (String sentence : Sentences.split(text)) {
      sentences.add(WHITESPACE.matcher(sentence.strip()).replaceAll(" "));
    }
    return sentences;
  }

  /** Returns how many times as long the longer text is. */
  private static double lengthRatio(String chosen, String rejected) {
    double ratio = (double) rejected.length() / chosen.length();
    return Math.max(ratio, 1 / ratio);
  }
}

package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Reading;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/**
 * Asks the model itself, with full sight, about each claim of a response, as RLAIF-V does (arXiv
 * 2405.17220): a claim holds if yes is likelier than no. The score is minus the number of claims
 * that do not hold, whatever their number. RLAIF-V has language models split responses into claims
 * and turn these into questions; here a claim is what a rule finds in a sentence.
 *
 * @param questions rules, all of which are tried on every sentence
 * @param yes spellings of yes, whose probabilities are added
 * @param no spellings of no
 */
@SettingType("claims")
public record ClaimCheck(
    @Setting(
            value = "Rules that turn sentences into questions; all are tried on every sentence",
            defaults =
                "[{pattern: '(?s)^(.+)$', question: 'Is this statement about the image true? \"$1\""
                    + " Answer with yes or no.'}]")
        List<Question> questions,
    @Setting(value = "Spellings of yes, whose probabilities are added", defaults = "[Yes, yes]")
        List<String> yes,
    @Setting(value = "Spellings of no", defaults = "[No, no]") List<String> no)
    implements Judge {
  /**
   * A rule that makes questions.
   *
   * @param pattern what is looked for in a sentence, any number of times
   * @param question the question, with the pattern's groups as $1, $2
   */
  public record Question(
      @Setting("Regular expression that finds a claim in a sentence") String pattern,
      @Setting("The question about it, with the pattern's groups as $1, $2") String question)
      implements Serializable {
    public Question {
      try {
        Pattern.compile(pattern);
        // With an alternative that is always found, to see what becomes of the question. In a line
        // of its own, as the pattern may end with a comment.
        Pattern.compile(pattern + "\n|").matcher("").replaceFirst(question);
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException(
            "Invalid pattern: '%s' is no regular expression (%s)"
                .formatted(pattern, e.getDescription()),
            e);
      } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
        throw new IllegalArgumentException(
            "Invalid question: '%s' (%s; $ is written \\$)".formatted(question, e.getMessage()), e);
      }
    }

    Stream<String> about(String sentence) {
      List<String> asked = new ArrayList<>();
      Matcher matcher = Pattern.compile(pattern).matcher(sentence);
      for (int end = 0; matcher.find(); end = matcher.end()) {
        // Where it was found: a pattern may look at what stands around.
        StringBuilder text = new StringBuilder();
        matcher.appendReplacement(text, question);
        asked.add(text.substring(matcher.start() - end));
      }
      return asked.stream();
    }
  }

  public ClaimCheck {
    questions = List.copyOf(questions);
    check(!questions.isEmpty(), "Invalid questions: none (give at least one rule)");
    yes = List.copyOf(yes);
    no = List.copyOf(no);
    check(!yes.isEmpty(), "Invalid yes: no spelling");
    check(!no.isEmpty(), "Invalid no: no spelling");
  }

  @Override
  public CompletableFuture<List<Verdict>> judge(
      RejectionInput input, List<String> responses, Workbench bench) {
    List<Set<String>> asked = responses.stream().map(this::questionsAbout).toList();
    List<String> all = asked.stream().flatMap(Set::stream).distinct().toList();
    CompletableFuture<Map<String, Boolean>> answers =
        CompletableFuture.completedFuture(new HashMap<>());
    for (String question : all) {
      answers =
          answers.thenCombine(
              holds(input, question, bench),
              (known, holds) -> {
                known.put(question, holds);
                return known;
              });
    }
    return answers.thenApply(
        known -> asked.stream().map(questions -> verdict(questions, known)).toList());
  }

  private Set<String> questionsAbout(String response) {
    Set<String> asked = new LinkedHashSet<>();
    for (String sentence : Sentences.split(response)) {
      questions.forEach(rule -> rule.about(sentence.strip()).forEach(asked::add));
    }
    return asked;
  }

  private CompletableFuture<Boolean> holds(RejectionInput input, String question, Workbench bench) {
    List<int[]> answers =
        Stream.concat(yes.stream(), no.stream())
            .map(word -> bench.model().response(word).ids())
            .toList();
    return bench
        .model()
        .read(bench.model().prompt(List.of(), question), ImageView.full(input.features()), answers)
        .thenApply(
            readings ->
                probability(readings.subList(0, yes.size()))
                    > probability(readings.subList(yes.size(), readings.size())));
  }

  private static double probability(List<Reading> readings) {
    return readings.stream().mapToDouble(reading -> Math.exp(reading.logProb())).sum();
  }

  private static Verdict verdict(Set<String> questions, Map<String, Boolean> known) {
    List<String> wrong = new ArrayList<>();
    questions.stream().filter(question -> !known.get(question)).forEach(wrong::add);
    Map<String, String> details = new TreeMap<>();
    details.put("claims", Integer.toString(questions.size()));
    details.put("answered-no", String.join(" ", wrong));
    return new Verdict(0.0 - wrong.size(), details);
  }
}

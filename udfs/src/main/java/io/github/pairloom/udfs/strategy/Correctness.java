package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.schemas.Judgement;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Correctness, as MPO makes the first part of its pairs (arXiv 2411.10442, section 3.1): of several
 * responses, those whose answer is the true one are paired with those whose answer is not. Rules
 * and defaults are those of its pipeline: 32 samples at temperature 0.7; a response without a
 * recognisable answer is a format negative, apart from wrong answers; no pair where the right
 * answer is part of the wrong one; at most 15 pairs per prompt.
 *
 * @param samples responses that are written
 * @param sampling how
 * @param answer where the answer stands in a response
 * @param truth where the source says the true answer
 * @param pairs pairs made of one prompt
 * @param formatNegatives whether responses without an answer may be rejected
 */
@SettingType("correctness")
public record Correctness(
    @Setting(value = "Responses that the model writes, at least 2", defaults = "32") int samples,
    @Setting(value = "How tokens are chosen", defaults = "{max-new-tokens: 4096}")
        Sampling sampling,
    @Setting(
            value =
                "Regular expression whose first group that matched is a response's answer; its last"
                    + " match counts",
            defaults = DEFAULT_ANSWER)
        String answer,
    @Setting(
            value =
                "Path to the true answer among the source's further fields; empty: the answer in"
                    + " the reference response",
            defaults = "")
        String truth,
    @Setting(value = "Pairs made of one prompt at most, at least 1", defaults = "15") int pairs,
    @Setting(
            value =
                "true: responses without an answer are rejected sides too, where pairs are left;"
                    + " their judgement says rule: format",
            defaults = "false")
        boolean formatNegatives)
    implements RejectionStrategy {
  /** With braces in it, two deep, as a fraction of roots has them. */
  private static final String BOXED = "(?:[^{}]++|\\{(?:[^{}]++|\\{[^{}]*+\\})*+\\})*+";

  /** A whole box counts before what stands around it. Either part may be set in bold or italics. */
  static final String DEFAULT_ANSWER =
      "\\\\boxed\\{("
          + BOXED
          + ")\\}|(?i:final answer)[\\s*_]*+:[\\s*_]*+((?!.*\\\\boxed\\{"
          + BOXED
          + "\\}).+)";

  public Correctness {
    check(samples >= 2, "Invalid samples: %s (must be at least 2)", samples);
    check(pairs >= 1, "Invalid pairs: %s (must be at least 1)", pairs);
    try {
      check(
          Pattern.compile(answer).matcher("").groupCount() >= 1,
          "Invalid answer: '%s' (it has no group)",
          answer);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "Invalid answer: '%s' is no regular expression (%s)"
              .formatted(answer, e.getDescription()),
          e);
    }
  }

  /** A response with its answer, if one was found in it. */
  private record Answered(String text, Optional<String> answer) {}

  private record Match(Answered right, Answered wrong) {}

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    Optional<String> known =
        truth.isEmpty()
            ? answerIn(input.chosen())
            : Extra.values(input.extra(), truth).stream().findFirst();
    if (known.isEmpty()) {
      return CompletableFuture.failedFuture(
          new NoPairException(
              "no-ground-truth",
              truth.isEmpty()
                  ? "the reference response has no answer"
                  : "the source has no " + truth));
    }
    return Samples.write(input, samples, sampling, bench)
        .thenApplyAsync(texts -> pairs(input, texts, known.get(), bench), bench);
  }

  private List<Rejection> pairs(
      RejectionInput input, List<String> texts, String known, Workbench bench) {
    List<Answered> right = new ArrayList<>();
    List<Answered> wrong = new ArrayList<>();
    List<Answered> unanswered = new ArrayList<>();
    for (String text : texts) {
      Answered response = new Answered(text, answerIn(text));
      if (response.answer.isEmpty()) {
        unanswered.add(response);
      } else {
        boolean same = Answers.same(response.answer.get(), known);
        (same ? right : wrong).add(response);
      }
    }
    List<Match> matches = new ArrayList<>(drawn(input, "correctness", right, wrong));
    if (formatNegatives) {
      matches.addAll(drawn(input, "format", right, unanswered));
    }
    if (matches.isEmpty()) {
      String found =
          "answers of %d different responses: %d right, %d wrong, %d none"
              .formatted(texts.size(), right.size(), wrong.size(), unanswered.size());
      throw new NoPairException(
          right.isEmpty() ? "all-wrong" : wrong.isEmpty() ? "all-right" : "entailed-answer", found);
    }
    return matches.stream()
        .limit(pairs)
        .map(match -> rejection(input, match, known, bench))
        .toList();
  }

  /** Returns the pairs of two kinds of responses in a drawn order. */
  private List<Match> drawn(
      RejectionInput input, String rule, List<Answered> right, List<Answered> wrong) {
    KeyedRandom draws = input.key().with(rule);
    List<Match> matches = new ArrayList<>();
    for (Answered one : right) {
      for (Answered other : wrong) {
        if (other.answer.isEmpty()
            || !Answers.entails(other.answer.get(), one.answer.orElseThrow())) {
          matches.add(new Match(one, other));
        }
      }
    }
    return matches.stream()
        .sorted(Comparator.comparingDouble(m -> draws.uniform(matches.indexOf(m))))
        .limit(pairs)
        .toList();
  }

  private Rejection rejection(RejectionInput input, Match match, String known, Workbench bench) {
    String chosen = match.right.text;
    return new Rejection(
        chosen.equals(input.chosen())
            ? Optional.empty()
            : Optional.of(new Rejection.Better(chosen, Rejection.Better.SAMPLED)),
        match.wrong.text,
        1,
        bench.similarity().of(chosen, match.wrong.text),
        false,
        Samples.transform(input),
        Optional.of(
            new Judgement(
                "correctness",
                1.0,
                0.0,
                Map.of(
                    "rule",
                    match.wrong.answer.isPresent() ? "correctness" : "format",
                    "truth",
                    known,
                    "chosen-answer",
                    match.right.answer.orElseThrow(),
                    "rejected-answer",
                    match.wrong.answer.orElse("")))));
  }

  /** Returns the last answer in a response. */
  Optional<String> answerIn(String response) {
    Matcher matcher = Pattern.compile(answer).matcher(response);
    Optional<String> last = Optional.empty();
    while (matcher.find()) {
      for (int group = 1; group <= matcher.groupCount(); group++) {
        if (matcher.group(group) != null) {
          last = Optional.of(matcher.group(group).strip()).filter(text -> !text.isEmpty());
          break;
        }
      }
    }
    return last;
  }
}

package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.remote.ChatEndpoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Has a language model compare the responses two by two, each pair shown once and in a drawn order
 * (arXiv 2407.02477, section 3.2: the order matters to annotators). The score is the number of
 * comparisons won less that of those lost. N responses take N (N - 1) / 2 questions.
 *
 * <p>The annotator is not shown the image: what it is to know of it must stand in the template.
 *
 * @param endpoint the annotator
 * @param template its instructions
 * @param truth where the source says what is in the image
 */
@SettingType("annotator")
public record Annotator(
    @Setting("The annotator: a language model behind HTTP") ChatEndpoint endpoint,
    @Setting(
            value =
                "Instructions: {prompt}, {first} and {second} stand for the texts, {truth} for what"
                    + " the source says of the image. The first of the letters A and B that stands"
                    + " alone in the answer is the better response; any other answer is a draw",
            defaults = DEFAULT_TEMPLATE)
        String template,
    @Setting(
            value =
                "Path to what the source says of the image, among its further fields; empty: {truth}"
                    + " is the reference response",
            defaults = "")
        String truth)
    implements Judge {
  static final String DEFAULT_TEMPLATE =
      "Two assistants answered a question about an image. You cannot see the image, but what"
          + " follows is known to be true of it.\n\nKnown: {truth}\n\nQuestion: {prompt}\n\n"
          + "Answer A: {first}\n\nAnswer B: {second}\n\nWhich answer says less that is false of"
          + " the image? If both are alike in this, which one is more helpful? Reply with one"
          + " letter: A or B.";

  private static final Pattern LETTER = Pattern.compile("\\b[AB]\\b");

  public Annotator {
    check(
        template.contains("{first}") && template.contains("{second}"),
        "Invalid template: it lacks {first} or {second}, so the annotator would not see both"
            + " responses");
  }

  @Override
  public CompletableFuture<List<Verdict>> judge(
      RejectionInput input, List<String> responses, Workbench bench) {
    String known =
        truth.isEmpty() ? input.chosen() : String.join(", ", Extra.values(input.extra(), truth));
    if (known.isBlank()) {
      // Not asked, and not paid for: the annotator would guess.
      return CompletableFuture.failedFuture(
          new NoPairException("no-ground-truth", "the source has no " + truth));
    }
    int[] points = new int[responses.size()];
    CompletableFuture<int[]> all = CompletableFuture.completedFuture(points);
    for (int i = 0; i < points.length; i++) {
      for (int j = i + 1; j < points.length; j++) {
        int left = i;
        int right = j;
        all =
            all.thenCombine(
                compare(input, known, responses.get(i), responses.get(j), bench),
                (sums, outcome) -> {
                  sums[left] += outcome;
                  sums[right] -= outcome;
                  return sums;
                });
      }
    }
    return all.thenApplyAsync(
        sums -> {
          List<Verdict> verdicts = new ArrayList<>();
          for (int sum : sums) {
            verdicts.add(
                new Verdict(sum, Map.of("comparisons", Integer.toString(sums.length - 1))));
          }
          return verdicts;
        },
        bench);
  }

  /** Returns 1 if the one response is better, -1 if the other is, 0 for neither. */
  private CompletableFuture<Integer> compare(
      RejectionInput input, String known, String one, String other, Workbench bench) {
    KeyedRandom key = input.key().with("annotator").with(one).with(other);
    boolean turned = key.uniform(0) < 0.5;
    String question =
        PromptTemplate.fill(
            template,
            Map.of(
                "prompt",
                input.prompt(),
                "truth",
                known,
                "first",
                turned ? other : one,
                "second",
                turned ? one : other));
    return bench
        .ask(endpoint, question, key.bits(1))
        .thenApply(
            answer -> {
              Matcher letter = LETTER.matcher(answer.text());
              if (!letter.find()) {
                return 0;
              }
              return letter.group().equals("A") == turned ? -1 : 1;
            });
  }
}

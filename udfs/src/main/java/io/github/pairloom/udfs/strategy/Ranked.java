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
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/**
 * Ranking: the model, with full sight, writes several responses; a judge scores them; a better one
 * becomes chosen and a worse one rejected. The defaults are RLAIF-V's (arXiv 2405.17220): 10
 * samples at temperature 0.7 of up to 512 tokens, 2 of the pairs with different scores.
 *
 * @param samples responses that are written
 * @param sampling how
 * @param judge who scores them
 * @param pairs pairs made of one prompt
 * @param minGap least difference of scores
 * @param withReference whether the reference takes part
 */
@SettingType("ranked")
public record Ranked(
    @Setting(value = "Responses that the model writes to choose from, at least 2", defaults = "10")
        int samples,
    @Setting(value = "How tokens are chosen", defaults = "{max-new-tokens: 512}") Sampling sampling,
    @Setting(value = "Who scores them", defaults = "{type: claims}") Judge judge,
    @Setting(
            value =
                "Pairs made of one prompt at most, at least 1: the best with the worst if 1, else"
                    + " drawn from all whose scores differ enough",
            defaults = "2")
        int pairs,
    @Setting(
            value = "Least difference of the two scores; 0: any difference (claims: 1 is any)",
            defaults = "0.0")
        double minGap,
    @Setting(value = "true: the reference response is judged among them", defaults = "false")
        boolean withReference)
    implements RejectionStrategy {
  public Ranked {
    check(samples >= 2, "Invalid samples: %s (must be at least 2)", samples);
    check(pairs >= 1, "Invalid pairs: %s (must be at least 1)", pairs);
    check(minGap >= 0, "Invalid min-gap: %s (must be at least 0)", minGap);
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    return Samples.write(input, samples, sampling, bench)
        .thenComposeAsync(
            written -> {
              List<String> texts = new ArrayList<>(written);
              if (withReference && !texts.contains(input.chosen())) {
                texts.add(input.chosen());
              }
              if (texts.size() < 2) {
                throw new NoPairException(
                    "too-few-samples",
                    "%d different whole responses of %d samples".formatted(texts.size(), samples));
              }
              return judge
                  .judge(input, texts, bench)
                  .thenApplyAsync(verdicts -> pairs(input, texts, verdicts, bench), bench);
            },
            bench);
  }

  private record Match(int better, int worse) {}

  private List<Rejection> pairs(
      RejectionInput input, List<String> texts, List<Judge.Verdict> verdicts, Workbench bench) {
    List<Match> matches = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      for (int j = 0; j < texts.size(); j++) {
        double gap = verdicts.get(i).score() - verdicts.get(j).score();
        if (gap > 0 && gap >= minGap) {
          matches.add(new Match(i, j));
        }
      }
    }
    if (matches.isEmpty()) {
      throw new NoPairException(
          "no-gap",
          "scores of %d responses: %s"
              .formatted(
                  texts.size(), verdicts.stream().map(Judge.Verdict::score).sorted().toList()));
    }
    KeyedRandom draws = input.key().with("pairs");
    Comparator<Match> order =
        pairs == 1
            ? Comparator.comparingDouble(
                m -> verdicts.get(m.worse).score() - verdicts.get(m.better).score())
            : Comparator.comparingDouble(m -> draws.uniform(matches.indexOf(m)));
    return matches.stream()
        .sorted(order)
        .limit(pairs)
        .map(match -> rejection(input, texts, verdicts, match, bench))
        .toList();
  }

  private Rejection rejection(
      RejectionInput input,
      List<String> texts,
      List<Judge.Verdict> verdicts,
      Match match,
      Workbench bench) {
    String chosen = texts.get(match.better);
    String rejected = texts.get(match.worse);
    TreeMap<String, String> details = new TreeMap<>();
    verdicts.get(match.better).details().forEach((k, v) -> details.put("chosen-" + k, v));
    verdicts.get(match.worse).details().forEach((k, v) -> details.put("rejected-" + k, v));
    details.put("responses", Integer.toString(texts.size()));
    details.put(
        "scores",
        String.join(
            " ",
            IntStream.range(0, texts.size())
                .mapToObj(i -> Double.toString(verdicts.get(i).score()))
                .toList()));
    return new Rejection(
        chosen.equals(input.chosen())
            ? Optional.empty()
            : Optional.of(new Rejection.Better(chosen, Rejection.Better.SAMPLED)),
        rejected,
        1,
        bench.similarity().of(chosen, rejected),
        false,
        Samples.transform(input),
        Optional.of(
            new Judgement(
                judge.id(),
                verdicts.get(match.better).score(),
                verdicts.get(match.worse).score(),
                details)));
  }
}

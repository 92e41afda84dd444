package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkNotBlank;

import java.util.Map;

/**
 * Why one side of a pair is the worse, where somebody judged both.
 *
 * @param judge who judged, such as {@code claims}
 * @param chosenScore of the chosen side; the unit is the judge's, higher is better
 * @param rejectedScore of the rejected side, on the same scale
 * @param details what the judge found, by name
 */
public record Judgement(
    String judge, Double chosenScore, Double rejectedScore, Map<String, String> details) {
  public Judgement {
    checkNotBlank("judge", judge);
    details = Map.copyOf(details);
    check(
        chosenScore == null || rejectedScore == null || chosenScore >= rejectedScore,
        "Invalid judgement by %s: chosen %s below rejected %s",
        judge,
        chosenScore,
        rejectedScore);
  }
}

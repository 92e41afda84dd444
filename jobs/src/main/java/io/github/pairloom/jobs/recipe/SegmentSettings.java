package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * Which tokens of a pair count as changed, and what they weigh in a loss that looks at segments
 * (RLHF-V, arXiv 2312.00849; CHiP, arXiv 2501.16629, whose values for LLaVA are the defaults).
 *
 * @param minMatch tokens in a row that both sides must have in common not to count as changed
 * @param weight weight of a changed token; others weigh 1
 */
public record SegmentSettings(
    @Setting(
            value =
                "Tokens in a row that both sides have in common, at least 1, for them not to count as"
                    + " changed",
            defaults = "3")
        int minMatch,
    @Setting(
            value =
                "Weight of a changed token in a loss that looks at segments, above 0; others weigh 1",
            defaults = "4.0")
        double weight)
    implements Serializable {
  public SegmentSettings {
    check(minMatch >= 1, "Invalid min-match: %s (must be at least 1)", minMatch);
    check(weight > 0 && weight < 1e6, "Invalid weight: %s (must be above 0)", weight);
  }
}

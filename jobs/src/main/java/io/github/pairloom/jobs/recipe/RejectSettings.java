package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.gate.PairGates;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import java.io.Serializable;
import java.util.List;

/**
 * How rejected responses are made.
 *
 * @param strategies each makes one rejected response of every reference response
 * @param perResponse rejected responses that each strategy makes of one
 * @param similarity how alike chosen and rejected are said to be
 * @param segments which tokens count as changed, and what they weigh
 * @param gates what keeps a pair from being used
 */
public record RejectSettings(
    @Setting(
            value = "Strategies, each with its type; every one makes a pair of every sample",
            defaults = "[{type: bdhs-attention}]")
        List<RejectionStrategy> strategies,
    @Setting(
            value =
                "Rejected responses that each strategy makes of a reference response, at least 1;"
                    + " pairs of one reference and strategy are a group, and all wait for the next run"
                    + " where one fails of what may pass (recovery.again)",
            defaults = "1")
        int perResponse,
    @Setting("How alike chosen and rejected are said to be") SimilaritySettings similarity,
    @Setting("Which tokens of a pair count as changed, and what they weigh")
        SegmentSettings segments,
    @Setting("What keeps a pair from being used: each gate's name is its drop_reason")
        PairGates gates)
    implements Serializable {
  public RejectSettings {
    strategies = List.copyOf(strategies);
    check(perResponse >= 1, "Invalid per-response: %s (must be at least 1)", perResponse);
    check(!strategies.isEmpty(), "Invalid strategies: none (name at least one)");
    check(
        strategies.stream().map(Settings::shaping).distinct().count() == strategies.size(),
        "Invalid strategies: the same one with the same settings, those aside that shape no pair,"
            + " stands twice");
  }
}

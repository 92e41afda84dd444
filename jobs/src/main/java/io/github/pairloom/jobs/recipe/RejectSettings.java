package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import java.util.HashSet;
import java.util.List;

/**
 * How rejected responses are made.
 *
 * @param strategies each makes one rejected response of every reference response
 * @param similarity how alike chosen and rejected are said to be
 */
public record RejectSettings(
    @Setting(
            value = "Strategies, each with its type; every one makes a pair of every sample",
            defaults = "[{type: bdhs-attention}]")
        List<RejectionStrategy> strategies,
    @Setting("How alike chosen and rejected are said to be") SimilaritySettings similarity) {
  public RejectSettings {
    strategies = List.copyOf(strategies);
    check(!strategies.isEmpty(), "Invalid strategies: none (name at least one)");
    check(
        new HashSet<>(strategies).size() == strategies.size(),
        "Invalid strategies: the same one with the same settings stands twice");
  }
}

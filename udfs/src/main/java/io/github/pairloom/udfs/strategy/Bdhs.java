package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.Serializable;

/**
 * What both variants of Bias-Driven Hallucination Sampling share (arXiv 2407.02477, section 3.4 and
 * appendix D). The defaults are the paper's; it does not state a sampling temperature.
 *
 * @param iterations N_BDHS; the last one, if there are several, is free generation
 * @param similarityThreshold eps_s: a rejected text is kept once its cosine with chosen is below
 * @param yesNoSwapProbability chance that a sentence's leading yes or no is swapped
 * @param sampling how tokens are chosen
 */
public record Bdhs(
    @Setting(
            value =
                "Attempts at most (N_BDHS), at least 1; the last of several generates freely, with"
                    + " no part of the chosen response",
            defaults = "5")
        int iterations,
    @Setting(
            value =
                "Keep the first attempt whose cosine with the chosen response is below this"
                    + " (eps_s), in (-1, 1]",
            defaults = "0.97")
        double similarityThreshold,
    @Setting(
            value = "Chance that a sentence's leading yes or no is swapped, in [0, 1]",
            defaults = "0.5")
        double yesNoSwapProbability,
    @Setting("How tokens are chosen") Sampling sampling)
    implements Serializable {
  public Bdhs {
    check(iterations >= 1, "Invalid iterations: %s (must be at least 1)", iterations);
    check(
        similarityThreshold > -1 && similarityThreshold <= 1,
        "Invalid similarity-threshold: %s (must be in (-1, 1])",
        similarityThreshold);
    check(
        yesNoSwapProbability >= 0 && yesNoSwapProbability <= 1,
        "Invalid yes-no-swap-probability: %s (must be in [0, 1])",
        yesNoSwapProbability);
  }
}

package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.image.DiffusionNoise;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.io.Serializable;
import java.util.List;

/**
 * How pairs are scored.
 *
 * @param models reference models
 * @param blind what is shown instead of the image for the comparison without it
 * @param noiseSteps steps of noise, where that is a noisy image
 * @param tokenLogProbs whether the log-probability of every token is kept
 * @param leastMargin least margin with which chosen counts as preferred
 * @param keepRejectedPreferred whether select keeps pairs whose rejected side a model prefers
 */
public record ScoreSettings(
    @Setting(
            value =
                "Models that score, as under model; none: the recipe's own model alone. Scores by"
                    + " others, and by other settings of score, count no more",
            defaults = "[]")
        List<ModelSpec> models,
    @Setting(
            value =
                "What is shown instead of the image to see how much it matters: absent (a prompt"
                    + " without it), or noise",
            defaults = "absent")
        Blind blind,
    @Setting(value = "Steps of forward diffusion where blind is noise, 1 to 1000", defaults = "500")
        int noiseSteps,
    @Setting(value = "true: the log-probability of every token is kept", defaults = "false")
        boolean tokenLogProbs,
    @Setting(
            value =
                "Least margin, in nats per token, with which chosen counts as preferred; with less,"
                    + " the verdict is rejected-preferred",
            defaults = "0.0")
        double leastMargin,
    @Setting(
            value =
                "true: pairs whose rejected side a scoring model prefers are selected all the same;"
                    + " false: select drops them as rejected-preferred, for that side may be true",
            defaults = "false")
        boolean keepRejectedPreferred)
    implements Serializable {
  /** What is shown instead of the image. */
  public enum Blind {
    ABSENT,
    NOISE
  }

  public ScoreSettings {
    models = List.copyOf(models);
    check(
        noiseSteps >= 1 && noiseSteps <= DiffusionNoise.MAX_STEPS,
        "Invalid noise-steps: %s (must be 1 to %s)",
        noiseSteps,
        DiffusionNoise.MAX_STEPS);
    check(Double.isFinite(leastMargin), "Invalid least-margin: %s (must be finite)", leastMargin);
  }
}

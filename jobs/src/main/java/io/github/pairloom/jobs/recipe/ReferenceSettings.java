package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.Serializable;

/**
 * How the model, with full sight of the image, writes good responses for samples that have none.
 *
 * @param n responses per sample
 * @param sampling how tokens are chosen
 */
public record ReferenceSettings(
    @Setting(value = "Responses written per sample without one, at least 1", defaults = "1") int n,
    @Setting(
            value = "How tokens are chosen",
            defaults = "{temperature: 0.2, top-p: 0.9, max-new-tokens: 256}")
        Sampling sampling)
    implements Serializable {
  public ReferenceSettings {
    check(n >= 1, "Invalid n: %s (must be at least 1)", n);
    check(
        n == 1 || !sampling.greedy(),
        "Invalid n: %s with temperature 0 (all responses would be the same; set"
            + " sampling.temperature above 0)",
        n);
  }
}

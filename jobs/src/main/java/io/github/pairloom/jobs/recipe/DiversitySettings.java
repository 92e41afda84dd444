package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;

/**
 * How the diversity of pairs is scored.
 *
 * @param domains clusters of embeddings that stand for domains; 0: pairs get no such score
 * @param sample most texts that clusters and probe are learned from
 */
public record DiversitySettings(
    @Setting(
            value =
                "Clusters of embeddings that stand for domains, at least 2, and expressions may name"
                    + " diversity; 0: there is no such score",
            defaults = "0")
        int domains,
    @Setting(
            value =
                "Most texts that clusters and probe are learned from, at least 100; they go through"
                    + " the driver",
            defaults = "5000")
        int sample) {
  public DiversitySettings {
    check(
        domains == 0 || (domains >= 2 && domains <= 1000),
        "Invalid domains: %s (must be 0, or 2 to 1000)",
        domains);
    check(
        sample >= 100 && sample <= 1_000_000,
        "Invalid sample: %s (must be 100 to 1000000)",
        sample);
  }

  /** Returns whether pairs get a score. */
  public boolean on() {
    return domains > 0;
  }
}

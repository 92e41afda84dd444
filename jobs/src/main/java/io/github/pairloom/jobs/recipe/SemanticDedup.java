package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;

/**
 * When the texts of two pairs mean the same.
 *
 * @param threshold least cosine of the embeddings of each of prompt, chosen and rejected; 0: texts
 *     are not embedded
 */
public record SemanticDedup(
    @Setting(
            value =
                "Least cosine of the embeddings of prompts, of chosen and of rejected responses of"
                    + " duplicates, in (0, 1], such as 0.95, within the columns of dedup.text.within;"
                    + " 0: meanings are not compared",
            defaults = "0")
        double threshold) {
  public SemanticDedup {
    check(
        threshold >= 0 && threshold <= 1,
        "Invalid threshold: %s (must be 0, or in (0, 1])",
        threshold);
  }

  /** Returns whether meanings are compared. */
  public boolean on() {
    return threshold > 0;
  }
}

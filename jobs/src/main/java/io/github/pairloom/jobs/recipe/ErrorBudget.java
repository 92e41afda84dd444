package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;

/**
 * How many bad rows are too many. Checked before a step commits.
 *
 * @param maxRows most bad rows of one step
 * @param maxShare largest share of bad rows among those a step reads
 */
public record ErrorBudget(
    @Setting(value = "Most bad rows of one step", defaults = "1000000") long maxRows,
    @Setting(
            value = "Largest share of bad rows among those a step reads, in [0, 1]",
            defaults = "0.5")
        double maxShare) {
  public ErrorBudget {
    check(maxRows >= 0, "Invalid max-rows: %s (must be at least 0)", maxRows);
    check(maxShare >= 0 && maxShare <= 1, "Invalid max-share: %s (must be in [0, 1])", maxShare);
  }

  /** Returns whether {@code bad} of {@code read} rows are within the budget. */
  public boolean allows(long bad, long read) {
    return bad <= maxRows && bad <= maxShare * read;
  }
}

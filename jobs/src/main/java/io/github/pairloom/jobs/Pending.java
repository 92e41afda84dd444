package io.github.pairloom.jobs;

import static io.github.pairloom.schemas.Check.check;

/**
 * What a step has yet to do.
 *
 * @param amount how many
 * @param unit of what, such as {@code rows}
 */
public record Pending(long amount, String unit) {
  public static final String ROWS = "rows";

  public Pending {
    check(amount >= 0, "Invalid amount: %s (must be at least 0)", amount);
  }

  /** Returns that many rows. */
  public static Pending rows(long amount) {
    return new Pending(amount, ROWS);
  }
}

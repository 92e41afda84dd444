package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;

/**
 * Where two texts differ: half-open ranges of UTF-16 code units. An insertion has an empty range on
 * one side.
 *
 * @param chosenStart first code unit in the chosen text
 * @param chosenEnd after the last code unit in the chosen text
 * @param rejectedStart first code unit in the rejected text
 * @param rejectedEnd after the last code unit in the rejected text
 */
public record Span(int chosenStart, int chosenEnd, int rejectedStart, int rejectedEnd) {
  public Span {
    check(
        chosenStart >= 0 && chosenEnd >= chosenStart,
        "Invalid chosen range: %s to %s",
        chosenStart,
        chosenEnd);
    check(
        rejectedStart >= 0 && rejectedEnd >= rejectedStart,
        "Invalid rejected range: %s to %s",
        rejectedStart,
        rejectedEnd);
    check(
        chosenEnd > chosenStart || rejectedEnd > rejectedStart,
        "Invalid span at %s and %s: both ranges are empty",
        chosenStart,
        rejectedStart);
  }
}

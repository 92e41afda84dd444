package io.github.pairloom.udfs.dedup;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;
import java.util.HashSet;
import java.util.List;

/**
 * When two rows of text are duplicates of each other: when the sets of their n-grams are alike.
 *
 * @param columns texts that are compared
 * @param within columns in which duplicates are equal
 * @param unit what an n-gram is made of
 * @param n units of an n-gram; a shorter text is one n-gram
 * @param everyColumn whether each column must be as alike as {@code threshold} says, or all of them
 *     taken together
 * @param threshold least Jaccard similarity of duplicates
 * @param recall share of the pairs at {@code threshold} that are to be found
 */
public record TextDedup(
    @Setting(
            value = "Texts that are compared, columns of pairs",
            defaults = "[prompt, chosen, rejected]")
        List<String> columns,
    @Setting(
            value =
                "Columns of pairs in which duplicates are equal; [] compares over all images."
                    + " image_id stands for the image kept of its duplicates",
            defaults = "[image_id, context]")
        List<String> within,
    @Setting(
            value =
                "What an n-gram is made of: word (one ideograph or kana is a word) or character;"
                    + " case, punctuation and width do not count",
            defaults = "word")
        Unit unit,
    @Setting(value = "Units of an n-gram, 1 to 32; a shorter text is one n-gram", defaults = "3")
        int n,
    @Setting(
            value =
                "true: each column must reach the threshold, so that a short response which differs"
                    + " tells two pairs apart; false: all columns together",
            defaults = "true")
        boolean everyColumn,
    @Setting(
            value =
                "Least Jaccard similarity of the n-grams of duplicates, in (0, 1]; at 1 they differ in"
                    + " case, punctuation and width at most",
            defaults = "0.9")
        double threshold,
    @Setting(
            value =
                "Share of the pairs at the threshold that are to be found, in (0, 1); bands and rows"
                    + " follow from it",
            defaults = "0.95")
        double recall)
    implements Serializable {
  /** What n-grams are made of. */
  public enum Unit {
    WORD,
    CHARACTER
  }

  public TextDedup {
    columns = List.copyOf(columns);
    within = List.copyOf(within);
    check(
        !columns.isEmpty() && columns.size() <= Shingles.MAX_COLUMNS,
        "Invalid columns: %s of them (must be 1 to %s)",
        columns.size(),
        Shingles.MAX_COLUMNS);
    check(
        new HashSet<>(columns).size() == columns.size(),
        "Invalid columns: one of them stands twice");
    check(n >= 1 && n <= 32, "Invalid n: %s (must be in [1, 32])", n);
    check(threshold > 0 && threshold <= 1, "Invalid threshold: %s (must be in (0, 1])", threshold);
    check(recall > 0 && recall < 1, "Invalid recall: %s (must be in (0, 1))", recall);
  }
}

package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.util.HashSet;
import java.util.List;

/**
 * Which usable pairs trainers get.
 *
 * @param diversity how the diversity of pairs is scored
 * @param filters what a pair must meet, in order; the first that it does not meet is its reason
 * @param cuts which share of a run's pairs goes on, in order
 * @param quotas how many pairs of a kind are taken at most, in order
 * @param budget most pairs in all; 0 for no bound
 * @param prefer an SQL expression: where not all are taken, those of its highest values; empty: a
 *     draw by seed and pair_id
 */
public record SelectSettings(
    @Setting("How the diversity of pairs is scored") DiversitySettings diversity,
    @Setting(
            value =
                "What a pair must meet, in order, such as {name: short, where: \"length(chosen) <"
                    + " 2000\"}; the first that it does not meet is its drop_reason. What has no value,"
                    + " such as a division by 0, is not met. A pair's duplicates are dropped even where"
                    + " it is dropped itself by filters, cuts, quotas or the budget",
            defaults = "[]")
        List<Filter> filters,
    @Setting(
            value =
                "Which share of a run's pairs goes on, in order, such as {name: sure, by: margin,"
                    + " best: 0.5}: of those that are left, the ones of the highest values; or"
                    + " {name: spread, type: k-center, best: 0.2}: the ones that leave no other far"
                    + " from all of them",
            defaults = "[]")
        List<Cut> cuts,
    @Setting(
            value =
                "How many pairs of a kind are taken at most, in order, such as {by: strategy, most:"
                    + " 10000}",
            defaults = "[]")
        List<Quota> quotas,
    @Setting(value = "Most pairs in all; 0: no bound", defaults = "0") long budget,
    @Setting(
            value =
                "SQL: where quotas or the budget do not let all in, those of the highest values, NULL"
                    + " the lowest; empty, and among equals: drawn by seed and pair_id",
            defaults = "")
        String prefer) {
  public SelectSettings {
    filters = List.copyOf(filters);
    cuts = List.copyOf(cuts);
    quotas = List.copyOf(quotas);
    check(
        new HashSet<>(filters.stream().map(Filter::name).toList()).size() == filters.size(),
        "Invalid filters: two have the same name");
    check(
        new HashSet<>(cuts.stream().map(Cut::name).toList()).size() == cuts.size(),
        "Invalid cuts: two have the same name");
    check(budget >= 0, "Invalid budget: %s (must be at least 0)", budget);
  }

  /**
   * A condition.
   *
   * @param name part of the drop_reason, in kebab-case
   * @param where an SQL expression over columns of pairs, {@code source}, the means over scoring
   *     models of {@code margin} and the visual dependencies, and {@code diversity} if it is on
   */
  public record Filter(
      @Setting("Part of the drop_reason filter-NAME, in kebab-case") String name,
      @Setting("What pairs must meet: SQL over the columns of pairs, scores' means and source")
          String where) {
    public Filter {
      checkName(name);
      check(where != null && !where.isBlank(), "Invalid where: blank (must be SQL)");
    }
  }

  /**
   * A stage of a cascade: pairs are ordered by a score, and the best go on to the next.
   *
   * @param name part of the drop_reason, in kebab-case
   * @param type what the score is
   * @param by an SQL expression for a number, the better the higher; NULL is the lowest. Empty for
   *     k-center
   * @param best share of the run's pairs that are left, above 0 and at most 1; for k-center at
   *     least 0.001
   */
  public record Cut(
      @Setting("Part of the drop_reason cut-NAME, in kebab-case") String name,
      @Setting(
              value =
                  "score: by is the score; k-center: pairs go on whose prompts and chosen responses"
                      + " are far from each other's",
              defaults = "score")
          Type type,
      @Setting(
              value =
                  "SQL for a number, the better the higher, such as margin; what has no value, such"
                      + " as a division by 0, is the lowest. None for k-center",
              defaults = "")
          String by,
      @Setting("Share that goes on of the run's pairs that are left, above 0 and at most 1")
          double best) {
    /** Some pairs of each piece that is ordered for itself, of several thousand. */
    private static final double LEAST_SPREAD = 0.001;

    /** What a cut orders pairs by. */
    public enum Type {
      SCORE,
      K_CENTER
    }

    public Cut {
      checkName(name);
      check(
          by.isBlank() == (type == Type.K_CENTER),
          "Invalid by: '%s' (must be SQL for type score, and nothing for k-center)",
          by);
      check(best > 0 && best <= 1, "Invalid best: %s (must be above 0 and at most 1)", best);
      check(
          type == Type.SCORE || best >= LEAST_SPREAD,
          "Invalid best: %s (must be at least %s for k-center)",
          best,
          LEAST_SPREAD);
    }
  }

  /** Returns whether the choice asks what texts mean, and so for embeddings. */
  public boolean wantsEmbeddings() {
    return diversity.on() || cuts.stream().anyMatch(cut -> cut.type() == Cut.Type.K_CENTER);
  }

  private static void checkName(String name) {
    check(
        name != null && name.matches("[a-z0-9]+(-[a-z0-9]+)*"),
        "Invalid name: '%s' (must be kebab-case)",
        name);
  }

  /**
   * A bound on each kind of pairs.
   *
   * @param by an SQL expression; pairs of the same value are of one kind
   * @param most pairs of each kind, those of earlier runs included
   */
  public record Quota(
      @Setting(
              "What makes a kind: SQL over the columns of pairs, scores' means and source, such as"
                  + " strategy or \"length(chosen) div 100\"")
          String by,
      @Setting("Most pairs of each kind, those of earlier runs included; at least 0") long most) {
    public Quota {
      check(by != null && !by.isBlank(), "Invalid by: blank (must be SQL)");
      check(most >= 0, "Invalid most: %s (must be at least 0)", most);
    }
  }
}

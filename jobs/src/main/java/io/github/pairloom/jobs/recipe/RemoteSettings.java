package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * How models behind HTTP are paid for. Nothing here shapes a row.
 *
 * @param cache whether their answers are kept
 * @param maxTokens most tokens, read and written, in all runs of the recipe on a warehouse; 0: any
 * @param maxCost most money, by the prices of the endpoints, likewise
 */
public record RemoteSettings(
    @Setting(
            value =
                "true: answers are kept in the warehouse's folder _response-cache, so that no"
                    + " question is paid for twice, in whatever run or recipe. The folder may be"
                    + " removed when no run is under way",
            defaults = "true")
        boolean cache,
    @Setting(
            value =
                "Most tokens, read and written, that models behind HTTP are paid for in all runs of"
                    + " the recipe (by its name) on a warehouse; the step stops before the batch"
                    + " that would go over; 0: no cap",
            defaults = "0")
        long maxTokens,
    @Setting(
            value =
                "Most that they cost, by the read-price and written-price of their endpoints,"
                    + " likewise; 0: no cap",
            defaults = "0.0")
        double maxCost)
    implements Serializable {
  /** What holds where a recipe says nothing. */
  public static final RemoteSettings DEFAULTS = new RemoteSettings(true, 0, 0);

  public RemoteSettings {
    check(maxTokens >= 0, "Invalid max-tokens: %s (must be at least 0)", maxTokens);
    check(maxCost >= 0, "Invalid max-cost: %s (must be at least 0)", maxCost);
  }

  /** Returns whether what answers cost is bounded. */
  public boolean isCapped() {
    return maxTokens > 0 || maxCost > 0;
  }
}

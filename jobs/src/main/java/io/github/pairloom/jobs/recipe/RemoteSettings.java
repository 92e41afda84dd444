package io.github.pairloom.jobs.recipe;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * How models behind HTTP are paid for. Nothing here shapes a row.
 *
 * @param cache whether their answers are kept
 */
public record RemoteSettings(
    @Setting(
            value =
                "true: answers are kept in the warehouse's folder _response-cache, so that no"
                    + " question is paid for twice, in whatever run or recipe. The folder may be"
                    + " removed when no run is under way",
            defaults = "true")
        boolean cache)
    implements Serializable {
  /** What holds where a recipe says nothing. */
  public static final RemoteSettings DEFAULTS = new RemoteSettings(true);
}

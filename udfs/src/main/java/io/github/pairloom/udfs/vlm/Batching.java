package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * How much a model works on at once. A matter of speed and memory alone: what it writes does not
 * depend on it.
 *
 * @param rows most continuations decoded together
 * @param tokens most tokens of one prefill, padding included
 * @param cacheMegabytes most memory of the key/value caches of the continuations under way
 * @param aheadMegabytes most memory of a task's decoded and encoded images that wait for their turn
 */
public record Batching(
    @Setting(value = "Most continuations decoded together, at least 1", defaults = "64") int rows,
    @Setting(
            value =
                "Most tokens of one prefill, padding included, at least 1; a longer sequence goes"
                    + " alone",
            defaults = "2048")
        int tokens,
    @Setting(
            value =
                "Most MiB of key/value caches of the continuations under way, at least 1; a run"
                    + " holds them twice for a moment",
            defaults = "1024")
        int cacheMegabytes,
    @Setting(
            value =
                "Most MiB of decoded and encoded images per task that wait for the model, at least"
                    + " 1; one image is always let in",
            defaults = "128")
        int aheadMegabytes)
    implements Serializable {
  /** What a recipe that says nothing gets. */
  public static final Batching DEFAULTS = new Batching(64, 2048, 1024, 128);

  public Batching {
    check(rows >= 1, "Invalid rows: %s (must be at least 1)", rows);
    check(tokens >= 1, "Invalid tokens: %s (must be at least 1)", tokens);
    check(cacheMegabytes >= 1, "Invalid cache-megabytes: %s (must be at least 1)", cacheMegabytes);
    check(aheadMegabytes >= 1, "Invalid ahead-megabytes: %s (must be at least 1)", aheadMegabytes);
  }
}

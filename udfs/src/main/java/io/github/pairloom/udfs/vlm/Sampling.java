package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;
import java.util.Map;
import java.util.TreeMap;

/**
 * How the next token is chosen.
 *
 * @param temperature 0: the most likely token; above: a draw from softmax(logits / temperature)
 * @param topP share of probability that the most likely tokens drawn from make up
 * @param maxNewTokens most tokens of one continuation
 */
public record Sampling(
    @Setting(
            value = "0: always the most likely token; above 0: draws, wilder as it grows",
            defaults = "0.7")
        double temperature,
    @Setting(
            value =
                "Draw from the most likely tokens that make up this share, in (0, 1]; 1: from all",
            defaults = "1.0")
        double topP,
    @Setting(value = "Most tokens of one continuation, at least 1", defaults = "256")
        int maxNewTokens)
    implements Serializable {
  /** The most likely token of each place that a strategy reads without writing. */
  public static final Sampling GREEDY_TOKEN = new Sampling(0, 1, 1);

  public Sampling {
    check(
        temperature >= 0 && temperature < 100,
        "Invalid temperature: %s (must be in [0, 100))",
        temperature);
    check(topP > 0 && topP <= 1, "Invalid top-p: %s (must be in (0, 1])", topP);
    check(maxNewTokens >= 1, "Invalid max-new-tokens: %s (must be at least 1)", maxNewTokens);
  }

  /** Returns whether no draws are made. */
  public boolean greedy() {
    return temperature == 0;
  }

  /** Returns whether only some of the tokens may be drawn. */
  boolean drawsFromNucleus() {
    return topP < 1 && !greedy();
  }

  /** Returns the settings by their recipe keys, for provenance. */
  public Map<String, String> asMap() {
    return new TreeMap<>(
        Map.of(
            "temperature", Double.toString(temperature),
            "top-p", Double.toString(topP),
            "max-new-tokens", Integer.toString(maxNewTokens)));
  }
}

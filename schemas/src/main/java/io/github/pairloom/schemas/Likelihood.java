package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;

import java.util.List;

/**
 * How likely a model holds a text after a prompt.
 *
 * @param logProb log-probability of the text in nats: the sum over its tokens
 * @param endLogProb log-probability in nats that the text ends there; not part of {@code logProb}
 * @param tokens tokens of the text, without an end token
 * @param tokenLogProbs log-probability of each token in nats; null where they were not asked for
 */
public record Likelihood(
    double logProb, double endLogProb, int tokens, List<Double> tokenLogProbs) {
  public Likelihood {
    // A NaN fails too.
    check(logProb <= 1e-3, "Invalid log_prob: %s (must be at most 0)", logProb);
    check(tokens >= 0, "Invalid tokens: %s", tokens);
    tokenLogProbs = tokenLogProbs == null ? null : List.copyOf(tokenLogProbs);
    check(
        tokenLogProbs == null || tokenLogProbs.size() == tokens,
        "Invalid token_log_probs: %s of %s tokens",
        tokenLogProbs == null ? 0 : tokenLogProbs.size(),
        tokens);
  }

  /**
   * Returns the mean log-probability of the tokens and the end, in nats; of the tokens alone if the
   * model has no end token.
   */
  public double perToken() {
    if (Double.isInfinite(endLogProb)) {
      return logProb / tokens;
    }
    return (logProb + endLogProb) / (tokens + 1);
  }
}

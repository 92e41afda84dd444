package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What a model makes of a response that it is given, token by token: how likely it holds each, and
 * what it would have put in its place. All after the tokens that stand there, whatever the model
 * itself would have written before (teacher forcing).
 */
public final class Reading {
  private final float[] logProbs;
  private final double endLogProb;
  private final int[] likeliest;

  Reading(float[] logProbs, double endLogProb, int[] likeliest) {
    check(
        logProbs.length == likeliest.length,
        "Invalid reading: %s log-probabilities, %s tokens",
        logProbs.length,
        likeliest.length);
    this.logProbs = logProbs;
    this.endLogProb = endLogProb;
    this.likeliest = likeliest;
  }

  /** Returns the number of tokens of the response. */
  public int tokens() {
    return logProbs.length;
  }

  /** Returns the log-probability of token {@code index} in nats, at temperature 1. */
  public float logProb(int index) {
    return logProbs[index];
  }

  /** Returns the log-probability of the response in nats: the sum over its tokens. */
  public double logProb() {
    return IntStream.range(0, logProbs.length).mapToDouble(i -> logProbs[i]).sum();
  }

  /**
   * Returns the log-probability, in nats, that the response ends where it does: that one of the
   * model's end tokens follows. Minus infinity if the model has none.
   */
  public double endLogProb() {
    return endLogProb;
  }

  /** Returns for each place the token that the model holds for the most likely one there. */
  public int[] likeliest() {
    return likeliest.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Reading that
        && Arrays.equals(logProbs, that.logProbs)
        && endLogProb == that.endLogProb
        && Arrays.equals(likeliest, that.likeliest);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(logProbs);
  }

  @Override
  public String toString() {
    return "Reading[%s tokens, %s nats, end %s]".formatted(tokens(), logProb(), endLogProb);
  }
}

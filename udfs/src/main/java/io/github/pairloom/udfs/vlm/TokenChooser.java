package io.github.pairloom.udfs.vlm;

import io.github.pairloom.udfs.KeyedRandom;
import java.util.Arrays;
import java.util.Optional;

/**
 * Chooses the next token. A function of the logits, the key and the token's position alone: the
 * same logits at the same position give the same token in any batch, retry or order.
 */
final class TokenChooser {
  /** Share by which the rounding of sums of probabilities may be off. */
  private static final double SUM_ERROR = 1e-5;

  /** Share by which a bound on draws may be off; a wider one lets in some that cannot win. */
  private static final double DRAW_ERROR = 1e-12;

  private final Sampling sampling;
  private final KeyedRandom key;

  /** {@link Choice#close()}, as a difference of scores. */
  private final double margin;

  /**
   * @param margin in logits, below which two tokens are close
   */
  TokenChooser(Sampling sampling, KeyedRandom key, double margin) {
    this.sampling = sampling;
    this.key = key;
    this.margin = sampling.greedy() ? margin : margin / sampling.temperature();
  }

  /**
   * Returns the token for {@code position}, the lowest id among equals.
   *
   * @param logits of the whole vocabulary
   * @param position of the token in the response, from 0
   */
  Choice choose(float[] logits, int position) {
    Race race = new Race(position);
    if (sampling.drawsFromNucleus()) {
      float floor = nucleusFloor(logits);
      for (int v = 0; v < logits.length; v++) {
        if (logits[v] >= floor) {
          race.enter(v, logits[v]);
        }
      }
    } else {
      race.enterAll(logits);
    }
    return race.winner();
  }

  /**
   * Returns the token for {@code position} as {@link #choose(float[], int)} would from the whole
   * row, or empty if its largest logits do not decide it.
   *
   * @param row of {@code top}
   * @param position of the token in the response, from 0
   */
  Optional<Choice> choose(TopLogits top, int row, int position) {
    int entrants = sampling.drawsFromNucleus() ? nucleusSize(top, row) : top.count();
    if (entrants == 0) {
      return Optional.empty();
    }
    Race race = new Race(position);
    for (int i = 0; i < entrants; i++) {
      race.enter(top.token(row, i), top.value(row, i));
    }
    boolean decided =
        sampling.greedy() || sampling.drawsFromNucleus() || !race.isOpenBelow(top, row);
    return decided ? Optional.of(race.winner()) : Optional.empty();
  }

  /** Tokens that compete for a position: the highest score wins. */
  private final class Race {
    private final KeyedRandom draws;
    private int best = -1;
    private double bestScore = Double.NEGATIVE_INFINITY;
    private double second = Double.NEGATIVE_INFINITY;

    Race(int position) {
      draws = key.with(position);
    }

    void enter(int token, float logit) {
      double score =
          sampling.greedy() ? logit : logit / sampling.temperature() + draws.gumbel(token);
      if (score > bestScore || (score == bestScore && token < best)) {
        second = bestScore;
        bestScore = score;
        best = token;
      } else if (score > second) {
        second = score;
      }
    }

    /** Enters a whole row, without drawing for tokens that cannot win. */
    void enterAll(float[] logits) {
      int first = 0;
      int next = -1;
      float firstLogit = logits[0];
      float nextLogit = Float.NEGATIVE_INFINITY;
      for (int v = 1; v < logits.length; v++) {
        float logit = logits[v];
        // Of one that is larger than neither there is nothing to keep, and most are.
        if (logit > nextLogit) {
          if (logit > firstLogit) {
            next = first;
            nextLogit = firstLogit;
            first = v;
            firstLogit = logit;
          } else {
            next = v;
            nextLogit = logit;
          }
        }
      }
      enter(first, firstLogit);
      if (next >= 0) {
        enter(next, nextLogit);
      }
      if (sampling.greedy()) {
        return;
      }
      double bound = leastDraw(nextLogit);
      for (int v = 0; v < logits.length; v++) {
        if (draws.uniform(v) >= bound && v != first && v != next) {
          enter(v, logits[v]);
          bound = leastDraw(nextLogit);
        }
      }
    }

    /** Returns whether a token that is not among the row's largest might win or come close. */
    boolean isOpenBelow(TopLogits top, int row) {
      if (top.count() == top.vocabulary()) {
        return false;
      }
      double bound = leastDraw(top.value(row, top.count() - 1));
      for (int v = 0; v < top.vocabulary(); v++) {
        if (draws.uniform(v) >= bound && !top.contains(row, v)) {
          return true;
        }
      }
      return false;
    }

    /**
     * Returns the least uniform draw with which a token of at most {@code logit} may win or come
     * close to the best so far: Gumbel noise need not be computed for those below.
     */
    private double leastDraw(float logit) {
      double needed = bestScore - margin - logit / sampling.temperature();
      return sampling.greedy() ? 2 : Math.exp(-Math.exp(-needed)) * (1 - DRAW_ERROR);
    }

    Choice winner() {
      return new Choice(best, bestScore - second < margin);
    }
  }

  /**
   * Returns the logit of the least likely token of the nucleus: the most likely tokens, up to and
   * with the one that reaches top-p (Holtzman et al., ICLR 2020, section 3.1).
   */
  private float nucleusFloor(float[] logits) {
    float[] sorted = logits.clone();
    Arrays.sort(sorted);
    double max = sorted[sorted.length - 1];
    double total = 0;
    for (float logit : logits) {
      total += probability(logit, max);
    }
    double sum = 0;
    for (int i = sorted.length - 1; i > 0; i--) {
      sum += probability(sorted[i], max);
      if (sum >= sampling.topP() * total) {
        return sorted[i];
      }
    }
    return sorted[0];
  }

  /**
   * Returns how many of the largest logits are the nucleus; 0 if that cannot be said, because it
   * reaches beyond them or because rounding decides where it ends.
   */
  private int nucleusSize(TopLogits top, int row) {
    double sum = 0;
    for (int i = 0; i < top.count(); i++) {
      sum += Math.exp(top.value(row, i) / sampling.temperature() - top.logSum(row));
      if (Math.abs(sum - sampling.topP()) < SUM_ERROR) {
        return 0;
      }
      if (sum > sampling.topP()) {
        boolean tied = i + 1 == top.count() || top.value(row, i + 1) == top.value(row, i);
        return tied && top.count() < top.vocabulary() ? 0 : i + 1;
      }
    }
    return 0;
  }

  private double probability(float logit, double max) {
    return Math.exp((logit - max) / sampling.temperature());
  }
}

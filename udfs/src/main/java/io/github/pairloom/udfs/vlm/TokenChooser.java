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
      Nucleus nucleus = nucleus(logits);
      race.certain = nucleus.certain;
      for (int v = 0; v < logits.length; v++) {
        if (logits[v] >= nucleus.least) {
          race.enter(v, logits[v]);
        } else if (logits[v] >= nucleus.possible) {
          race.doubt(v, logits[v]);
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
    Race race = new Race(position);
    if (sampling.drawsFromNucleus()) {
      Optional<Nucleus> nucleus = nucleus(top, row);
      nucleus.ifPresent(
          bounds -> {
            race.certain = bounds.certain;
            for (int i = 0; i < top.count() && top.value(row, i) >= bounds.possible; i++) {
              if (top.value(row, i) >= bounds.least) {
                race.enter(top.token(row, i), top.value(row, i));
              } else {
                race.doubt(top.token(row, i), top.value(row, i));
              }
            }
          });
      return nucleus.map(bounds -> race.winner());
    }
    for (int i = 0; i < top.count(); i++) {
      race.enter(top.token(row, i), top.value(row, i));
    }
    boolean decided = sampling.greedy() || !race.isOpenBelow(top, row);
    return decided ? Optional.of(race.winner()) : Optional.empty();
  }

  /** Tokens that compete for a position: the highest score wins. */
  private final class Race {
    private final KeyedRandom draws;
    private int best = -1;
    private double bestScore = Double.NEGATIVE_INFINITY;
    private double second = Double.NEGATIVE_INFINITY;
    private float bestLogit;

    /** Best score of those that compete only if rounding lets them. */
    private double doubted = Double.NEGATIVE_INFINITY;

    /** Least logit of those that compete whatever rounding does. */
    private float certain = Float.NEGATIVE_INFINITY;

    Race(int position) {
      draws = key.with(position);
    }

    void enter(int token, float logit) {
      double score = score(token, logit);
      if (score > bestScore || (score == bestScore && token < best)) {
        second = bestScore;
        bestScore = score;
        best = token;
        bestLogit = logit;
      } else if (score > second) {
        second = score;
      }
    }

    /**
     * Takes note of a token that is outside of the nucleus, but so close that it might be in it.
     */
    void doubt(int token, float logit) {
      doubted = Math.max(doubted, score(token, logit));
    }

    private double score(int token, float logit) {
      return sampling.greedy() ? logit : logit / sampling.temperature() + draws.gumbel(token);
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
      return new Choice(
          best, bestScore - Math.max(second, doubted) < margin || bestLogit < certain);
    }
  }

  /**
   * Where the nucleus ends: the most likely tokens, up to and with the one that reaches top-p
   * (Holtzman et al., ICLR 2020, section 3.1).
   *
   * @param least logit in it
   * @param certain logit from which on tokens are in it however rounding moves them and others
   * @param possible logit below which none is in it, however it does
   */
  private record Nucleus(float least, float certain, float possible) {}

  private Nucleus nucleus(float[] logits) {
    float[] falling = logits.clone();
    Arrays.sort(falling);
    for (int i = 0, j = falling.length - 1; i < j; i++, j--) {
      float low = falling[i];
      falling[i] = falling[j];
      falling[j] = low;
    }
    double[] shares = new double[falling.length];
    double total = 0;
    for (float logit : logits) {
      total += probability(logit, falling[0]);
    }
    for (int i = 0; i < shares.length; i++) {
      shares[i] = probability(falling[i], falling[0]) / total;
    }
    return nucleus(falling, shares, true).orElseThrow();
  }

  /** Returns nothing if the largest logits do not tell, or the rounding of sums decides. */
  private Optional<Nucleus> nucleus(TopLogits top, int row) {
    float[] falling = new float[top.count()];
    double[] shares = new double[top.count()];
    for (int i = 0; i < falling.length; i++) {
      falling[i] = top.value(row, i);
      shares[i] = Math.exp(falling[i] / sampling.temperature() - top.logSum(row));
    }
    return nucleus(falling, shares, top.count() == top.vocabulary());
  }

  /**
   * @param falling the largest logits, in falling order
   * @param shares their probabilities
   * @param all whether there are no others
   */
  private Optional<Nucleus> nucleus(float[] falling, double[] shares, boolean all) {
    double error = all ? 0 : SUM_ERROR;
    double[] sums = new double[shares.length + 1];
    for (int i = 0; i < shares.length; i++) {
      sums[i + 1] = sums[i] + shares[i];
    }
    int last = 0;
    while (last < shares.length - 1 && sums[last + 1] < sampling.topP()) {
      last++;
    }
    boolean told = all || sums[last + 1] >= sampling.topP();
    boolean exact = error == 0 || (isClear(sums[last], error) && isClear(sums[last + 1], error));
    float certain = Float.POSITIVE_INFINITY;
    int near = 0;
    for (int i = 0; i <= last && told && exact; i++) {
      while (near < falling.length
          && (falling[i] - falling[near]) / sampling.temperature() <= margin) {
        near++;
      }
      told = all || near < falling.length;
      double most = moved(sums[near] - shares[i], margin);
      exact = error == 0 || isClear(most, error);
      if (most >= sampling.topP()) {
        break;
      }
      certain = falling[i];
    }
    float possible = falling[last];
    int ahead = 0;
    for (int i = last + 1; told && exact; i++) {
      if (i == falling.length) {
        told = all;
        break;
      }
      while ((falling[ahead] - falling[i]) / sampling.temperature() > margin) {
        ahead++;
      }
      double least = moved(sums[ahead], -margin);
      // Equals of the last one are in the nucleus with it.
      boolean in = falling[i] == falling[last] || least < sampling.topP();
      exact = error == 0 || falling[i] == falling[last] || isClear(least, error);
      if (!in) {
        break;
      }
      possible = falling[i];
    }
    return told && exact
        ? Optional.of(new Nucleus(falling[last], certain, possible))
        : Optional.empty();
  }

  private boolean isClear(double sum, double error) {
    return Math.abs(sum - sampling.topP()) >= error;
  }

  /** Returns the share of some tokens once their odds against all others have moved by a factor. */
  private static double moved(double share, double logOfFactor) {
    double kept = Math.min(1, Math.max(0, share));
    double odds = kept * Math.exp(logOfFactor);
    return odds / (odds + 1 - kept);
  }

  private double probability(float logit, double max) {
    return Math.exp((logit - max) / sampling.temperature());
  }
}

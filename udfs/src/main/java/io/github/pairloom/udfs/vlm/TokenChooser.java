package io.github.pairloom.udfs.vlm;

import io.github.pairloom.udfs.KeyedRandom;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Chooses the next token. A function of the logits, the key and the token's position alone: the
 * same logits at the same position give the same token in any batch, retry or order.
 */
final class TokenChooser {
  private final Sampling sampling;
  private final KeyedRandom key;

  TokenChooser(Sampling sampling, KeyedRandom key) {
    this.sampling = sampling;
    this.key = key;
  }

  /**
   * Returns the token for {@code position}, the lowest id among equals.
   *
   * @param logits of the whole vocabulary
   * @param position of the token in the response, from 0
   */
  int choose(float[] logits, int position) {
    if (sampling.greedy()) {
      return argmax(logits);
    }
    KeyedRandom draws = key.with(position);
    float floor = sampling.topP() < 1 ? nucleusFloor(logits) : Float.NEGATIVE_INFINITY;
    int best = -1;
    double bestScore = Double.NEGATIVE_INFINITY;
    for (int v = 0; v < logits.length; v++) {
      if (logits[v] >= floor) {
        double score = logits[v] / sampling.temperature() + draws.gumbel(v);
        if (score > bestScore) {
          bestScore = score;
          best = v;
        }
      }
    }
    return best;
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int v = 1; v < logits.length; v++) {
      if (logits[v] > logits[best]) {
        best = v;
      }
    }
    return best;
  }

  /**
   * Returns the logit of the least likely token of the nucleus: the most likely tokens, up to and
   * with the one that reaches top-p (Holtzman et al., ICLR 2020, section 3.1).
   */
  private float nucleusFloor(float[] logits) {
    int[] order =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer v) -> -logits[v]))
            .mapToInt(Integer::intValue)
            .toArray();
    double max = logits[order[0]];
    double total = 0;
    for (float logit : logits) {
      total += Math.exp((logit - max) / sampling.temperature());
    }
    double sum = 0;
    for (int v : order) {
      sum += Math.exp((logits[v] - max) / sampling.temperature());
      if (sum >= sampling.topP() * total) {
        return logits[v];
      }
    }
    return logits[order[order.length - 1]];
  }
}

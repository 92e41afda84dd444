package io.github.pairloom.udfs.vlm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.KeyedRandom;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TestTokenChooser {
  private static final float[] LOGITS = {1f, 3f, 2f, 3f, -50f};
  private static final int DRAWS = 50_000;

  @Test
  void greedyTakesTheMostLikelyTokenAndTheLowestIdAmongEquals() {
    assertEquals(1, chooser(0, 1).choose(LOGITS, 9).token());
  }

  @Test
  void drawsFollowTheSoftmaxAtTheTemperature() {
    double temperature = 0.7;
    int[] counts = draw(chooser(temperature, 1));
    double total = 0;
    for (float logit : LOGITS) {
      total += Math.exp(logit / temperature);
    }
    for (int v = 0; v < LOGITS.length; v++) {
      assertEquals(Math.exp(LOGITS[v] / temperature) / total, counts[v] / (double) DRAWS, 0.01);
    }
  }

  @Test
  void topPDrawsOnlyFromTheNucleus() {
    // At temperature 1 the two likeliest tokens have 0.40 each, the third 0.15.
    int[] counts = draw(chooser(1, 0.7));
    assertEquals(DRAWS, counts[1] + counts[3]);
    assertEquals(0.5, counts[1] / (double) DRAWS, 0.01);
    counts = draw(chooser(1, 0.9));
    assertTrue(counts[2] > 0);
    assertEquals(0, counts[0] + counts[4]);
  }

  @Test
  void theSamePositionGivesTheSameToken() {
    TokenChooser chooser = chooser(1, 1);
    int first = chooser.choose(LOGITS, 5).token();
    draw(chooser);
    assertEquals(first, chooser.choose(LOGITS.clone(), 5).token());
  }

  @Test
  void theLargestLogitsDecideAsTheWholeRowWouldOrSayThatTheyDoNot() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    KeyedRandom draws = KeyedRandom.of(seed);
    int decided = 0;
    int undecided = 0;
    int close = 0;
    for (int i = 0; i < 4000; i++) {
      KeyedRandom row = draws.with(i);
      // From rows with one likely token to rows where all are alike.
      double spread = 8 * row.uniform(-1);
      float[] logits = new float[200];
      for (int v = 0; v < logits.length; v++) {
        logits[v] = (float) (spread * row.gaussian(v));
      }
      double temperature = i % 5 == 0 ? 0 : 2 * row.uniform(-2) + 0.01;
      double topP = i % 3 == 0 ? 0.5 + row.uniform(-3) / 2 : 1;
      KeyedRandom key = row.with("chooser");
      // Wide, so that many are close.
      double margin = i % 2 == 0 ? 0.2 : 1e-4;
      TokenChooser chooser = new TokenChooser(new Sampling(temperature, topP, 10), key, margin);
      Choice whole = chooser.choose(logits, i);
      if (topP == 1) {
        assertEquals(
            byAllScores(logits, temperature, key.with(i), margin),
            whole,
            "row " + i + ", rerun with -Dtests.seed=" + seed);
        close += whole.close() ? 1 : 0;
      }
      Optional<Choice> top = chooser.choose(top(logits, 16, temperature), 0, i);
      if (top.isPresent()) {
        assertEquals(whole, top.get(), "row " + i + ", rerun with -Dtests.seed=" + seed);
        decided++;
      } else {
        undecided++;
      }
    }
    assertTrue(decided > 1000 && undecided > 100, decided + " decided, " + undecided + " not");
    assertTrue(close > 100, close + " close");
  }

  @Test
  void whatIsNotCloseStaysTheSameHoweverRoundingMovesLogitsWithinTheMargin() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    KeyedRandom draws = KeyedRandom.of(seed);
    double margin = 0.05;
    int sure = 0;
    int moved = 0;
    for (int i = 0; i < 20_000; i++) {
      KeyedRandom row = draws.with(i);
      float[] one = new float[30];
      float[] other = new float[30];
      for (int v = 0; v < one.length; v++) {
        one[v] = (float) (2 * row.gaussian(v));
        // Differences of two move by no more than the margin.
        other[v] = (float) (one[v] + margin * (row.uniform(100 + v) - 0.5));
      }
      Sampling sampling =
          new Sampling(0.3 + row.uniform(-1), i % 4 == 0 ? 1 : 0.5 + row.uniform(-2) / 2, 10);
      TokenChooser chooser = new TokenChooser(sampling, row.with("chooser"), margin);
      Choice first = chooser.choose(one, i);
      boolean same = first.token() == chooser.choose(other, i).token();
      if (!first.close()) {
        sure++;
        assertTrue(same, "row " + i + ", rerun with -Dtests.seed=" + seed);
      }
      moved += same ? 0 : 1;
    }
    assertTrue(sure > 14_000 && moved > 50, sure + " sure, " + moved + " moved");
  }

  /** Scores every token and looks at all of them. */
  private static Choice byAllScores(
      float[] logits, double temperature, KeyedRandom draws, double margin) {
    double divisor = temperature == 0 ? 1 : temperature;
    double[] scores =
        IntStream.range(0, logits.length)
            .mapToDouble(v -> logits[v] / divisor + (temperature == 0 ? 0 : draws.gumbel(v)))
            .toArray();
    int best = 0;
    for (int v = 1; v < scores.length; v++) {
      best = scores[v] > scores[best] ? v : best;
    }
    int winner = best;
    boolean close =
        IntStream.range(0, scores.length)
            .anyMatch(v -> v != winner && scores[winner] - scores[v] < margin / divisor);
    return new Choice(winner, close);
  }

  private static TopLogits top(float[] logits, int count, double temperature) {
    int[] order =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(Comparator.comparingDouble(v -> -logits[v]))
            .mapToInt(Integer::intValue)
            .toArray();
    float[] values = new float[count];
    long[] tokens = new long[count];
    for (int i = 0; i < count; i++) {
      values[i] = logits[order[i]];
      tokens[i] = order[i];
    }
    double divisor = temperature == 0 ? 1 : temperature;
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((logit - values[0]) / divisor);
    }
    float logSum = (float) (values[0] / divisor + Math.log(sum));
    return new TopLogits(values, tokens, new float[] {logSum}, count, logits.length);
  }

  private static TokenChooser chooser(double temperature, double topP) {
    return new TokenChooser(
        new Sampling(temperature, topP, 10), KeyedRandom.of(11).with("chooser"), 1e-4);
  }

  private static int[] draw(TokenChooser chooser) {
    int[] counts = new int[LOGITS.length];
    for (int position = 0; position < DRAWS; position++) {
      counts[chooser.choose(LOGITS, position).token()]++;
    }
    return counts;
  }
}

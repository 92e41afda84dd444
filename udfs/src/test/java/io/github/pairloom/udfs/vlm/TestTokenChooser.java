package io.github.pairloom.udfs.vlm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.KeyedRandom;
import org.junit.jupiter.api.Test;

class TestTokenChooser {
  private static final float[] LOGITS = {1f, 3f, 2f, 3f, -50f};
  private static final int DRAWS = 50_000;

  @Test
  void greedyTakesTheMostLikelyTokenAndTheLowestIdAmongEquals() {
    assertEquals(1, chooser(0, 1).choose(LOGITS, 9));
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
    int first = chooser.choose(LOGITS, 5);
    draw(chooser);
    assertEquals(first, chooser.choose(LOGITS.clone(), 5));
  }

  private static TokenChooser chooser(double temperature, double topP) {
    return new TokenChooser(
        new Sampling(temperature, topP, 10), KeyedRandom.of(11).with("chooser"));
  }

  private static int[] draw(TokenChooser chooser) {
    int[] counts = new int[LOGITS.length];
    for (int position = 0; position < DRAWS; position++) {
      counts[chooser.choose(LOGITS, position)]++;
    }
    return counts;
  }
}

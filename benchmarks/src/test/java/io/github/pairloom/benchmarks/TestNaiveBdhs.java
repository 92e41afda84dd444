package io.github.pairloom.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.strategy.BdhsNoise;
import io.github.pairloom.udfs.strategy.Rejection;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Sampling;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The strategies against BDHS to the letter, on the demo model. */
class TestNaiveBdhs {
  /**
   * Two tokens nearer than this in logits tie: masked and left-out image tokens, or other orders of
   * summation, may choose either. As large as the masking benchmark allows logits to differ.
   */
  private static final double TIE = 1e-4;

  private static final long SEED = 2407;
  private static final List<DemoSet.Sample> SAMPLES = DemoSet.samples(20);

  private Workbench bench;
  private NaiveBdhs naive;
  private Similarity similarity;

  @BeforeEach
  void open() {
    bench = new Workbench(ExecutorModels.open(DemoSet.model()), EngineBenchmark.similarity());
    naive = NaiveBdhs.open(Path.of(DemoSet.model().path()));
    similarity = EngineBenchmark.similarity();
  }

  @AfterEach
  void close() {
    similarity.close();
    naive.close();
    bench.close();
  }

  @Test
  void maskedImagesGiveTheTextOfTheAlgorithmToTheLetter() {
    for (double temperature : new double[] {0, 0.7}) {
      for (double rate : new double[] {0.5, 0.99, 1}) {
        Bdhs bdhs = bdhs(temperature);
        assertSame(new BdhsAttention(rate, bdhs), new Blindfold.Mask(rate), bdhs);
      }
    }
  }

  @Test
  void noisyImagesGiveTheTextOfTheAlgorithmToTheLetter() {
    for (double temperature : new double[] {0, 0.7}) {
      Bdhs bdhs = bdhs(temperature);
      assertSame(new BdhsNoise(500, bdhs), new Blindfold.Noise(500), bdhs);
    }
  }

  @Test
  void generationAloneWritesTheSameDrafts() {
    Bdhs bdhs = bdhs(0.7);
    Blindfold blindfold = new Blindfold.Mask(0.99);
    for (DemoSet.Sample sample : SAMPLES) {
      NaiveBdhs.Result gated = naive.reject(row(sample), blindfold, bdhs, similarity);
      NaiveBdhs.Result alone = naive.generate(row(sample), blindfold, bdhs, gated.iteration());
      assertEquals(
          gated.drafts().stream().map(NaiveBdhs.Draft::text).toList(),
          alone.drafts().stream().map(NaiveBdhs.Draft::text).toList());
      assertEquals(gated.prefilled(), alone.prefilled());
      assertEquals(gated.decoded(), alone.decoded());
    }
  }

  @Test
  void everyCallIsFedTheWholeImage() {
    DemoSet.Sample sample = SAMPLES.get(0);
    int imageTokens = naive.model().imageTokens(naive.preprocess(sample.image()));
    NaiveBdhs.Result result =
        naive.generate(row(sample), new Blindfold.Mask(1), bdhs(0), bdhs(0).iterations());
    long calls =
        result.drafts().stream()
            .flatMap(draft -> draft.passages().stream())
            .filter(passage -> Double.isFinite(passage.gap()))
            .count();
    assertTrue(calls > 0 && result.prefilled() > calls * imageTokens, result::toString);
  }

  @Test
  void aDifferenceIsTracedToTheGapsBeforeIt() {
    NaiveBdhs.Draft draft =
        new NaiveBdhs.Draft(
            "A cat. A dog.",
            0.5,
            List.of(
                new NaiveBdhs.Passage(" A cat.", false, 0.3),
                new NaiveBdhs.Passage(" A dog.", false, 0.1)));
    assertEquals(Double.POSITIVE_INFINITY, draft.gapBefore("A cat. A dog."));
    assertEquals(0.3, draft.gapBefore("A cup. A dog."));
    assertEquals(0.1, draft.gapBefore("A cat. A hat."));
    assertEquals(0.1, draft.gapBefore("A cat."));
  }

  private static Bdhs bdhs(double temperature) {
    return new Bdhs(5, 0.97, 0.5, new Sampling(temperature, 1, 90));
  }

  private void assertSame(RejectionStrategy strategy, Blindfold blindfold, Bdhs bdhs) {
    List<Rejection> rejections = EngineRun.reject(strategy, SAMPLES, bench, SEED);
    for (int i = 0; i < SAMPLES.size(); i++) {
      DemoSet.Sample sample = SAMPLES.get(i);
      Rejection ours = rejections.get(i);
      NaiveBdhs.Result theirs = naive.reject(row(sample), blindfold, bdhs, similarity);
      String message =
          "%s, scene %s, %s".formatted(strategy.parameters(), sample.id(), sample.prompt());
      double gap = theirs.gapBefore(ours.text(), ours.iteration());
      if (gap < TIE) {
        System.out.printf("Tie, %s apart: %s%n", gap, message);
      } else {
        assertEquals(theirs.text(), ours.text(), message);
        assertEquals(theirs.iteration(), ours.iteration(), message);
        assertEquals(theirs.last().similarity(), ours.similarity(), message);
        assertEquals(theirs.last().cutOff(), ours.cutOff(), message);
      }
    }
  }

  private NaiveBdhs.Row row(DemoSet.Sample sample) {
    return new NaiveBdhs.Row(
        naive.preprocess(sample.image()),
        List.of(),
        sample.prompt(),
        sample.response(),
        EngineRun.key(sample, SEED));
  }
}

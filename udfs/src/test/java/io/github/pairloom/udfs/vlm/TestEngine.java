package io.github.pairloom.udfs.vlm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.onnxruntime.OrtException;
import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.text.ChatMessage;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TestEngine {
  private static final int PASSAGES = 40;
  private static final Batching BATCHING = Batching.DEFAULTS;
  private static final long SEED = Long.getLong("tests.seed", System.nanoTime());
  private static OnnxWeights weights;
  private static List<Passage> passages;
  private static List<List<Generation>> expected;

  /** The demo model's decoder, in the way of which something can be put. */
  private abstract static class DecoderInTheWay implements Decoder {
    abstract void before(DecoderBatch batch) throws OrtException;

    @Override
    public Output run(DecoderBatch batch, Caches past, int logitsToKeep) throws OrtException {
      before(batch);
      return weights.decoder.run(batch, past, logitsToKeep);
    }

    @Override
    public boolean takesPositions() {
      return true;
    }

    @Override
    public int heads() {
      return weights.decoder.heads();
    }

    @Override
    public long cacheBytesPerToken() {
      return weights.decoder.cacheBytesPerToken();
    }
  }

  @BeforeAll
  static void load() {
    weights = OnnxWeights.load(DemoFiles.model(), Device.cpu(), 1);
    System.out.println("tests.seed = " + SEED);
    passages = IntStream.range(0, PASSAGES).mapToObj(TestEngine::passage).toList();
    expected = passages.stream().flatMap(p -> run(List.of(p), BATCHING).stream()).toList();
  }

  @AfterAll
  static void close() {
    weights.close();
  }

  @Test
  void whatIsWrittenDoesNotDependOnTheBatches() {
    for (Batching batching :
        List.of(
            BATCHING,
            new Batching(1, 1, 512, 128),
            new Batching(3, 100, 512, 128),
            new Batching(500, 100_000, 512, 128),
            new Batching(32, 1024, 1, 128))) {
      assertEquals(expected, run(passages, batching), batching + ", seed " + SEED);
    }
    List<Passage> backwards = new ArrayList<>(passages);
    Collections.reverse(backwards);
    List<List<Generation>> written = run(backwards, BATCHING);
    Collections.reverse(written);
    assertEquals(expected, written, "seed " + SEED);
  }

  @Test
  void aDraftChangesNothing() {
    List<Passage> bare =
        passages.stream()
            .map(p -> p.with(p.cuts().stream().map(Cut::withoutDraft).toList()))
            .toList();
    ModelMetrics metrics = new ModelMetrics();
    assertEquals(expected, run(bare, weights.decoder, weights.capabilities, BATCHING, metrics));
    long decoded = metrics.sum(Figure.TOKENS_DECODED);
    run(passages, weights.decoder, weights.capabilities, BATCHING, metrics);
    assertTrue(metrics.sum(Figure.TOKENS_DECODED) - decoded < decoded, "drafts save decoding");
  }

  @Test
  void maskingInsteadOfLeavingOutChangesNothing() {
    assertEquals(
        expected,
        run(
            passages,
            weights.decoder,
            weights.capabilities.withoutGaps(),
            BATCHING,
            new ModelMetrics()));
  }

  @Test
  void logitsInTheRuntimesMemoryAsThoseOfALargeVocabularyGiveTheSameOutcome() throws OrtException {
    Path graph = Path.of(DemoFiles.model().path(), "onnx", "decoder_model_merged.onnx");
    for (int smallVocabulary : new int[] {0, 540}) {
      try (OnnxDecoder decoder = OnnxDecoder.open(graph, Device.cpu(), 1, smallVocabulary)) {
        DecoderBatch batch = new DecoderBatch();
        assertEquals(
            smallVocabulary == 0, sharesNothing(decoder, batch), "limit " + smallVocabulary);
        assertEquals(
            expected,
            run(passages, decoder, weights.capabilities, BATCHING, new ModelMetrics()),
            "seed " + SEED);
      }
    }
  }

  /** Runs one token; returns whether its logits are out of Java's reach. */
  private static boolean sharesNothing(OnnxDecoder decoder, DecoderBatch batch)
      throws OrtException {
    batch.reset(1, 1, 0, weights.embeddings.width());
    batch.embeddings().put(weights.embeddings.of(5)[0]);
    batch.positions().put(0);
    batch.mask().put(1);
    try (Decoder.Output output = decoder.run(batch, null, 1)) {
      return output.inJava() == null;
    }
  }

  @Test
  void aModelThatCannotBePaddedIsRunOneByOneWithTheSameOutcome() {
    Capabilities all = weights.capabilities;
    Capabilities unpadded = new Capabilities(all.masks(), all.gaps(), false, all.rounding());
    Decoder strict =
        new DecoderInTheWay() {
          @Override
          void before(DecoderBatch batch) {
            for (int i = 0; i < batch.mask().limit(); i++) {
              assertEquals(1, batch.mask().get(i), "nothing is padded or masked");
            }
          }
        };
    assertEquals(expected, run(passages, strict, unpadded, BATCHING, new ModelMetrics()));
  }

  @Test
  void whenMemoryIsShortBatchesAreHalvedAndTheOutcomeIsTheSame() {
    Decoder narrow =
        new DecoderInTheWay() {
          @Override
          void before(DecoderBatch batch) throws OrtException {
            if (batch.rows() > 3) {
              throw new OrtException("Failed to allocate memory for requested buffer of size 42");
            }
          }
        };
    ModelMetrics metrics = new ModelMetrics();
    assertEquals(expected, run(passages, narrow, weights.capabilities, BATCHING, metrics));
    assertTrue(metrics.sum(Figure.BATCHES_HALVED) > 0);
  }

  @Test
  void whoFailsOnlyForMemoryThatOthersHoldWaitsForIt() {
    Passage first = passages.get(0).with(List.of(Cut.free(KeyedRandom.of(1))));
    Passage second = passages.get(1).with(List.of(Cut.free(KeyedRandom.of(2))));
    List<Generation> alone = run(List.of(second), BATCHING).get(0);
    Reading readAlone;
    try (Engine engine = new Engine(weights, BATCHING, new ModelMetrics())) {
      CompletableFuture<List<Reading>> read = read(engine, first);
      finish(engine);
      readAlone = read.join().get(0);
    }
    AtomicReference<CompletableFuture<?>> holder = new AtomicReference<>();
    AtomicInteger refused = new AtomicInteger();
    Decoder crowded =
        new DecoderInTheWay() {
          @Override
          void before(DecoderBatch batch) {}

          @Override
          public Output run(DecoderBatch batch, Caches past, int logitsToKeep) throws OrtException {
            if (past == null && holder.get() != null && !holder.get().isDone()) {
              refused.incrementAndGet();
              throw new OrtException("Failed to allocate memory for requested buffer of size 42");
            }
            return super.run(batch, past, logitsToKeep);
          }
        };
    ModelMetrics metrics = new ModelMetrics();
    try (Engine engine = new Engine(weights, crowded, weights.capabilities, BATCHING, metrics)) {
      CompletableFuture<List<Generation>> holds = hand(engine, first);
      engine.work();
      holder.set(holds);
      CompletableFuture<List<Generation>> written = hand(engine, second);
      engine.work();
      CompletableFuture<List<Reading>> read = read(engine, first);
      finish(engine);
      assertTrue(refused.get() >= 2, refused + " refused");
      assertEquals(alone, written.join());
      assertEquals(readAlone, read.join().get(0));
      assertEquals(0, metrics.sum(Figure.BATCHES_HALVED), "one was never too many");
    }
  }

  private static CompletableFuture<List<Reading>> read(Engine engine, Passage passage) {
    CompletableFuture<List<Reading>> result = new CompletableFuture<>();
    int[] response = weights.promptEncoder.encodeResponse("A boat.").ids();
    engine.read(passage.prompt(), passage.view(), List.of(response), result);
    return result;
  }

  @Test
  void aSequenceThatFailsFailsAlone() {
    // One passage has a token that no other has; whatever runs with it fails.
    int poison = weights.tokenizer.idOf("!").orElseThrow();
    float[] marker = weights.embeddings.of(poison)[0];
    Decoder picky =
        new DecoderInTheWay() {
          @Override
          void before(DecoderBatch batch) throws OrtException {
            if (contains(batch.embeddings(), marker)) {
              throw new OrtException("Non-zero status code returned while running a node");
            }
          }
        };
    Passage bad =
        passages.get(7).with(List.of(Cut.ofSentence(new int[] {poison}, 1, "", KeyedRandom.of(1))));
    ModelMetrics metrics = new ModelMetrics();
    Engine engine = new Engine(weights, picky, weights.capabilities, BATCHING, metrics);
    try (engine) {
      List<CompletableFuture<List<Generation>>> results = new ArrayList<>();
      for (int i = 0; i < passages.size(); i++) {
        results.add(hand(engine, i == 7 ? bad : passages.get(i)));
      }
      finish(engine);
      for (int i = 0; i < passages.size(); i++) {
        CompletableFuture<List<Generation>> result = results.get(i);
        if (i == 7) {
          CompletionException e = assertThrows(CompletionException.class, result::join);
          assertTrue(e.getCause() instanceof ModelException, e.toString());
          assertTrue(e.getMessage().contains("Non-zero status code"), e.getMessage());
        } else {
          assertEquals(expected.get(i), result.join(), "passage " + i);
        }
      }
    }
  }

  @Test
  void aModelThatIsClosedTakesItsWorkAlongAndOthersOfTheLaneGoOn() {
    ModelMetrics alone = new ModelMetrics();
    assertEquals(
        expected.get(0),
        run(passages.subList(0, 1), weights.decoder, weights.capabilities, BATCHING, alone).get(0));
    ModelMetrics metrics = new ModelMetrics();
    try (Engine engine = new Engine(weights, BATCHING, metrics)) {
      List<CompletableFuture<List<Generation>>> results =
          passages.stream().map(passage -> hand(engine, passage)).toList();
      engine.work();
      results.subList(1, results.size()).forEach(result -> result.cancel(false));
      engine.leaveOut();
      finish(engine);
      assertEquals(expected.get(0), results.get(0).join());
      assertEquals(alone.sum(Figure.TOKENS_DECODED), metrics.sum(Figure.TOKENS_DECODED));
    }
    try (Lane lane = new Lane(new Engine(weights, BATCHING, metrics), metrics, "shared")) {
      VisionLanguageModel killed = OnnxVisionLanguageModel.on(lane, weights, () -> {});
      VisionLanguageModel other = OnnxVisionLanguageModel.on(lane, weights, () -> {});
      List<CompletableFuture<List<Generation>>> taken =
          passages.stream().map(killed::complete).toList();
      CompletableFuture<List<Generation>> result = other.complete(passages.get(0));
      // As Spark does to a task that it kills.
      Thread.currentThread().interrupt();
      killed.close();
      assertTrue(Thread.interrupted(), "it is told");
      assertTrue(taken.stream().allMatch(CompletableFuture::isDone), "some is still under way");
      // All that was handed in, and after it that this is taken back: no run has a part of it.
      assertEquals(passages.size() + 2, metrics.sum(Figure.REQUESTS));
      assertEquals(expected.get(0), other.await(result));
      other.close();
    }
  }

  @Test
  void whatIsUnderWayFailsWhenTheEngineIsClosed() {
    Engine engine = new Engine(weights, BATCHING, new ModelMetrics());
    CompletableFuture<List<Generation>> result =
        hand(engine, passages.get(0).with(List.of(Cut.free(KeyedRandom.of(1)))));
    engine.work();
    engine.close();
    CompletionException e = assertThrows(CompletionException.class, result::join);
    assertTrue(e.getMessage().contains("closed"), e.getMessage());
  }

  @Test
  void aLaneThatDiesFailsAllThatIsHandedInAndWhoeverWaitsForIt() {
    Decoder fatal =
        new DecoderInTheWay() {
          @Override
          void before(DecoderBatch batch) {
            throw new OutOfMemoryError("Java heap space");
          }
        };
    ModelMetrics metrics = new ModelMetrics();
    Engine engine = new Engine(weights, fatal, weights.capabilities, BATCHING, metrics);
    try (Lane lane = new Lane(engine, metrics, "fatal")) {
      lane.checkAlive();
      List<CompletableFuture<?>> results = new ArrayList<>();
      // Some are in the run that fails, others behind it.
      for (Passage passage : passages) {
        results.add(lane.complete(passage));
      }
      Passage some = passages.get(0);
      results.add(lane.read(some.prompt(), some.view(), List.of(some.cuts().get(0).tokens())));
      for (CompletableFuture<?> result : results) {
        ExecutionException e =
            assertThrows(ExecutionException.class, () -> result.get(60, TimeUnit.SECONDS));
        assertTrue(e.getMessage().contains("OutOfMemoryError: Java heap space"), e.toString());
      }
      assertTrue(lane.isDead());
      VisionLanguageModel model = OnnxVisionLanguageModel.on(lane, weights, () -> {});
      CompletableFuture<String> row = results.get(0).handle((made, failure) -> "a dropped row");
      String message = assertThrows(ModelException.class, () -> model.await(row)).getMessage();
      assertTrue(message.contains("Java heap space"), message);
    }
  }

  @Test
  void tokensThatAreNotWrittenTakeNoMemory() {
    Passage some = passages.get(0);
    Passage endless =
        new Passage(
            some.prompt(),
            some.view(),
            some.cuts(),
            new Sampling(
                some.sampling().temperature(), some.sampling().topP(), Integer.MAX_VALUE - 8));
    Passage enough =
        new Passage(
            some.prompt(),
            some.view(),
            some.cuts(),
            new Sampling(some.sampling().temperature(), some.sampling().topP(), 4096));
    assertEquals(run(List.of(enough), BATCHING), run(List.of(endless), BATCHING));
  }

  @Test
  void aPassageThatCannotBeLaidOutFailsAloneAndTheEngineGoesOn() {
    try (Engine engine = new Engine(weights, BATCHING, new ModelMetrics())) {
      Passage whole = passages.get(0);
      Passage blank = new Passage(new int[] {1, 5}, whole.view(), whole.cuts(), whole.sampling());
      CompletableFuture<List<Generation>> bad = hand(engine, blank);
      CompletableFuture<List<Generation>> good = hand(engine, whole);
      finish(engine);
      CompletionException e = assertThrows(CompletionException.class, bad::join);
      assertTrue(e.getMessage().contains("0 image tokens"), e.getMessage());
      assertEquals(expected.get(0), good.join());
    }
  }

  @Test
  void theDemoModelCanDoEverything() {
    Capabilities found = weights.capabilities;
    assertTrue(found.masks() && found.gaps() && found.pads(), found::toString);
    assertTrue(found.rounding() < 1e-4, found::toString);
  }

  @Test
  void aDecoderThatNumbersTokensItselfIsFoundOut() throws OrtException {
    Capabilities found =
        probe(
            new DecoderInTheWay() {
              @Override
              void before(DecoderBatch batch) {
                for (int row = 0; row < batch.rows(); row++) {
                  for (int i = 0; i < batch.length(); i++) {
                    batch.positions().put(row * batch.length() + i, batch.past() + i);
                  }
                }
              }
            });
    assertFalse(found.gaps(), found::toString);
    assertFalse(found.pads(), found::toString);
    assertEquals(Masking.ATTENTION, found.masking());
  }

  @Test
  void aDecoderThatTakesTheMaskForALengthIsFoundOut() throws OrtException {
    Capabilities found =
        probe(
            new DecoderInTheWay() {
              @Override
              void before(DecoderBatch batch) {
                int places = batch.past() + batch.length();
                for (int row = 0; row < batch.rows(); row++) {
                  int ones = 0;
                  for (int i = 0; i < places; i++) {
                    ones += (int) batch.mask().get(row * places + i);
                  }
                  for (int i = 0; i < places; i++) {
                    batch.mask().put(row * places + i, i < ones ? 1 : 0);
                  }
                }
              }
            });
    assertFalse(found.masks(), found::toString);
    assertFalse(found.pads(), found::toString);
    assertEquals(Masking.DROP, found.masking());
  }

  @Test
  void aDecoderThatIgnoresTheMaskIsFoundOut() throws OrtException {
    Capabilities found =
        probe(
            new DecoderInTheWay() {
              @Override
              void before(DecoderBatch batch) {
                for (int i = 0; i < batch.mask().limit(); i++) {
                  batch.mask().put(i, 1);
                }
              }
            });
    assertFalse(found.masks(), found::toString);
    assertFalse(found.pads(), found::toString);
    assertTrue(found.gaps() && found.hides(), "leaving out does not need the mask: " + found);
  }

  @Test
  void aDecoderWhoseCacheCannotBeGoneOnFromIsRefused() {
    ModelException e =
        assertThrows(
            ModelException.class,
            () ->
                probe(
                    new DecoderInTheWay() {
                      @Override
                      void before(DecoderBatch batch) {
                        if (batch.past() > 0) {
                          batch.positions().put(0, 0);
                        }
                      }
                    }));
    assertTrue(e.getMessage().contains("caches cannot be gone on from"), e.getMessage());
  }

  @Test
  void aModelThatCannotHideIsNotAskedTo() {
    Capabilities blind = new Capabilities(false, false, true, 0);
    Engine engine = new Engine(weights, weights.decoder, blind, BATCHING, new ModelMetrics());
    try (engine) {
      CompletableFuture<List<Generation>> result = hand(engine, passages.get(0));
      CompletionException e = assertThrows(CompletionException.class, result::join);
      assertTrue(e.getMessage().contains("bdhs-noise"), e.getMessage());
    }
  }

  private static Capabilities probe(Decoder decoder) throws OrtException {
    return ModelProbe.probe(
        decoder, weights.graphs, weights.embeddings, weights.tokenizer.vocabularySize());
  }

  private static boolean contains(FloatBuffer values, float... marker) {
    for (int i = 0; i < values.limit(); i += marker.length) {
      if (values.get(i) == marker[0] && values.get(i + 1) == marker[1]) {
        return true;
      }
    }
    return false;
  }

  /** A scene of the demo set, cut at up to four random tokens of its description, partly hidden. */
  private static Passage passage(int index) {
    KeyedRandom draws = KeyedRandom.of(SEED).with(index);
    Scene scene = DemoFiles.scenes(12).get(index % 12);
    int[] prompt = weights.promptEncoder.encode(List.of(ChatMessage.user(scene.prompt(), 1)));
    int[] tokens = weights.promptEncoder.encodeResponse(scene.response()).ids();
    float[] values = new float[64 * weights.embeddings.width()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.3 * draws.with("image").gaussian(i));
    }
    ImageFeatures features = new ImageFeatures(values, 64);
    double rate = index % 3 == 0 ? 0.99 : draws.uniform(1);
    int[] visible =
        IntStream.range(0, 64).filter(i -> draws.with("mask").uniform(i) >= rate).toArray();
    List<Cut> cuts =
        IntStream.range(0, 1 + draws.below(4, 2))
            .mapToObj(
                c ->
                    c == 3
                        ? Cut.ofResponse(tokens, 0, draws.with("free"))
                        : Cut.ofSentence(
                            tokens, draws.below(tokens.length + 1, 10 + c), "", draws.with(c)))
            .toList();
    Sampling sampling =
        switch (index % 4) {
          case 0 -> new Sampling(0, 1, 30);
          case 1 -> new Sampling(0.7, 1, 30);
          case 2 -> new Sampling(1, 0.9, 30);
          default -> new Sampling(1.5, 1, 30);
        };
    return new Passage(prompt, ImageView.of(features, visible), cuts, sampling);
  }

  private static List<List<Generation>> run(List<Passage> passages, Batching batching) {
    return run(passages, weights.decoder, weights.capabilities, batching, new ModelMetrics());
  }

  private static List<List<Generation>> run(
      List<Passage> passages,
      Decoder decoder,
      Capabilities capabilities,
      Batching batching,
      ModelMetrics metrics) {
    try (Engine engine = new Engine(weights, decoder, capabilities, batching, metrics)) {
      List<CompletableFuture<List<Generation>>> results =
          passages.stream().map(passage -> hand(engine, passage)).toList();
      finish(engine);
      return new ArrayList<>(results.stream().map(CompletableFuture::join).toList());
    }
  }

  private static CompletableFuture<List<Generation>> hand(Engine engine, Passage passage) {
    CompletableFuture<List<Generation>> result = new CompletableFuture<>();
    engine.complete(passage, result);
    return result;
  }

  /** Works until nothing is left; a hang would be a bug, so turns are counted. */
  private static void finish(Engine engine) {
    int turns = 0;
    while (engine.work()) {
      assertTrue(++turns < 100_000, "the engine does not come to an end");
    }
  }
}

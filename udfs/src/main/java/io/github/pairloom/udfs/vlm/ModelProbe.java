package io.github.pairloom.udfs.vlm;

import ai.onnxruntime.OrtException;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.ModelException;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Finds out what a decoder does, by a dozen embeddings of random tokens: whether hiding by mask and
 * by leaving out are the same on this graph, whether sequences of several lengths may share a run,
 * whether a forked cache can be gone on from. Run once when a model is loaded.
 *
 * <p>Some exports only pretend: those with fused attention may take the number of ones in the mask
 * for the length of the sequence, others number tokens by their place whatever they are told.
 */
final class ModelProbe {
  private static final int TOKENS = 12;
  private static final int HIDDEN = 5;
  private static final int SHIFT = 7;
  private static final int PADDING = 3;

  /** Difference that is rounding, as a share of the range of the logits. */
  private static final double TOLERANCE = 2e-3;

  private final Decoder decoder;
  private final TensorGraphs graphs;
  private final float[][] embeddings;
  private final DecoderBatch batch = new DecoderBatch();

  private ModelProbe(Decoder decoder, TensorGraphs graphs, float[][] embeddings) {
    this.decoder = decoder;
    this.graphs = graphs;
    this.embeddings = embeddings;
  }

  /**
   * Returns what the decoder can do.
   *
   * @param vocabulary number of token ids to draw from
   * @throws ModelException if not even a cache can be gone on from
   */
  static Capabilities probe(
      Decoder decoder, TensorGraphs graphs, TokenEmbeddings embeddings, int vocabulary)
      throws OrtException {
    KeyedRandom draws = KeyedRandom.of(0).with("probe");
    int[] tokens = IntStream.range(0, TOKENS).map(i -> draws.below(vocabulary, i)).toArray();
    return new ModelProbe(decoder, graphs, embeddings.of(tokens)).run();
  }

  private Capabilities run() throws OrtException {
    int[] all = IntStream.range(0, TOKENS).toArray();
    int[] gapped = IntStream.of(all).filter(i -> i != HIDDEN).toArray();
    float[] full = last(new Probe(all));
    double tolerance = TOLERANCE * range(full);

    float[] masked = last(new Probe(all).hiding(HIDDEN));
    float[] maskedOther = last(new Probe(all).hiding(HIDDEN).showing(HIDDEN, HIDDEN + 1));
    // Where the ones are taken for a length, the zero hides the last tokens, and this one shows.
    boolean masks =
        distance(full, masked) > tolerance && distance(masked, maskedOther) <= tolerance;
    float[] dropped = last(new Probe(gapped));
    float[] shifted = last(new Probe(all).shiftedBy(SHIFT));
    double gap = masks ? distance(masked, dropped) : 0;
    // Where masks have no effect there is nothing to hold the gap against but that it matters.
    float[] closed = last(new Probe(gapped).closingGaps());
    boolean gaps =
        decoder.takesPositions()
            && gap <= tolerance
            && distance(full, shifted) <= tolerance
            && distance(dropped, closed) > tolerance;

    double forked = distance(full, lastByForkedCache(0, all));
    if (!(forked <= tolerance)) {
      throw new ModelException(
          "Cannot use this model: its logits after a step from its own cache differ by %s from those of one pass (at most %s is rounding). Its caches cannot be gone on from; use another export"
              .formatted(forked, tolerance));
    }
    double padded =
        Math.max(distance(full, lastPadded(all)), distance(full, lastByForkedCache(PADDING, all)));
    boolean pads = padded <= tolerance;
    double rounding = Math.max(forked, Math.max(gaps ? gap : 0, pads ? padded : 0));
    return new Capabilities(masks, gaps, pads, rounding);
  }

  /** A sequence of the probe's embeddings. */
  private static final class Probe {
    private final int[] tokens;
    private final long[] positions;
    private final long[] mask;

    Probe(int... tokens) {
      this.tokens = tokens.clone();
      this.positions = Arrays.stream(tokens).asLongStream().toArray();
      this.mask = new long[tokens.length];
      Arrays.fill(mask, 1);
    }

    Probe hiding(int token) {
      mask[token] = 0;
      return this;
    }

    Probe showing(int place, int token) {
      tokens[place] = token;
      return this;
    }

    Probe shiftedBy(int places) {
      Arrays.setAll(positions, i -> positions[i] + places);
      return this;
    }

    Probe closingGaps() {
      Arrays.setAll(positions, i -> i);
      return this;
    }
  }

  /** Returns the logits after the last token. */
  private float[] last(Probe probe) throws OrtException {
    batch.reset(1, probe.tokens.length, 0, embeddings[0].length);
    write(probe, 0);
    try (Decoder.Output output = decoder.run(batch, null, 1)) {
      return graphs.row(output.logits(), output.logits().getInfo().getShape()[1] - 1);
    }
  }

  /** Returns the same of a sequence that shares its run with a longer one. */
  private float[] lastPadded(int... all) throws OrtException {
    batch.reset(2, TOKENS + PADDING, 0, embeddings[0].length);
    write(new Probe(all), PADDING);
    write(
        new Probe(IntStream.range(0, TOKENS + PADDING).map(i -> (i * 5) % TOKENS).toArray())
            .closingGaps(),
        0);
    try (Decoder.Output output = decoder.run(batch, null, 1)) {
      return graphs.row(output.logits(), output.logits().getInfo().getShape()[1] - 1);
    }
  }

  /**
   * Returns the same by a step from the cache of a pass that ended with another token, forked
   * before it and filled up in front with as many hidden places.
   */
  private float[] lastByForkedCache(int padding, int... all) throws OrtException {
    int[] other = all.clone();
    other[TOKENS - 1] = 0;
    Probe probe = new Probe(other).closingGaps();
    batch.reset(1, TOKENS, 0, embeddings[0].length);
    write(probe, 0);
    TensorGraphs.Pick pick = new TensorGraphs.Pick();
    int past = padding + TOKENS - 1;
    pick.add(0, IntStream.range(0, past).map(i -> Math.max(0, i - padding)).toArray());
    try (Decoder.Output output = decoder.run(batch, null, 1);
        Caches fork = graphs.pick(output.caches(), pick, decoder.heads())) {
      batch.reset(1, 1, past, embeddings[0].length);
      batch.embeddings().put(embeddings[TOKENS - 1]);
      batch.positions().put(TOKENS - 1);
      for (int i = 0; i <= past; i++) {
        batch.mask().put(i < padding ? 0 : 1);
      }
      try (Decoder.Output step = decoder.run(batch, fork, 1)) {
        return graphs.row(step.logits(), 0);
      }
    }
  }

  private void write(Probe probe, int padding) {
    for (int i = 0; i < padding; i++) {
      batch.embeddings().put(embeddings[0]);
      batch.positions().put(0);
      batch.mask().put(0);
    }
    for (int i = 0; i < probe.tokens.length; i++) {
      batch.embeddings().put(embeddings[probe.tokens[i]]);
      batch.positions().put(probe.positions[i]);
      batch.mask().put(probe.mask[i]);
    }
  }

  /** Returns the largest difference; infinite if any value is no number. */
  private static double distance(float[] a, float[] b) {
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = Math.abs(a[i] - b[i]);
      largest = difference >= 0 ? Math.max(largest, difference) : Double.POSITIVE_INFINITY;
    }
    return largest;
  }

  private static double range(float[] values) {
    double least = Double.POSITIVE_INFINITY;
    double most = Double.NEGATIVE_INFINITY;
    for (float value : values) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    return most - least;
  }
}

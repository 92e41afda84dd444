package io.github.pairloom.udfs.vlm;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * What is done with the decoder's tensors where they are, in native memory, by small graphs of the
 * project's own ({@code src/main/onnx/make_graphs.py}): Java's binding can neither slice a tensor
 * nor look for its maximum without copying all of it. Safe for several threads.
 */
final class TensorGraphs implements AutoCloseable {
  /**
   * Logits per row that leave the native side: a token below them is rarely chosen, and a row of
   * which that cannot be ruled out is read whole.
   */
  private static final int TOP = 16;

  private final OrtSession pickCaches;
  private final OrtSession joinCaches;
  private final OrtSession pickLogits;
  private final OrtSession topLogits;
  private final OrtSession topLogitsWithSums;
  private final OrtSession logProbs;
  private final Deque<OrtSession> opened = new ArrayDeque<>();

  TensorGraphs(OnnxJavaType cacheType, OnnxJavaType logitsType) throws OrtException, IOException {
    try {
      pickCaches = open("pick_caches", cacheType);
      joinCaches = open("join_caches", cacheType);
      pickLogits = open("pick_logits", logitsType);
      topLogits = open("top_logits", logitsType);
      topLogitsWithSums = open("top_logits_with_sums", logitsType);
      logProbs = open("log_probs", logitsType);
    } catch (OrtException | IOException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private OrtSession open(String name, OnnxJavaType type) throws OrtException, IOException {
    String file = name + (type == OnnxJavaType.FLOAT16 ? ".float16.onnx" : ".float.onnx");
    try (InputStream graph = TensorGraphs.class.getResourceAsStream(file);
        OrtSession.SessionOptions options = OnnxEngine.options(1)) {
      if (graph == null) {
        throw new IllegalStateException("The jar lacks " + file);
      }
      OrtSession session = OnnxEngine.environment().createSession(graph.readAllBytes(), options);
      opened.push(session);
      return session;
    }
  }

  /**
   * Which entries of some caches are taken, row by row. A row that takes fewer than others is
   * filled up in front with entries that its mask must hide.
   */
  static final class Pick {
    private final List<Integer> rows = new ArrayList<>();
    private final List<int[]> entries = new ArrayList<>();

    /** Takes {@code entries} of row {@code row}, in this order. */
    void add(int row, int... entries) {
      this.rows.add(row);
      this.entries.add(entries);
    }

    /** Returns the number of rows taken. */
    int size() {
      return rows.size();
    }

    /** Returns the most entries taken of a row. */
    int longest() {
      return entries.stream().mapToInt(taken -> taken.length).max().orElse(0);
    }

    /**
     * Returns [rows taken, heads, length] places in caches flattened to [rows * heads * entries].
     */
    private OnnxTensor index(Caches from, int heads, int length) throws OrtException {
      int[] index = new int[rows.size() * heads * length];
      int at = 0;
      for (int i = 0; i < rows.size(); i++) {
        int[] taken = entries.get(i);
        int padding = length - taken.length;
        for (int head = 0; head < heads; head++) {
          int base = (rows.get(i) * heads + head) * from.entries();
          Arrays.fill(index, at, at + padding, base);
          at += padding;
          for (int entry : taken) {
            index[at++] = base + entry;
          }
        }
      }
      return OnnxTensor.createTensor(
          OnnxEngine.environment(), IntBuffer.wrap(index), new long[] {rows.size(), heads, length});
    }
  }

  /** Returns new caches of the rows that {@code pick} takes. The source stays open. */
  Caches pick(Caches from, Pick pick, int heads) throws OrtException {
    int length = pick.longest();
    try (OnnxTensor index = pick.index(from, heads, length)) {
      return each(
          pickCaches,
          from.tensors().size(),
          i -> Map.of("a", from.tensors().get(i), "a_index", index),
          pick.size(),
          length);
    }
  }

  /**
   * Returns new caches of the rows that {@code first} takes from {@code a}, then those that {@code
   * second} takes from {@code b}. The sources stay open.
   */
  Caches join(Caches a, Pick first, Caches b, Pick second, int heads) throws OrtException {
    int length = Math.max(first.longest(), second.longest());
    try (OnnxTensor firstIndex = first.index(a, heads, length);
        OnnxTensor secondIndex = second.index(b, heads, length)) {
      return each(
          joinCaches,
          a.tensors().size(),
          i ->
              Map.of(
                  "a",
                  a.tensors().get(i),
                  "a_index",
                  firstIndex,
                  "b",
                  b.tensors().get(i),
                  "b_index",
                  secondIndex),
          first.size() + second.size(),
          length);
    }
  }

  /** Makes caches of {@code count} tensors, each by a run of {@code graph}. */
  private static Caches each(
      OrtSession graph,
      int count,
      IntFunction<Map<String, OnnxTensor>> inputs,
      int rows,
      int entries)
      throws OrtException {
    List<OnnxTensor> made = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        // The tensor outlives the result, which holds nothing else.
        @SuppressWarnings("MustBeClosedChecker")
        OrtSession.Result result = graph.run(inputs.apply(i));
        made.add((OnnxTensor) result.get(0));
      }
      return new Caches(made, rows, entries);
    } catch (OrtException | RuntimeException e) {
      made.forEach(OnnxTensor::close);
      throw e;
    }
  }

  /**
   * Returns the largest logits of some rows.
   *
   * @param logits [batch, sequence, vocabulary]
   * @param rows their places in [batch * sequence]
   * @param temperatures by which each row's logits are divided in its sum; empty: no sums are
   *     wanted
   */
  TopLogits top(OnnxTensor logits, long[] rows, float... temperatures) throws OrtException {
    int vocabulary = (int) logits.getInfo().getShape()[2];
    int count = Math.min(TOP, vocabulary);
    Map<String, OnnxTensor> inputs = new HashMap<>();
    inputs.put("logits", logits);
    boolean sums = temperatures.length > 0;
    try (OnnxTensor index = vector(rows);
        OnnxTensor k = vector(count);
        OnnxTensor divisors =
            OnnxTensor.createTensor(
                OnnxEngine.environment(),
                FloatBuffer.wrap(temperatures),
                new long[] {temperatures.length, 1})) {
      inputs.put("index", index);
      inputs.put("k", k);
      if (sums) {
        inputs.put("temperature", divisors);
      }
      try (OrtSession.Result result = (sums ? topLogitsWithSums : topLogits).run(inputs)) {
        return new TopLogits(
            floats(result.get(0)),
            ((OnnxTensor) result.get(1)).getLongBuffer().array(),
            sums ? floats(result.get(2)) : new float[0],
            count,
            vocabulary);
      }
    }
  }

  /**
   * Returns the log-probabilities of given tokens.
   *
   * @param logits [batch, sequence, vocabulary]
   * @param rows their places in [batch * sequence]
   * @param targets the token that is asked about in each row
   */
  LogProbs logProbs(OnnxTensor logits, long[] rows, long[] targets) throws OrtException {
    try (OnnxTensor index = vector(rows);
        OnnxTensor tokens =
            OnnxTensor.createTensor(
                OnnxEngine.environment(),
                LongBuffer.wrap(targets),
                new long[] {targets.length, 1});
        OrtSession.Result result =
            logProbs.run(Map.of("logits", logits, "index", index, "targets", tokens))) {
      return new LogProbs(
          floats(result.get(0)), ((OnnxTensor) result.get(1)).getLongBuffer().array());
    }
  }

  /** Returns one whole row of logits, {@code row} counted over [batch * sequence]. */
  float[] row(OnnxTensor logits, long row) throws OrtException {
    try (OnnxTensor index = vector(row);
        OrtSession.Result result = pickLogits.run(Map.of("logits", logits, "index", index))) {
      return floats(result.get(0));
    }
  }

  private static float[] floats(OnnxValue tensor) {
    return ((OnnxTensor) tensor).getFloatBuffer().array();
  }

  private static OnnxTensor vector(long... values) throws OrtException {
    return OnnxTensor.createTensor(
        OnnxEngine.environment(), LongBuffer.wrap(values), new long[] {values.length});
  }

  @Override
  public void close() {
    while (!opened.isEmpty()) {
      try {
        opened.pop().close();
      } catch (OrtException e) {
        throw new IllegalStateException("A graph could not be closed", e);
      }
    }
  }
}

package io.github.pairloom.udfs.vlm;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import java.nio.FloatBuffer;

/** The language model: one graph for prefill and for decoding. Safe for several threads. */
interface Decoder {
  /**
   * What a run gave.
   *
   * @param logits [rows, kept, vocabulary]; its last place is that of the last new token
   * @param inJava the same numbers where Java reads them, until the batch's next run; null if they
   *     are in the runtime's memory
   * @param caches with the new places at their end
   */
  record Output(OnnxTensor logits, FloatBuffer inJava, Caches caches) implements AutoCloseable {
    @Override
    public void close() {
      logits.close();
      caches.close();
    }
  }

  /**
   * Runs the graph.
   *
   * @param batch filled to the last value
   * @param past caches of the places before; null if there are none
   * @param logitsToKeep how many of the last logits are wanted; a graph that cannot choose gives
   *     all
   */
  Output run(DecoderBatch batch, Caches past, int logitsToKeep) throws OrtException;

  /** Returns whether tokens can be told their positions. */
  boolean takesPositions();

  /** Returns the number of heads in a cache. */
  int heads();

  /** Returns the bytes that one token of one sequence takes in the caches. */
  long cacheBytesPerToken();
}

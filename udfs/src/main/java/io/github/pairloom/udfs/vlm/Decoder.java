package io.github.pairloom.udfs.vlm;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;

/** The language model: one graph for prefill and for decoding. Safe for several threads. */
interface Decoder {
  /**
   * What a run gave.
   *
   * @param logits [rows, kept, vocabulary]; its last place is that of the last new token. Of a
   *     small vocabulary it may lie in the batch, until its next run
   * @param caches with the new places at their end
   */
  record Output(OnnxTensor logits, Caches caches) implements AutoCloseable {
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

package io.github.pairloom.udfs.vlm;

import ai.onnxruntime.OnnxTensor;
import java.util.List;

/**
 * The key/value caches of a batch: for every layer and part a tensor [rows, heads, entries, width].
 * Native memory; whoever holds it closes it.
 *
 * @param tensors in the order of the decoder's inputs
 * @param rows sequences in the batch
 * @param entries places per sequence
 */
record Caches(List<OnnxTensor> tensors, int rows, int entries) implements AutoCloseable {
  @Override
  public void close() {
    tensors.forEach(OnnxTensor::close);
  }
}

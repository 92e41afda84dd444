/**
 * Vision-language models: one interface, and the implementation that runs ONNX graphs in the
 * Hugging Face layout inside the executor.
 */
package io.github.pairloom.udfs.vlm;

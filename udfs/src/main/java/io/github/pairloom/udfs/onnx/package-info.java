/** ONNX Runtime through DJL: engine start, model loading, errors. */
package io.github.pairloom.udfs.onnx;

package io.github.pairloom.udfs.spark;

import io.github.pairloom.udfs.vlm.ModelSpec;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.MLReader;

/**
 * Has a vision-language model answer each prompt about its image. Adds a struct of {@code text},
 * {@code tokens}, {@code cut_off} and {@code error}.
 */
public final class ResponseGenerator extends DrawingTransformer<ResponseGenerator> {
  private static final long serialVersionUID = 1L;

  public ResponseGenerator() {
    this(newUid(ResponseGenerator.class));
  }

  public ResponseGenerator(String uid) {
    super(uid, "response");
  }

  /** Returns what reads a transformer that was saved. */
  public static MLReader<ResponseGenerator> read() {
    return new DefaultParamsReader<>();
  }

  /** Reads a transformer that {@code save(path)} wrote. */
  public static ResponseGenerator load(String path) {
    return read().load(path);
  }

  @Override
  String textCol() {
    return null;
  }

  @Override
  ModelCall call(ModelSpec spec) {
    return new GenerateCall(spec, sampling(), drawSeed());
  }
}

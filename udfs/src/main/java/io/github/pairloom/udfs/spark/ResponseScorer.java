package io.github.pairloom.udfs.spark;

import io.github.pairloom.udfs.vlm.ModelSpec;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.MLReader;

/**
 * Has a vision-language model say how likely each response to a prompt about an image is. Adds a
 * struct of {@code log_prob} and {@code end_log_prob} in nats, {@code tokens} and {@code error}.
 */
public final class ResponseScorer extends ModelTransformer<ResponseScorer> {
  private static final long serialVersionUID = 1L;

  private final Param<String> responseCol =
      new Param<>(this, "responseCol", "column with responses");
  private final BooleanParam blind =
      new BooleanParam(this, "blind", "true: the prompt is without its image");

  public ResponseScorer() {
    this(newUid(ResponseScorer.class));
  }

  public ResponseScorer(String uid) {
    super(uid, "score");
    setDefault(responseCol, "response");
    setDefault(blind, false);
  }

  /** Returns what reads a transformer that was saved. */
  public static MLReader<ResponseScorer> read() {
    return new DefaultParamsReader<>();
  }

  /** Reads a transformer that {@code save(path)} wrote. */
  public static ResponseScorer load(String path) {
    return read().load(path);
  }

  /** Sets the column with responses; response by default. */
  public ResponseScorer setResponseCol(String value) {
    return with(responseCol, value);
  }

  /** Sets whether the prompt is without its image; by default it is not. */
  public ResponseScorer setBlind(boolean value) {
    return with(blind, value);
  }

  public Param<String> responseCol() {
    return responseCol;
  }

  public BooleanParam blind() {
    return blind;
  }

  @Override
  String textCol() {
    return $(responseCol);
  }

  @Override
  ModelCall call(ModelSpec spec) {
    return new ScoreCall(spec, (Boolean) $(blind));
  }
}

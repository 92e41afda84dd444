package io.github.pairloom.udfs.spark;

import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Sampling;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.MLReader;

/**
 * Has a vision-language model answer each prompt about its image. Adds a struct of {@code text},
 * {@code tokens}, {@code cut_off} and {@code error}.
 */
public final class ResponseGenerator extends ModelTransformer<ResponseGenerator> {
  private static final long serialVersionUID = 1L;

  private final DoubleParam temperature =
      new DoubleParam(this, "temperature", "0: always the most likely token; above 0: draws");
  private final DoubleParam topP =
      new DoubleParam(this, "topP", "share of probability that the tokens drawn from make up");
  private final IntParam maxNewTokens =
      new IntParam(this, "maxNewTokens", "most tokens of one continuation");
  private final LongParam seed = new LongParam(this, "seed", "root of all keyed draws");

  public ResponseGenerator() {
    this(newUid(ResponseGenerator.class));
  }

  public ResponseGenerator(String uid) {
    super(uid, "response");
    setDefault(temperature, 0.7);
    setDefault(topP, 1.0);
    setDefault(maxNewTokens, 256);
    setDefault(seed, 2407L);
  }

  /** Returns what reads a transformer that was saved. */
  public static MLReader<ResponseGenerator> read() {
    return new DefaultParamsReader<>();
  }

  /** Reads a transformer that {@code save(path)} wrote. */
  public static ResponseGenerator load(String path) {
    return read().load(path);
  }

  /** Sets how wild draws are; 0 draws nothing. By default 0.7. */
  public ResponseGenerator setTemperature(double value) {
    return with(temperature, value);
  }

  /** Sets the share of probability that the tokens drawn from make up; by default 1. */
  public ResponseGenerator setTopP(double value) {
    return with(topP, value);
  }

  /** Sets the most tokens of one continuation; by default 256. */
  public ResponseGenerator setMaxNewTokens(int value) {
    return with(maxNewTokens, value);
  }

  /** Sets the root of the draws, which are keyed by seed, image and texts; by default 2407. */
  public ResponseGenerator setSeed(long value) {
    return with(seed, value);
  }

  public DoubleParam temperature() {
    return temperature;
  }

  public DoubleParam topP() {
    return topP;
  }

  public IntParam maxNewTokens() {
    return maxNewTokens;
  }

  public LongParam seed() {
    return seed;
  }

  @Override
  String textCol() {
    return null;
  }

  @Override
  ModelCall call(ModelSpec spec) {
    Sampling sampling =
        new Sampling((Double) $(temperature), (Double) $(topP), (Integer) $(maxNewTokens));
    return new GenerateCall(spec, sampling, (Long) $(seed));
  }
}

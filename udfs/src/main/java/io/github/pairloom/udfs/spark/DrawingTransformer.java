package io.github.pairloom.udfs.spark;

import io.github.pairloom.udfs.vlm.Sampling;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;

/**
 * A transformer whose model writes: how its tokens are drawn.
 *
 * @param <T> the transformer itself, for its setters
 */
// Public, for Spark calls the methods that give parameters.
public abstract class DrawingTransformer<T extends DrawingTransformer<T>>
    extends ModelTransformer<T> {
  private static final long serialVersionUID = 1L;

  private final DoubleParam temperature =
      new DoubleParam(this, "temperature", "0: always the most likely token; above 0: draws");
  private final DoubleParam topP =
      new DoubleParam(this, "topP", "share of probability that the tokens drawn from make up");
  private final IntParam maxNewTokens =
      new IntParam(this, "maxNewTokens", "most tokens of one continuation");
  private final LongParam seed = new LongParam(this, "seed", "root of all keyed draws");

  DrawingTransformer(String uid, String output) {
    super(uid, output);
    setDefault(temperature, 0.7);
    setDefault(topP, 1.0);
    setDefault(maxNewTokens, 256);
    setDefault(seed, 2407L);
  }

  /** Sets how wild draws are; 0 draws nothing. By default 0.7. */
  public final T setTemperature(double value) {
    return with(temperature, value);
  }

  /** Sets the share of probability that the tokens drawn from make up; by default 1. */
  public final T setTopP(double value) {
    return with(topP, value);
  }

  /** Sets the most tokens of one continuation; by default 256. */
  public final T setMaxNewTokens(int value) {
    return with(maxNewTokens, value);
  }

  /** Sets the root of the draws, which are keyed by seed, image and texts; by default 2407. */
  public final T setSeed(long value) {
    return with(seed, value);
  }

  public final DoubleParam temperature() {
    return temperature;
  }

  public final DoubleParam topP() {
    return topP;
  }

  public final IntParam maxNewTokens() {
    return maxNewTokens;
  }

  public final LongParam seed() {
    return seed;
  }

  final Sampling sampling() {
    return new Sampling((Double) $(temperature), (Double) $(topP), (Integer) $(maxNewTokens));
  }

  final long drawSeed() {
    return (Long) $(seed);
  }
}

package io.github.pairloom.udfs.spark;

import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.vlm.ModelSpec;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.MLReader;

/**
 * Has a vision-language model, its view of the image masked, write the rejected side of each chosen
 * response: Bias-Driven Hallucination Sampling (arXiv 2407.02477, section 3.4). Adds a struct of
 * {@code rejected}, {@code iteration}, {@code similarity}, {@code cut_off}, {@code transform} and
 * {@code error}.
 */
public final class BdhsRejector extends DrawingTransformer<BdhsRejector> {
  private static final long serialVersionUID = 1L;

  private final Param<String> chosenCol =
      new Param<>(this, "chosenCol", "column with chosen responses");
  private final DoubleParam maskRate =
      new DoubleParam(this, "maskRate", "share of image tokens hidden from the model (rho_th)");
  private final IntParam iterations = new IntParam(this, "iterations", "attempts at most (N_BDHS)");
  private final DoubleParam similarityThreshold =
      new DoubleParam(
          this, "similarityThreshold", "the first attempt below this cosine is kept (eps_s)");
  private final DoubleParam yesNoSwapProbability =
      new DoubleParam(this, "yesNoSwapProbability", "chance that a leading yes or no is swapped");
  private final Param<String> similarityModel =
      new Param<>(this, "similarityModel", "sentence embedding model: minilm or a folder");

  public BdhsRejector() {
    this(newUid(BdhsRejector.class));
  }

  public BdhsRejector(String uid) {
    super(uid, "rejection");
    setDefault(chosenCol, "chosen");
    setDefault(maskRate, 0.99);
    setDefault(iterations, 5);
    setDefault(similarityThreshold, 0.97);
    setDefault(yesNoSwapProbability, 0.5);
    setDefault(similarityModel, SimilaritySettings.MINILM);
  }

  /** Returns what reads a transformer that was saved. */
  public static MLReader<BdhsRejector> read() {
    return new DefaultParamsReader<>();
  }

  /** Reads a transformer that {@code save(path)} wrote. */
  public static BdhsRejector load(String path) {
    return read().load(path);
  }

  /** Sets the column with chosen responses; chosen by default. */
  public BdhsRejector setChosenCol(String value) {
    return with(chosenCol, value);
  }

  /** Sets the share of image tokens hidden from the model; by default 0.99. */
  public BdhsRejector setMaskRate(double value) {
    return with(maskRate, value);
  }

  /** Sets the attempts at most; by default 5. */
  public BdhsRejector setIterations(int value) {
    return with(iterations, value);
  }

  /** Sets the cosine below which an attempt is kept; by default 0.97. */
  public BdhsRejector setSimilarityThreshold(double value) {
    return with(similarityThreshold, value);
  }

  /** Sets the chance that a sentence's leading yes or no is swapped; by default 0.5. */
  public BdhsRejector setYesNoSwapProbability(double value) {
    return with(yesNoSwapProbability, value);
  }

  /** Sets the sentence embedding model: minilm (the default) or a folder. */
  public BdhsRejector setSimilarityModel(String value) {
    return with(similarityModel, value);
  }

  public Param<String> chosenCol() {
    return chosenCol;
  }

  public DoubleParam maskRate() {
    return maskRate;
  }

  public IntParam iterations() {
    return iterations;
  }

  public DoubleParam similarityThreshold() {
    return similarityThreshold;
  }

  public DoubleParam yesNoSwapProbability() {
    return yesNoSwapProbability;
  }

  public Param<String> similarityModel() {
    return similarityModel;
  }

  @Override
  String textCol() {
    return $(chosenCol);
  }

  @Override
  ModelCall call(ModelSpec spec) {
    Bdhs bdhs =
        new Bdhs(
            (Integer) $(iterations),
            (Double) $(similarityThreshold),
            (Double) $(yesNoSwapProbability),
            sampling());
    return new BdhsCall(
        spec,
        new BdhsAttention((Double) $(maskRate), bdhs),
        new SimilaritySettings($(similarityModel), SimilaritySettings.Scope.RESPONSE),
        drawSeed());
  }
}

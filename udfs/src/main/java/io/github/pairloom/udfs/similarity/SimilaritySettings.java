package io.github.pairloom.udfs.similarity;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * How alike two responses are said to be.
 *
 * @param model {@link #MINILM}, or a folder with {@code model.onnx} and {@code tokenizer.json}
 * @param scope what is compared
 */
public record SimilaritySettings(
    @Setting(
            value =
                "Sentence embedding model: minilm (on the class path), or a folder with model.onnx"
                    + " and tokenizer.json; its token states are averaged, or the first is taken"
                    + " where its 1_Pooling/config.json says so",
            defaults = "minilm")
        String model,
    @Setting(
            value =
                "response: both texts whole (the paper's way); sentence: the most different pair of"
                    + " sentences, so that one changed word in a long response still counts",
            defaults = "response")
        Scope scope)
    implements Serializable {
  /** The model on the class path: all-MiniLM-L6-v2, quantised. */
  public static final String MINILM = "minilm";

  /** What is compared. */
  public enum Scope {
    RESPONSE,
    SENTENCE
  }

  public SimilaritySettings {
    check(model != null && !model.isBlank(), "Invalid model: blank (must be minilm or a folder)");
  }
}

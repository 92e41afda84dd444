package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.vlm.Sampling;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.io.Serializable;
import java.util.Map;

/**
 * A way to make the rejected side of a pair, with its settings. The record is the recipe's entry.
 */
public sealed interface RejectionStrategy extends Serializable permits BdhsAttention, BdhsNoise {
  /** Returns the stable kebab-case name written to column {@code strategy}. */
  default String id() {
    return getClass().getAnnotation(SettingType.class).value();
  }

  /** Returns every parameter by its recipe key, for provenance and for the identity of pairs. */
  Map<String, String> parameters();

  /** Returns how tokens are chosen. */
  Sampling sampling();

  /**
   * Returns a rejected response. A function of the arguments alone: same input, same answer.
   *
   * @param model open for the calling task
   * @param similarity open for the calling task
   */
  Rejection reject(RejectionInput input, VisionLanguageModel model, Similarity similarity);
}

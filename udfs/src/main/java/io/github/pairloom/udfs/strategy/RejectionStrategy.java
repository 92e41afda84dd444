package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.Serializable;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

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
   * Returns a rejected response, once it is there. A function of the input alone: same input, same
   * answer, whatever else is on the bench.
   *
   * @param bench of the calling task, whose thread this is called on
   */
  CompletableFuture<Rejection> reject(RejectionInput input, Workbench bench);
}

package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A way to make the rejected side of a pair, with its settings. The record is the recipe's entry.
 */
public sealed interface RejectionStrategy extends Serializable
    permits BdhsAttention,
        BdhsNoise,
        ImageDistortion,
        DropoutNtp,
        Retrieval,
        Ranked,
        Correctness,
        Corruption,
        Mixed,
        ImageSide {
  /** Returns the stable kebab-case name written to column {@code strategy}. */
  default String id() {
    return getClass().getAnnotation(SettingType.class).value();
  }

  /** Returns every parameter by its recipe key, for provenance and for the identity of pairs. */
  default Map<String, String> parameters() {
    return Parameters.of(this);
  }

  /** Returns how tokens are chosen. */
  Sampling sampling();

  /** Returns whether the rejected side is the chosen text about another view of the image. */
  default boolean rejectsImage() {
    return false;
  }

  /** Returns whether another image of the table, drawn, is wanted with each input. */
  default boolean wantsOtherImage() {
    return false;
  }

  /** Returns which of the most similar other images are wanted with each input. */
  default Optional<Neighbourhood> wantsNeighbours() {
    return Optional.empty();
  }

  /** Returns which model writes, if it is not the one on the bench. */
  default Optional<ModelIdentity> writer() {
    return Optional.empty();
  }

  /**
   * Returns rejected responses, once they are there: one, or as many as the strategy finds pairs. A
   * function of the input alone: same input, same answer, whatever else is on the bench.
   *
   * @param bench of the calling task, whose thread this is called on
   * @return fails with {@link NoPairException} if there can be no pair
   */
  CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench);
}

package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.SettingType;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Who says which of several responses is better. The record is the recipe's entry. */
public sealed interface Judge extends Serializable
    permits ObjectCheck, ClaimCheck, LikelihoodGap, Annotator {
  /**
   * What a judge says of one response.
   *
   * @param score higher is better; the unit is the judge's
   * @param details what was found, by name
   */
  record Verdict(double score, Map<String, String> details) {
    public Verdict {
      details = Map.copyOf(details);
    }
  }

  /** Returns the stable kebab-case name that rows hold. */
  default String id() {
    return getClass().getAnnotation(SettingType.class).value();
  }

  /**
   * Returns a verdict on each response, in their order, once they are there.
   *
   * @param responses different from each other
   * @param bench of the calling task, whose thread this is called on
   */
  CompletableFuture<List<Verdict>> judge(
      RejectionInput input, List<String> responses, Workbench bench);
}

package io.github.pairloom.jobs;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.schemas.Run;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a step did: {@code read == written + dropped + quarantined}.
 *
 * @param read rows of new input
 * @param written rows that came out usable
 * @param dropped rows dropped, by reason
 * @param quarantined rows put into quarantine, by reason
 * @param alreadyDone rows of input that an earlier run had done; not part of {@code read}
 * @param metrics figures, unit in the name, such as {@code model-loads}
 */
public record StepResult(
    long read,
    long written,
    Map<String, Long> dropped,
    Map<String, Long> quarantined,
    long alreadyDone,
    Map<String, Double> metrics) {
  public StepResult {
    dropped = new TreeMap<>(dropped);
    quarantined = new TreeMap<>(quarantined);
    metrics = new TreeMap<>(metrics);
    check(
        read == written + Run.total(dropped) + Run.total(quarantined),
        "The step does not reconcile: read %s, but written %s + dropped %s + quarantined %s."
            + " This is a bug; the rows written so far are in the warehouse",
        read,
        written,
        dropped,
        quarantined);
  }
}

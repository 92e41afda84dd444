package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;

import java.time.Instant;
import java.util.Map;

/**
 * One row of {@code runs}: what one run of a step read, and what became of it.
 *
 * @param runId random UUID; the steps of one command share it
 * @param step {@code ingest}, {@code reference}, {@code reject}, {@code score}, {@code dedup},
 *     {@code select} or {@code export}
 * @param recipeName the recipe's name
 * @param recipeId SHA-256 (hex) of the recipe with all defaults filled in
 * @param startedAt start of the step
 * @param finishedAt end of the step
 * @param read rows of new input
 * @param written rows that came out usable
 * @param dropped rows dropped, by reason
 * @param quarantined rows put into quarantine, by reason
 * @param alreadyDone rows of input that an earlier run had done; not part of {@code read}
 * @param metrics figures of the step, unit in the name
 */
public record Run(
    String runId,
    String step,
    String recipeName,
    String recipeId,
    Instant startedAt,
    Instant finishedAt,
    long read,
    long written,
    Map<String, Long> dropped,
    Map<String, Long> quarantined,
    long alreadyDone,
    Map<String, Double> metrics) {
  public static final RecordCodec<Run> CODEC = RecordCodec.of(Table.RUNS, Run.class);

  public Run {
    checkNotBlank("run_id", runId);
    checkNotBlank("step", step);
    checkId("recipe_id", recipeId);
    dropped = Map.copyOf(dropped);
    quarantined = Map.copyOf(quarantined);
    metrics = Map.copyOf(metrics);
    check(
        read == written + total(dropped) + total(quarantined),
        "Step %s does not reconcile: read %s, but written %s + dropped %s + quarantined %s",
        step,
        read,
        written,
        dropped,
        quarantined);
  }

  /** Returns the sum of the counts. */
  public static long total(Map<String, Long> counts) {
    return counts.values().stream().mapToLong(Long::longValue).sum();
  }
}

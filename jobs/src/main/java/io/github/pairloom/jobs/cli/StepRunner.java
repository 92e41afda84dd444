package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.schemas.Run;
import io.github.pairloom.schemas.Table;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.spark.SparkContext;

/**
 * Runs steps: names their work in Spark's UI, tells their progress, and writes down in table {@code
 * runs} and on the terminal what became of the rows they read. A step that fails leaves no row.
 */
final class StepRunner {
  private final Terminal terminal;
  private final String runId = UUID.randomUUID().toString();

  StepRunner(Terminal terminal) {
    this.terminal = terminal;
  }

  /** Runs {@code step} and returns its row in {@code runs}. */
  Run run(Step step, StepContext context) {
    SparkContext spark = context.spark().sparkContext();
    spark.setJobGroup(
        step.name(), "pairloom " + step.name() + " " + context.recipe().name(), false);
    Instant start = now();
    Progress progress = Progress.start(terminal, spark, step.name());
    StepResult result;
    try {
      result = step.run(context);
    } finally {
      progress.close();
      spark.clearJobGroup();
    }
    Run run =
        new Run(
            runId,
            step.name(),
            context.recipe().name(),
            context.recipe().id(),
            start,
            now(),
            result.read(),
            result.written(),
            result.dropped(),
            result.quarantined(),
            result.alreadyDone(),
            result.metrics());
    context.warehouse().append(Table.RUNS, Run.CODEC, List.of(run));
    terminal.out().println(line(run));
    metrics(run).ifPresent(terminal.out()::println);
    return run;
  }

  /** Returns the reconciliation of a run on one line. */
  static String line(Run run) {
    return String.format(
        "%-10s read %d = written %d + dropped %s + quarantined %s    %s   (already done: %d)",
        run.step(),
        run.read(),
        run.written(),
        byReason(run.dropped()),
        byReason(run.quarantined()),
        Texts.duration(seconds(run)),
        run.alreadyDone());
  }

  /** Returns what a run's models did on one line; empty if it used none. */
  static Optional<String> metrics(Run run) {
    return run.metrics().isEmpty()
        ? Optional.empty()
        : Optional.of(
            run.metrics().entrySet().stream()
                .map(e -> e.getKey() + " " + number(e.getValue()))
                .collect(Collectors.joining(", ", " ".repeat(11), "")));
  }

  private static String number(double value) {
    if (value == Math.rint(value)) {
      return String.format(Locale.ROOT, "%.0f", value);
    }
    // What an answer costs is far below 1.
    return String.format(Locale.ROOT, value < 1 ? "%.3g" : "%.2f", value);
  }

  /** Returns how long a run took, in seconds. */
  static double seconds(Run run) {
    return Duration.between(run.startedAt(), run.finishedAt()).toMillis() / 1e3;
  }

  private static String byReason(Map<String, Long> counts) {
    String reasons =
        new TreeMap<>(counts)
            .entrySet().stream()
                .filter(e -> e.getValue() > 0)
                .map(e -> e.getKey() + " " + e.getValue())
                .collect(Collectors.joining(", "));
    return Run.total(counts) + (reasons.isEmpty() ? "" : " (" + reasons + ")");
  }

  /** Spark's timestamps have microseconds. */
  private static Instant now() {
    return Instant.now().truncatedTo(ChronoUnit.MICROS);
  }
}

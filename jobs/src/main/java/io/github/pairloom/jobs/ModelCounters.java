package io.github.pairloom.jobs;

import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.io.Serializable;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;

/**
 * What the models of a step did on all executors. A task that keeps these counters hands in, as it
 * ends, all that the models of its executor did since another did so; so everything is counted
 * once, though not by the task that caused it.
 */
public final class ModelCounters implements Serializable, AutoCloseable {
  private static final long serialVersionUID = 1L;
  private static final double NANOS_PER_MILLI = 1e6;

  private final EnumMap<Figure, LongAccumulator> sums;
  private final EnumMap<Figure, Long> before = new EnumMap<>(Figure.class);

  private ModelCounters(Map<Figure, LongAccumulator> sums) {
    this.sums = new EnumMap<>(sums);
    sums.forEach((figure, sum) -> before.put(figure, sum.value()));
  }

  /** Returns counters of the session's executors, at zero. */
  public static ModelCounters register(SparkSession spark) {
    return new ModelCounters(ModelSource.of(spark.sparkContext()).sums());
  }

  /** Hands in what this executor's models did. */
  @Override
  public void close() {
    ExecutorModels.metrics().drain().forEach((figure, amount) -> sums.get(figure).add(amount));
  }

  /**
   * Returns the figures of a step by name, unit included; none of models that were not opened or
   * asked. Read on the driver.
   */
  public Map<String, Double> figures() {
    Map<String, Double> figures = new TreeMap<>();
    if (sum(Figure.REMOTE_CALLS) + sum(Figure.REMOTE_ANSWERS_KEPT) > 0) {
      figures.put("remote-calls", sum(Figure.REMOTE_CALLS));
      figures.put("remote-answers-kept", sum(Figure.REMOTE_ANSWERS_KEPT));
      figures.put("remote-tokens-read", sum(Figure.REMOTE_TOKENS_READ));
      figures.put("remote-tokens-written", sum(Figure.REMOTE_TOKENS_WRITTEN));
      figures.put("remote-cost", spent().cost());
    }
    if (sum(Figure.REQUESTS) == 0 && sum(Figure.MODEL_LOADS) == 0) {
      return figures;
    }
    figures.put("model-loads", sum(Figure.MODEL_LOADS));
    figures.put("images-encoded", sum(Figure.IMAGES_ENCODED));
    figures.put("tokens-prefilled", sum(Figure.TOKENS_PREFILLED));
    figures.put("tokens-decoded", sum(Figure.TOKENS_DECODED));
    figures.put(
        "tokens-decoded-per-run",
        sum(Figure.TOKENS_DECODED) / Math.max(1, sum(Figure.DECODE_RUNS)));
    figures.put(
        "tokens-prefilled-per-run",
        sum(Figure.TOKENS_PREFILLED) / Math.max(1, sum(Figure.PREFILL_RUNS)));
    figures.put("draft-tokens-accepted", sum(Figure.DRAFT_TOKENS_ACCEPTED));
    figures.put("tokens-reexamined", sum(Figure.TOKENS_REEXAMINED));
    figures.put("batches-halved", sum(Figure.BATCHES_HALVED));
    figures.put(
        "queue-wait-mean-ms",
        sum(Figure.QUEUE_WAIT_NANOS) / NANOS_PER_MILLI / Math.max(1, sum(Figure.REQUESTS)));
    figures.put(
        "device-busy-percent", 100 * sum(Figure.BUSY_NANOS) / Math.max(1, sum(Figure.OPEN_NANOS)));
    return figures;
  }

  /** Returns what models behind HTTP were paid for so far. Read on the driver. */
  Spending.Amount spent() {
    return new Spending.Amount(
        count(Figure.REMOTE_TOKENS_READ) + count(Figure.REMOTE_TOKENS_WRITTEN),
        count(Figure.REMOTE_NANO_COST));
  }

  private double sum(Figure figure) {
    return count(figure);
  }

  private long count(Figure figure) {
    return sums.get(figure).value() - before.get(figure);
  }
}

package io.github.pairloom.udfs.vlm;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What the models of this JVM have done. Safe for several threads. */
public final class ModelMetrics {
  /** A figure, counted up. */
  public enum Figure {
    /** Models loaded. */
    MODEL_LOADS,
    /** Images encoded. */
    IMAGES_ENCODED,
    /** Tokens of prompts and responses that were given to the model, padding left out. */
    TOKENS_PREFILLED,
    /** Runs that took these. */
    PREFILL_RUNS,
    /** Tokens that the model wrote one after the other. */
    TOKENS_DECODED,
    /** Runs that wrote these, each a token of every continuation under way. */
    DECODE_RUNS,
    /** Tokens that it would have written and that stood in the response already. */
    DRAFT_TOKENS_ACCEPTED,
    /** Tokens chosen again, alone, because rounding might have decided between two. */
    TOKENS_REEXAMINED,
    /** Times that a batch was made smaller because memory was short. */
    BATCHES_HALVED,
    /** Nanoseconds that requests waited for their first run. */
    QUEUE_WAIT_NANOS,
    /** Requests that waited. */
    REQUESTS,
    /** Nanoseconds within runs that encoded images. */
    ENCODE_NANOS,
    /** Nanoseconds within runs of the decoder that took prompts and responses. */
    PREFILL_NANOS,
    /** Nanoseconds within runs of the decoder that wrote tokens one after the other. */
    DECODE_NANOS,
    /** Nanoseconds that models worked, all of the above and what lies between. */
    BUSY_NANOS,
    /** Nanoseconds that models worked or waited for work. */
    OPEN_NANOS,
    /** Requests sent to models behind HTTP, those tried again among them. */
    REMOTE_CALLS,
    /** Questions to models behind HTTP whose answer was there already. */
    REMOTE_ANSWERS_KEPT,
    /** Tokens of questions that models behind HTTP answered, as they count them. */
    REMOTE_TOKENS_READ,
    /** Tokens of their answers. */
    REMOTE_TOKENS_WRITTEN,
    /** What they cost by the prices of their endpoints, in billionths of the currency. */
    REMOTE_NANO_COST
  }

  private final Map<Figure, LongAdder> sums = new LinkedHashMap<>();

  ModelMetrics() {
    for (Figure figure : Figure.values()) {
      sums.put(figure, new LongAdder());
    }
  }

  /** Counts {@code amount} more. */
  public void add(Figure figure, long amount) {
    sums.get(figure).add(amount);
  }

  long sum(Figure figure) {
    return sums.get(figure).sum();
  }

  /**
   * Returns what has been counted since the last call, so that several callers together get
   * everything once.
   */
  public Map<Figure, Long> drain() {
    Map<Figure, Long> drained = new LinkedHashMap<>();
    sums.forEach((figure, sum) -> drained.put(figure, sum.sumThenReset()));
    return drained;
  }
}

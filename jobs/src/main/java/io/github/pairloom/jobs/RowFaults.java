package io.github.pairloom.jobs;

import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageDefect;
import io.github.pairloom.udfs.remote.EndpointException;
import io.github.pairloom.udfs.strategy.NoPairException;
import java.util.Arrays;
import java.util.Collections;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Reasons why a row that came this far could not be worked on at all. Other reasons say that the
 * outcome is of no use; these say that something is broken, and the error budget counts them.
 */
public final class RowFaults {
  /** The model threw. */
  public static final String MODEL_FAILED = "model-failed";

  /** A model behind HTTP did not answer, or not as it should. */
  public static final String ENDPOINT_FAILED = "endpoint-failed";

  /** Java had no memory left for the row, beside what was under way with it. */
  public static final String OUT_OF_MEMORY = "out-of-memory";

  /** Processes that worked on the row, and on nothing else, died. */
  public static final String PROCESS_DIED = "process-died";

  /** The row was not done in time. */
  public static final String TIMED_OUT = "timed-out";

  /** All of them, those of images too. */
  public static final Set<String> ALL =
      Stream.concat(
              Stream.of(MODEL_FAILED, ENDPOINT_FAILED, OUT_OF_MEMORY, PROCESS_DIED, TIMED_OUT),
              Arrays.stream(ImageDefect.values()).map(ImageDefect::code))
          .collect(
              Collectors.collectingAndThen(
                  Collectors.toCollection(TreeSet::new), Collections::unmodifiableSet));

  private RowFaults() {}

  /** Returns whether {@code reason} is a fault. */
  public static boolean isFault(String reason) {
    return ALL.contains(reason);
  }

  /**
   * Returns the reason why there is no outcome, a fault or not, for {@code failure}, as a future
   * reports it or as it was thrown.
   */
  public static String reasonOf(Throwable failure) {
    Throwable cause = cause(failure);
    if (cause instanceof NoPairException none) {
      return none.reason();
    }
    if (cause instanceof PoisonRowException poison) {
      return poison.reason();
    }
    if (cause instanceof EndpointException) {
      return ENDPOINT_FAILED;
    }
    if (cause instanceof OutOfMemoryError) {
      return OUT_OF_MEMORY;
    }
    return cause instanceof BadImageException bad ? bad.defect().code() : MODEL_FAILED;
  }

  /** Returns what {@code failure} says of itself. */
  public static String detailOf(Throwable failure) {
    return String.valueOf(cause(failure).getMessage());
  }

  private static Throwable cause(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }
}

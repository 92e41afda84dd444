package io.github.pairloom.jobs;

import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.remote.EndpointException;
import io.github.pairloom.udfs.strategy.NoPairException;
import java.util.concurrent.CompletionException;

/**
 * Reasons why a row that came this far could not be worked on at all. Other reasons say that the
 * outcome is of no use; these say that something is broken, and the error budget counts them.
 */
public final class RowFaults {
  /** The model threw. */
  public static final String MODEL_FAILED = "model-failed";

  /** A model behind HTTP did not answer, or not as it should. */
  public static final String ENDPOINT_FAILED = "endpoint-failed";

  /** Processes that worked on the row, and on nothing else, died. */
  public static final String PROCESS_DIED = "process-died";

  /** The row was not done in time. */
  public static final String TIMED_OUT = "timed-out";

  private static final String IMAGE_PREFIX = "image-";

  private RowFaults() {}

  /** Returns whether {@code reason} is a fault. */
  public static boolean isFault(String reason) {
    return reason.equals(MODEL_FAILED)
        || reason.equals(ENDPOINT_FAILED)
        || reason.equals(PROCESS_DIED)
        || reason.equals(TIMED_OUT)
        || reason.startsWith(IMAGE_PREFIX);
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

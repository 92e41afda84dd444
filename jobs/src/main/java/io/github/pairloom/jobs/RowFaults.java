package io.github.pairloom.jobs;

import io.github.pairloom.udfs.image.BadImageException;
import java.util.concurrent.CompletionException;

/**
 * Reasons why a row that came this far could not be worked on at all. Other reasons say that the
 * outcome is of no use; these say that something is broken, and the error budget counts them.
 */
public final class RowFaults {
  /** The model threw. */
  public static final String MODEL_FAILED = "model-failed";

  private static final String IMAGE_PREFIX = "image-";

  private RowFaults() {}

  /** Returns whether {@code reason} is a fault. */
  public static boolean isFault(String reason) {
    return reason.equals(MODEL_FAILED) || reason.startsWith(IMAGE_PREFIX);
  }

  /** Returns the reason for {@code failure}, as a future reports it or as it was thrown. */
  public static String reasonOf(Throwable failure) {
    return cause(failure) instanceof BadImageException bad ? bad.defect().code() : MODEL_FAILED;
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

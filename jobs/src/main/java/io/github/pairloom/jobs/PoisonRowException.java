package io.github.pairloom.jobs;

import static java.util.Objects.requireNonNull;

/** A row is left out because processes that worked on it alone died or hung. */
final class PoisonRowException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String reason;

  /**
   * @param reason drop_reason of the row, of {@link RowFaults}
   */
  PoisonRowException(String reason, String message) {
    super(message);
    this.reason = requireNonNull(reason, "reason is null");
  }

  String reason() {
    return reason;
  }
}

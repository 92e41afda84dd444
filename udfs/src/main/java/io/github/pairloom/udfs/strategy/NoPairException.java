package io.github.pairloom.udfs.strategy;

/**
 * Says that a strategy can make no pair of a response, though nothing is broken: all samples are
 * right, say. The row is dropped with the reason.
 */
public final class NoPairException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String reason;

  /**
   * @param reason stable kebab-case code
   * @param detail what was found
   */
  public NoPairException(String reason, String detail) {
    super(detail);
    this.reason = reason;
  }

  /** Returns the reason code. */
  public String reason() {
    return reason;
  }
}

package io.github.pairloom.jobs;

/** The recipe's error budget is spent; the command line exits with 3. */
public final class TooManyBadRowsException extends JobException {
  private static final long serialVersionUID = 1L;

  public TooManyBadRowsException(String message) {
    super(message);
  }
}

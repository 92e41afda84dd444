package io.github.pairloom.jobs;

/** A failure that a person can act on: the message says what, where, what was found, what to do. */
public class JobException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public JobException(String message) {
    super(message);
  }

  public JobException(String message, Throwable cause) {
    super(message, cause);
  }
}

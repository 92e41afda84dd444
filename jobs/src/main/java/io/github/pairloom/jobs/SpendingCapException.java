package io.github.pairloom.jobs;

/** What the recipe may spend is spent; the command line exits with 4. */
public final class SpendingCapException extends JobException {
  private static final long serialVersionUID = 1L;

  public SpendingCapException(String message) {
    super(message);
  }
}

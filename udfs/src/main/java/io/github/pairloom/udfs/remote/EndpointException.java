package io.github.pairloom.udfs.remote;

/** An endpoint did not answer, or not as it should. The message says which, how, what to do. */
public final class EndpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public EndpointException(String message) {
    super(message);
  }

  public EndpointException(String message, Throwable cause) {
    super(message, cause);
  }
}

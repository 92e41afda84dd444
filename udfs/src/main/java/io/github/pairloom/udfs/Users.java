package io.github.pairloom.udfs;

/**
 * Counts who uses something native, so that it is closed when it is wanted no longer and nobody
 * uses it: closed under a running call, it would take the process with it.
 */
public final class Users {
  private final Runnable close;
  private int users;
  private boolean condemned;

  /**
   * @param close closes what is used
   */
  public Users(Runnable close) {
    this.close = close;
  }

  /** Returns whether the caller may use it, which then must {@link #leave}. */
  public synchronized boolean enter() {
    if (!condemned) {
      users++;
    }
    return !condemned;
  }

  /** Says that a user is done. */
  public synchronized void leave() {
    users--;
    closeIfUnused();
  }

  /** Closes it as soon as nobody uses it; nobody may enter any more. */
  public synchronized void condemn() {
    condemned = true;
    closeIfUnused();
  }

  /** Closes it if nobody uses it, and returns whether it did; nobody may enter then any more. */
  public synchronized boolean condemnIfUnused() {
    if (users == 0 && !condemned) {
      condemn();
      return true;
    }
    return false;
  }

  private void closeIfUnused() {
    if (condemned && users == 0) {
      close.run();
    }
  }
}

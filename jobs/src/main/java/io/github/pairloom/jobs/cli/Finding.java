package io.github.pairloom.jobs.cli;

/**
 * What {@code doctor} found about one thing.
 *
 * @param subject what was looked at
 * @param found what was found
 * @param remedy what to do; empty where all is well
 */
record Finding(String subject, String found, String remedy) {
  static Finding ok(String subject, String found) {
    return new Finding(subject, found, "");
  }

  /** Returns whether all is well. */
  boolean ok() {
    return remedy.isEmpty();
  }
}

package io.github.pairloom.jobs;

import java.util.Optional;

/**
 * One step of the pipeline. It may be run again at any time and then only does what is new: output
 * rows are keyed by content, and a row whose key is already there is not made again.
 */
public interface Step {
  /** Returns the name on the command line and in {@code runs}: a verb. */
  String name();

  /**
   * Does what is not done yet.
   *
   * @throws JobException if a person must act before this can go on
   */
  StepResult run(StepContext context);

  /**
   * Returns what {@link #run} would work on if it ran now, and writes nothing; empty if that is
   * only known once it is done.
   *
   * @throws JobException if the step cannot run yet
   */
  default Optional<Pending> pending(StepContext context) {
    return Optional.empty();
  }
}

package io.github.pairloom.benchmarks;

/** A measurement that this project claims figures from. */
interface Benchmark {
  /** Returns the name on the command line. */
  String name();

  /** Returns what is measured, in one line. */
  String summary();

  /**
   * Measures.
   *
   * @param limit most scenes of the demo set to take; smaller is quicker and rougher
   * @param figures takes the tables, printed as they come
   */
  void run(int limit, Figures figures);
}

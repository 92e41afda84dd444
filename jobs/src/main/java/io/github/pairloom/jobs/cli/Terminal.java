package io.github.pairloom.jobs.cli;

import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Where the command line writes, and what can be shown there.
 *
 * @param out results
 * @param err progress and errors
 * @param colours whether {@code out} shows ANSI colours
 * @param rewrites whether a line of {@code err} can be written over
 * @param width columns of text
 */
record Terminal(PrintWriter out, PrintWriter err, boolean colours, boolean rewrites, int width) {
  private static final int DEFAULT_WIDTH = 100;
  private static final int LEAST_WIDTH = 40;

  /**
   * Returns the terminal this process was started from. A Java machine cannot tell whether its
   * standard streams are terminals, so the launcher says so in the environment.
   */
  static Terminal system() {
    Map<String, String> environment = System.getenv();
    String columns = environment.getOrDefault("PAIRLOOM_COLUMNS", "");
    return new Terminal(
        writer(System.out),
        writer(System.err),
        environment.containsKey("PAIRLOOM_STDOUT_TTY") && !environment.containsKey("NO_COLOR"),
        environment.containsKey("PAIRLOOM_STDERR_TTY"),
        columns.matches("[0-9]{1,4}")
            ? Math.max(LEAST_WIDTH, Integer.parseInt(columns))
            : DEFAULT_WIDTH);
  }

  private static PrintWriter writer(OutputStream stream) {
    return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
  }
}

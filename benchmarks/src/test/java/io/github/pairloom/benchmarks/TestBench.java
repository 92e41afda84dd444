package io.github.pairloom.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class TestBench {
  @TempDir Path folder;

  @Test
  void whatCannotBeMeasuredOrWrittenIsSaidBeforeAnythingIsMeasured() {
    assertRefused("Invalid --scenes: -3 (must be at least 1)", "--scenes", "-3");
    assertRefused("Invalid --kills: 0 (must be at least 1)", "--kills", "0");
    Path gone = folder.resolve("gone");
    assertRefused("there is no folder " + gone, "--photos", gone.toString());
    assertRefused("cannot be written", "--json", gone.resolve("figures.json").toString());
    assertRefused("cannot be written", "--json", folder.toString());
  }

  @Test
  void anUnknownNameIsAnsweredWithThoseThatAre() {
    assertTrue(run("engnie").contains("There are: model, masking, method"));
  }

  private static void assertRefused(String message, String... options) {
    String[] arguments = {"masking", options[0], options[1]};
    String told = run(arguments);
    assertTrue(told.contains(message), told);
  }

  private static String run(String... arguments) {
    StringWriter told = new StringWriter();
    int exitCode = new CommandLine(new Bench()).setErr(new PrintWriter(told)).execute(arguments);
    assertEquals(2, exitCode, told::toString);
    return told.toString();
  }
}

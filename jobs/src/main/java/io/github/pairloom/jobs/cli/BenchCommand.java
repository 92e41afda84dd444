package io.github.pairloom.jobs.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;

/** Stands in the help for the launcher's {@code bench}, whose code is in a jar of its own. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    customSynopsis = "./pairloom bench NAME [--json FILE]",
    description = "Measures one of the figures this project claims; without NAME, lists them.")
final class BenchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /** Swallowed: the launcher takes them before they come here. */
  @Unmatched
  @SuppressWarnings("unused")
  private List<String> arguments = new ArrayList<>();

  @Override
  public Integer call() {
    throw new ParameterException(
        spec.commandLine(), "bench is not in this jar (start it as ./pairloom bench)");
  }
}

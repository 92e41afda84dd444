package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.Recipe;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Runs one step alone. */
@Command(mixinStandardHelpOptions = true)
final class StepCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final Steps.Entry step;

  @Parameters(paramLabel = "RECIPE", description = "The recipe, a YAML file.")
  private Path file;

  @Mixin private RecipeOptions options;

  private StepCommand(Terminal terminal, Steps.Entry step) {
    this.terminal = terminal;
    this.step = step;
  }

  static CommandLine line(Terminal terminal, Steps.Entry step) {
    CommandLine line = new CommandLine(new StepCommand(terminal, step));
    line.getCommandSpec().usageMessage().description(step.help());
    return line;
  }

  @Override
  public Integer call() {
    Recipe recipe = options.read(file);
    try (Sessions session = Sessions.open(step.name() + " " + recipe.name())) {
      Warehouse warehouse = new Warehouse(session.spark(), options.warehouse(recipe));
      new StepRunner(terminal)
          .run(step.step(), new StepContext(session.spark(), warehouse, recipe));
    }
    return 0;
  }
}

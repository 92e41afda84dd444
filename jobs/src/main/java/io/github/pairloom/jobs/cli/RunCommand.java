package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.schemas.Run;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs the pipeline. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description =
        "Runs all steps of a recipe, one after the other. What an earlier run has done is not done"
            + " again.")
final class RunCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final List<Steps.Entry> steps;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "RECIPE", description = "The recipe, a YAML file.")
  private Path file;

  @Mixin private RecipeOptions options;

  @Option(
      names = "--steps",
      split = ",",
      paramLabel = "STEP",
      description = "Only these, with commas; they run in the pipeline's order.")
  private List<String> only;

  RunCommand(Terminal terminal, List<Steps.Entry> steps) {
    this.terminal = terminal;
    this.steps = steps;
  }

  @Override
  public Integer call() {
    List<Steps.Entry> chosen = chosen();
    Recipe recipe = options.read(file);
    long start = System.nanoTime();
    try (Sessions session = Sessions.open("run " + recipe.name())) {
      Warehouse warehouse = new Warehouse(session.spark(), options.warehouse(recipe));
      StepContext context = new StepContext(session.spark(), warehouse, recipe);
      StepRunner runner = new StepRunner(terminal);
      List<Run> runs = new ArrayList<>();
      for (Steps.Entry step : chosen) {
        runs.add(runner.run(step.step(), context));
      }
      new Summary(terminal, context, file).print(runs, (System.nanoTime() - start) / 1e9);
    }
    return 0;
  }

  private List<Steps.Entry> chosen() {
    if (only == null) {
      return steps;
    }
    List<String> names = steps.stream().map(Steps.Entry::name).toList();
    List<String> unknown = only.stream().filter(name -> !names.contains(name)).toList();
    if (!unknown.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(),
          "Unknown steps: "
              + String.join(", ", unknown)
              + " (the steps are "
              + String.join(", ", names)
              + ")");
    }
    return steps.stream().filter(step -> only.contains(step.name())).toList();
  }
}

package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecipeException;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Looks for what would keep a run from working. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description =
        "Checks Java, Spark, native libraries, model files, memory and write access: what is wrong"
            + " and what to do.")
final class DoctorCommand implements Callable<Integer> {
  private static final ModelSpec DEMO_MODEL =
      ModelSpec.onCpu(Path.of(System.getProperty("pairloom.root", ""), "models/demo"));

  private final Terminal terminal;
  private int wrong;

  @Parameters(
      arity = "0..1",
      paramLabel = "RECIPE",
      description = "Checks this recipe, its model, source and warehouse too.")
  private Path file;

  @Mixin private RecipeOptions options;

  DoctorCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    Recipe recipe = null;
    List<Supplier<Finding>> checks = new ArrayList<>();
    if (file != null) {
      try {
        recipe = options.read(file);
        tell(Finding.ok("recipe", file + ", id " + recipe.id().substring(0, 12)));
      } catch (RecipeException e) {
        e.problems().forEach(p -> tell(new Finding("recipe", p, "Correct it in " + file)));
      }
    }
    ModelSpec model = recipe == null ? DEMO_MODEL : recipe.model();
    checks.add(HostChecks::java);
    checks.add(HostChecks::modules);
    checks.add(HostChecks::processor);
    checks.add(HostChecks::memory);
    checks.add(() -> HostChecks.writable("temporary folder", System.getProperty("java.io.tmpdir")));
    checks.add(HostChecks::djlCache);
    checks.add(EngineChecks::onnxRuntime);
    checks.add(EngineChecks::tokenizers);
    checks.add(EngineChecks::images);
    checks.add(() -> ModelCheck.of(model));
    if (recipe != null) {
      Recipe sound = recipe;
      String warehouse = options.warehouse(sound);
      checks.add(() -> HostChecks.source(sound.source()));
      checks.add(() -> HostChecks.writable("warehouse", warehouse));
    }
    checks.add(EngineChecks::spark);
    checks.forEach(check -> tell(check.get()));
    terminal.out().println(verdict());
    return wrong == 0 ? 0 : Pairloom.FAILED;
  }

  private String verdict() {
    if (wrong == 0) {
      return "All is well.";
    }
    return wrong == 1 ? "1 problem." : wrong + " problems.";
  }

  private void tell(Finding finding) {
    String state = finding.ok() ? "ok     " : "problem";
    terminal.out().printf("%s  %-16s  %s%n", state, finding.subject(), finding.found());
    if (!finding.ok()) {
      wrong++;
      terminal.out().println(" ".repeat(27) + finding.remedy() + ".");
    }
    terminal.out().flush();
  }
}

package io.github.pairloom.jobs.cli;

import static org.apache.spark.sql.functions.col;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.Pending;
import io.github.pairloom.jobs.Spending;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RemoteSettings;
import io.github.pairloom.schemas.Run;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.remote.ChatEndpoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.spark.sql.Row;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Tells what a run would do. */
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    description =
        "Tells what each step of a recipe has to do, how long and how many tokens that takes and what"
            + " it costs if it goes as in the step's last run on this warehouse, of this recipe if"
            + " there is one, and what models behind HTTP may cost. Writes nothing.")
final class PlanCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final List<Steps.Entry> steps;

  @Parameters(paramLabel = "RECIPE", description = "The recipe, a YAML file.")
  private Path file;

  @Mixin private RecipeOptions options;

  PlanCommand(Terminal terminal, List<Steps.Entry> steps) {
    this.terminal = terminal;
    this.steps = steps;
  }

  @Override
  public Integer call() {
    Recipe recipe = options.read(file);
    try (Sessions session = Sessions.open("plan " + recipe.name())) {
      Warehouse warehouse = Warehouse.readOnly(session.spark(), options.warehouse(recipe));
      StepContext context = new StepContext(session.spark(), warehouse, recipe);
      boolean moreComes = false;
      for (Steps.Entry entry : steps) {
        String line;
        try {
          Optional<Pending> pending = entry.step().pending(context);
          line =
              pending.map(some -> line(entry.name(), some, context)).orElse("finds out as it runs")
                  + (moreComes ? "; more comes from the steps before it" : "");
          moreComes |= pending.isPresent() && pending.get().amount() > 0;
        } catch (JobException | ModelException e) {
          line = "not yet: " + e.getMessage();
          moreComes = true;
        }
        terminal.out().printf("%-10s %s%n", entry.name(), line);
      }
      priced(context).forEach(terminal.out()::println);
    }
    return 0;
  }

  private static String line(String step, Pending pending, StepContext context) {
    String todo = pending.amount() + " " + pending.unit() + " to do";
    return pending.amount() == 0 || !pending.unit().equals(Pending.ROWS)
        ? todo
        : todo + lastRun(step, context).map(run -> estimate(pending, run, context)).orElse("");
  }

  /** Returns a line on each priced endpoint, and one on what is spent and may be. */
  private static List<String> priced(StepContext context) {
    List<String> lines = new ArrayList<>();
    Settings.within(context.recipe().reject(), ChatEndpoint.class)
        .distinct()
        .filter(endpoint -> endpoint.readPrice() + endpoint.writtenPrice() > 0)
        .forEach(
            endpoint ->
                lines.add(
                    String.format(
                        Locale.ROOT,
                        "%s at %s: %s for a million tokens read, %s written; an answer of max-tokens %s costs %.6g",
                        endpoint.model(),
                        endpoint.url(),
                        endpoint.readPrice(),
                        endpoint.writtenPrice(),
                        endpoint.maxTokens(),
                        endpoint.nanoCost(0, endpoint.maxTokens()) / 1e9)));
    Spending.Amount spent = Spending.soFar(context);
    RemoteSettings cap = context.recipe().remote();
    if (!lines.isEmpty() || spent.tokens() > 0 || cap.maxTokens() > 0) {
      lines.add(
          String.format(
              Locale.ROOT,
              "spent      %d tokens (remote.max-tokens: %s), %.6g (remote.max-cost: %s) by this recipe's runs so far",
              spent.tokens(),
              cap.maxTokens() == 0 ? "none" : cap.maxTokens(),
              spent.cost(),
              cap.maxCost() == 0 ? "none" : cap.maxCost()));
    }
    return lines;
  }

  /** Returns the last run of a step that worked on anything, of this recipe if there is one. */
  private static Optional<Run> lastRun(String step, StepContext context) {
    List<Row> rows =
        context
            .warehouse()
            .read(Table.RUNS)
            .where(col("step").equalTo(step).and(col("read").gt(0)))
            .orderBy(
                col("recipe_name").equalTo(context.recipe().name()).desc(),
                col("finished_at").desc())
            .takeAsList(1);
    return rows.stream().findFirst().map(Run.CODEC::fromRow);
  }

  private static String estimate(Pending pending, Run run, StepContext context) {
    double candidates = run.metrics().getOrDefault(ModelRows.CANDIDATES, (double) run.read());
    double share = pending.amount() / candidates;
    List<String> parts = new ArrayList<>();
    parts.add(Texts.duration(share * StepRunner.seconds(run)));
    for (String tokens :
        List.of(
            "tokens-prefilled", "tokens-decoded", "remote-tokens-read", "remote-tokens-written")) {
      Double counted = run.metrics().get(tokens);
      if (counted != null) {
        parts.add("%.0f %s".formatted(share * counted, tokens));
      }
    }
    double cost = run.metrics().getOrDefault("remote-cost", 0.0);
    if (cost > 0) {
      parts.add(String.format(Locale.ROOT, "%.6g remote-cost", share * cost));
    }
    String of =
        run.recipeName().equals(context.recipe().name()) ? "" : ", of recipe " + run.recipeName();
    return ", about %s (as its last run of %s rows%s)"
        .formatted(String.join(", ", parts), run.read(), of);
  }
}

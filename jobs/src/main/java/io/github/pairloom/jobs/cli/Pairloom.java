package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.SpendingCapException;
import io.github.pairloom.jobs.TooManyBadRowsException;
import io.github.pairloom.jobs.recipe.RecipeException;
import io.github.pairloom.udfs.ModelException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.sql.AnalysisException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line: {@code ./pairloom COMMAND}. */
@Command(
    name = "pairloom",
    mixinStandardHelpOptions = true,
    versionProvider = Versions.class,
    synopsisSubcommandLabel = "COMMAND",
    description = "Weaves image/prompt shards into preference tables on Apache Spark.%n",
    commandListHeading = "%nCommands:%n",
    footer = {
      "",
      "First steps:",
      "  ./pairloom doctor",
      "  ./pairloom run conf/recipes/quickstart.yaml",
      "  ./pairloom show preference_pairs conf/recipes/quickstart.yaml --limit 3",
      "",
      "Exit codes: 0 done, 2 wrong usage or recipe, 3 too many bad rows, 4 stopped at"
          + " the recipe's cap on spending, 75 a row hung and the process ended itself (run it"
          + " again), 1 anything else."
    })
public final class Pairloom implements Runnable {
  static final int FAILED = 1;
  static final int WRONG_USAGE = 2;
  static final int TOO_MANY_BAD_ROWS = 3;
  static final int SPENDING_CAP = 4;

  @Spec private CommandSpec spec;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of a failure.")
  private boolean verbose;

  private Pairloom() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    // Delta names its commits by the default locale, whose digits may be others than these.
    Locale.setDefault(Locale.ROOT);
    int exitCode = execute(Terminal.system(), Steps.all(), args);
    // YARN takes a driver in the cluster that exits of itself, even with 0, for one that failed.
    if (exitCode != 0 || !"cluster".equals(System.getProperty("spark.submit.deployMode"))) {
      System.exit(exitCode);
    }
  }

  /** Runs one command and returns its exit code. */
  static int execute(Terminal terminal, List<Steps.Entry> steps, String... args) {
    Pairloom pairloom = new Pairloom();
    CommandLine line = new CommandLine(pairloom);
    line.addSubcommand("run", new RunCommand(terminal, steps));
    steps.forEach(step -> line.addSubcommand(step.name(), StepCommand.line(terminal, step)));
    line.addSubcommand("plan", new PlanCommand(terminal, steps))
        .addSubcommand("show", new ShowCommand(terminal))
        .addSubcommand("doctor", new DoctorCommand(terminal))
        .addSubcommand("settings", new SettingsCommand(terminal))
        .addSubcommand("bench", new BenchCommand());
    line.setOut(terminal.out())
        .setErr(terminal.err())
        .setUsageHelpWidth(Math.min(terminal.width(), 100))
        .setUsageHelpAutoWidth(false)
        .setColorScheme(
            CommandLine.Help.defaultColorScheme(
                terminal.colours() ? CommandLine.Help.Ansi.ON : CommandLine.Help.Ansi.OFF))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler((e, ignored) -> wrongUsage(terminal, e))
        .setExecutionExceptionHandler(
            (e, command, result) -> failed(terminal, e, pairloom.verbose));
    try {
      return line.execute(args);
    } catch (Error e) {
      return failed(terminal, e, pairloom.verbose);
    } finally {
      terminal.out().flush();
      terminal.err().flush();
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "No command given");
  }

  private static int wrongUsage(Terminal terminal, ParameterException e) {
    terminal.err().println(e.getMessage() + ".");
    UnmatchedArgumentException.printSuggestions(e, terminal.err());
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    terminal.err().println("See ./" + command + " --help");
    return WRONG_USAGE;
  }

  private static int failed(Terminal terminal, Throwable e, boolean verbose) {
    Optional<Throwable> explained = explanation(e);
    if (verbose) {
      e.printStackTrace(terminal.err());
    }
    // Names of files are in messages, and a file may have any name.
    terminal
        .err()
        .println(
            Texts.printable(explained.map(Throwable::getMessage).orElseGet(() -> rootCause(e))));
    if (explained.isEmpty() && !verbose) {
      terminal.err().println("Run it again with --verbose to see where this happened.");
    }
    return exitCode(explained.orElse(e));
  }

  private static int exitCode(Throwable e) {
    if (e instanceof RecipeException) {
      return WRONG_USAGE;
    }
    if (e instanceof SpendingCapException) {
      return SPENDING_CAP;
    }
    return e instanceof TooManyBadRowsException ? TOO_MANY_BAD_ROWS : FAILED;
  }

  /** Returns what was said for people to read; Spark wraps what its threads throw. */
  private static Optional<Throwable> explanation(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      // A model that is refused and did not fail, like a step's own refusal, needs no trace.
      if (cause instanceof JobException
          || (cause instanceof ModelException && cause.getCause() == null)) {
        return Optional.of(cause);
      }
    }
    return Optional.empty();
  }

  private static String rootCause(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null && !(root instanceof AnalysisException)) {
      root = root.getCause();
    }
    String message = String.valueOf(root.getMessage()).lines().findFirst().orElse("");
    return "Failed: " + root.getClass().getSimpleName() + ": " + message;
  }
}

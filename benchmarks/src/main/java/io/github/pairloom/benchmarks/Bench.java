package io.github.pairloom.benchmarks;

import com.google.errorprone.annotations.FormatMethod;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ./pairloom bench NAME [--json FILE] [--scenes N] [--photos DIR]}. */
@Command(
    name = "pairloom bench",
    description = "Measures what this project claims.",
    sortOptions = false,
    mixinStandardHelpOptions = true)
public final class Bench implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "NAME", arity = "0..1", description = "what to measure; none lists all")
  private String name;

  @Option(names = "--json", paramLabel = "FILE", description = "write the figures as JSON too")
  private Path json;

  @Option(
      names = "--scenes",
      paramLabel = "N",
      defaultValue = "300",
      description = "scenes of the demo set to take (default: ${DEFAULT-VALUE}, all)")
  private int scenes;

  @Option(
      names = "--photos",
      paramLabel = "DIR",
      description = "folder of photographs for images-dedup (default: drawn scenes only)")
  private Path photos;

  @Option(
      names = "--kills",
      paramLabel = "N",
      defaultValue = "60",
      description = "processes that crash kills (default: ${DEFAULT-VALUE})")
  private int kills;

  @Option(
      names = "--steps",
      paramLabel = "NAMES",
      split = ",",
      description = "steps that crash kills processes of (default: all)")
  private List<String> steps = CrashBenchmark.STEPS;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "seed of what crash draws (default: ${DEFAULT-VALUE})")
  private long seed;

  @Override
  public Integer call() throws IOException {
    List<Benchmark> benchmarks = benchmarks();
    if (name == null) {
      benchmarks.forEach(b -> System.out.printf("%-12s %s%n", b.name(), b.summary()));
      return 0;
    }
    Benchmark benchmark =
        benchmarks.stream()
            .filter(b -> b.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    usage(
                        "No benchmark is called '%s'. There are: %s",
                        name,
                        benchmarks.stream()
                            .map(Benchmark::name)
                            .collect(Collectors.joining(", "))));
    checkOptions();
    Figures figures = new Figures(name, System.out);
    benchmark.run(scenes, figures);
    if (json != null) {
      figures.writeJson(json);
    }
    return 0;
  }

  /** What would only be missed at the end, or measure nothing, is said before hours of work. */
  private void checkOptions() {
    if (scenes < 1) {
      throw usage("Invalid --scenes: %s (must be at least 1)", scenes);
    }
    if (kills < 1) {
      throw usage("Invalid --kills: %s (must be at least 1)", kills);
    }
    if (!CrashBenchmark.STEPS.containsAll(steps)) {
      throw usage(
          "Invalid --steps: %s (must be of %s)",
          String.join(",", steps), String.join(",", CrashBenchmark.STEPS));
    }
    if (photos != null && !Files.isDirectory(photos)) {
      throw usage("Invalid --photos: there is no folder %s", photos);
    }
    Path folder = json == null ? null : json.toAbsolutePath().getParent();
    if (folder != null && (!Files.isWritable(folder) || Files.isDirectory(json))) {
      throw usage(
          "Invalid --json: %s cannot be written; name a file in a folder that is there", json);
    }
  }

  @FormatMethod
  private CommandLine.ParameterException usage(String message, Object... found) {
    return new CommandLine.ParameterException(spec.commandLine(), message.formatted(found));
  }

  private List<Benchmark> benchmarks() {
    return List.of(
        new ModelBenchmark(),
        new MaskingBenchmark(),
        new MethodBenchmark(),
        new StrategiesBenchmark(),
        new EngineBenchmark(),
        new CostBenchmark(),
        new SparkBenchmark(),
        new ScalingBenchmark(),
        new SoakBenchmark(),
        new CrashBenchmark(seed, kills, steps),
        new DedupBenchmark(DedupBenchmark.Part.ALL),
        new DedupBenchmark(DedupBenchmark.Part.SPEED),
        new DedupBenchmark(DedupBenchmark.Part.MLLIB),
        new DedupBenchmark(DedupBenchmark.Part.DAILY),
        new DedupBenchmark(DedupBenchmark.Part.CLUSTER),
        new ImageDedupBenchmark(photos));
  }

  public static void main(String... args) {
    System.exit(new CommandLine(new Bench()).execute(args));
  }
}

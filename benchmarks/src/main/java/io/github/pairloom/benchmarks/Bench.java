package io.github.pairloom.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ./pairloom bench NAME [--json FILE] [--scenes N] [--photos DIR]}. */
@Command(
    name = "pairloom bench",
    description = "Measures what this project claims.",
    sortOptions = false,
    mixinStandardHelpOptions = true)
public final class Bench implements Callable<Integer> {
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
                    new CommandLine.ParameterException(
                        new CommandLine(this),
                        "No benchmark is called '%s'. There are: %s"
                            .formatted(
                                name,
                                benchmarks.stream()
                                    .map(Benchmark::name)
                                    .collect(Collectors.joining(", ")))));
    Figures figures = new Figures(name, System.out);
    benchmark.run(scenes, figures);
    if (json != null) {
      figures.writeJson(json);
    }
    return 0;
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
        new SoakBenchmark(),
        new CrashBenchmark(seed, kills),
        new DedupBenchmark(DedupBenchmark.Part.ALL),
        new DedupBenchmark(DedupBenchmark.Part.SPEED),
        new DedupBenchmark(DedupBenchmark.Part.MLLIB),
        new DedupBenchmark(DedupBenchmark.Part.DAILY),
        new ImageDedupBenchmark(photos));
  }

  public static void main(String... args) {
    System.exit(new CommandLine(new Bench()).execute(args));
  }
}

package io.github.pairloom.benchmarks;

import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.files.LocalFiles;
import io.github.pairloom.jobs.ingest.IngestStep;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecipeReader;
import io.github.pairloom.jobs.reference.ReferenceStep;
import io.github.pairloom.jobs.reject.RejectStep;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.SparkSession;

/**
 * What Spark and Delta cost: step {@code reject} on one core against the bare engine on the same
 * rows, similarity included in both. The step's task and its lane are two threads, as are the bare
 * engine's, and each loads its model anew. Both have run before the clock starts: the first minute
 * of a JVM goes to its compiler, which is a core's work.
 *
 * <p>{@code ./pairloom bench spark --json FILE}
 */
final class SparkBenchmark implements Benchmark {
  private static final Path MODELS =
      Path.of(System.getProperty("pairloom.root", "."), "models").toAbsolutePath();

  /** Strategies that make few rows, of which the step's planning and commits are a good part. */
  private static final int FEW = 10;

  private static final int MANY = 200;

  /** Strategies until the JVM has compiled what the step runs, or most of it. */
  private static final int WARM_UP = 50;

  /** What the step came to, and its seconds. */
  private record Timed(StepResult result, double seconds) {}

  @Override
  public String name() {
    return "spark";
  }

  @Override
  public String summary() {
    return "pairs/s of step reject on one core against the bare engine";
  }

  @Override
  public void run(int limit, Figures figures) {
    try {
      List<List<Object>> lines = new ArrayList<>();
      StepResult last = null;
      List<DemoSet.Sample> samples = DemoSet.samples(limit);
      int half = samples.size() / 2;
      for (int strategies : List.of(FEW, MANY)) {
        Path folder = Files.createTempDirectory("pairloom-bench-spark");
        Recipe recipe = demoRecipe(folder, 0, strategies);
        List<RejectionStrategy> all = recipe.reject().strategies();
        if (lines.isEmpty()) {
          bareSeconds(recipe, all, samples);
          Path warm = Files.createDirectories(folder.resolve("warm"));
          step(demoRecipe(warm, MANY, WARM_UP), warm);
        }
        // Half before and half after, as a machine that others use is not the same all the time.
        double before = bareSeconds(recipe, all, samples.subList(0, half));
        Timed step = step(recipe, folder);
        double bare = before + bareSeconds(recipe, all, samples.subList(half, samples.size()));
        long bareRows = (long) samples.size() * strategies;
        double stepRate = step.result.read() / step.seconds;
        double bareRate = bareRows / bare;
        lines.add(
            List.of(
                step.result.read(),
                step.seconds,
                stepRate,
                bareRows,
                bare,
                bareRate,
                stepRate / bareRate,
                1000 / stepRate - 1000 / bareRate));
        last = step.result;
      }
      figures.add(
          "Step reject on local[1] against the engine alone, each loading its model",
          List.of(
              "rows",
              "step s",
              "pairs/s",
              "engine's rows",
              "engine s",
              "pairs/s",
              "share",
              "ms a pair more"),
          lines);
      figures.add(
          "What the model did in the step of most rows",
          List.of("figure", "value"),
          last.metrics().entrySet().stream()
              .map(e -> List.<Object>of(e.getKey(), e.getValue()))
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Timed step(Recipe recipe, Path folder) throws IOException {
    try (SparkSession spark = session("local[1]")) {
      StepContext context =
          new StepContext(
              spark, new Warehouse(spark, folder.resolve("warehouse").toString()), recipe);
      for (Step first : List.of(new IngestStep(), new ReferenceStep())) {
        first.run(context);
      }
      ExecutorModels.closeAll();
      long start = System.nanoTime();
      StepResult result = new RejectStep().run(context);
      return new Timed(result, (System.nanoTime() - start) / 1e9);
    }
  }

  private static double bareSeconds(
      Recipe recipe, List<RejectionStrategy> strategies, List<DemoSet.Sample> samples) {
    ExecutorModels.closeAll();
    long start = System.nanoTime();
    try (Workbench bench =
        new Workbench(
            ExecutorModels.open(ModelSpec.onCpu(Path.of(recipe.model().path()))),
            EngineBenchmark.similarity())) {
      EngineRun.rejectAll(strategies, samples, bench, recipe.seed());
      return (System.nanoTime() - start) / 1e9;
    }
  }

  /**
   * Returns a recipe of the demo model and set, with strategies that differ in their mask rate a
   * little.
   *
   * @param folder takes the recipe's file
   * @param first number of the first strategy: the same strategies make the same pairs
   */
  static Recipe demoRecipe(Path folder, int first, int count) throws IOException {
    String strategies =
        IntStream.range(first, first + count)
            .mapToObj("    - {type: bdhs-attention, mask-rate: 0.99%03d}%n"::formatted)
            .collect(Collectors.joining());
    Path file =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            "name: bench-spark%nsource: {name: demo, format: webdataset, path: '%s'}%nmodel: {path: '%s'}%nreject:%n  strategies:%n%s"
                .formatted(MODELS.resolve("demo-data/shards"), MODELS.resolve("demo"), strategies));
    return RecipeReader.read(file, List.of());
  }

  /** Returns a session of this JVM. */
  static SparkSession session(String master) {
    SparkSession.Builder builder = SparkSession.builder().master(master);
    LocalFiles.settings().forEach(builder::config);
    Map.of(
            "spark.ui.enabled", "false",
            "spark.driver.host", "localhost",
            "spark.driver.bindAddress", "127.0.0.1",
            "spark.sql.shuffle.partitions", "2",
            "spark.databricks.delta.snapshotPartitions", "2",
            "spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .forEach(builder::config);
    return builder.getOrCreate();
  }
}

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
 * engine's, and each loads its model anew.
 *
 * <p>{@code ./pairloom bench spark --json FILE}
 */
final class SparkBenchmark implements Benchmark {
  private static final Path MODELS =
      Path.of(System.getProperty("pairloom.root", "."), "models").toAbsolutePath();
  private static final Path SHARDS = MODELS.resolve("demo-data/shards");

  /** Scenes of the first shard. */
  private static final int SHARD_SCENES = 200;

  /**
   * What is run.
   *
   * @param model its name in the table
   * @param folder of the model
   * @param source shards
   * @param scenes in them
   * @param strategies over each sample, which differ in their mask rate a little
   * @param settings of each strategy
   */
  private record Rows(
      String model, Path folder, Path source, int scenes, int strategies, String settings) {}

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
      // Few rows, of which the step's planning and commits are a good part, and many.
      for (Rows rows :
          List.of(
              new Rows("demo", MODELS.resolve("demo"), SHARDS, limit, 10, ""),
              new Rows("demo", MODELS.resolve("demo"), SHARDS, limit, 200, ""),
              // Its random weights end no sentence.
              new Rows(
                  "bench-size",
                  BenchModel.create(MODELS.resolve("../benchmarks/target/bench-model"), 1),
                  SHARDS.resolve("scenes-00000.tar"),
                  Math.min(limit, SHARD_SCENES),
                  2,
                  ", bdhs: {iterations: 1, sampling: {temperature: 1, max-new-tokens: 8}}"))) {
        List<DemoSet.Sample> samples = DemoSet.samples(rows.scenes);
        int strategies = rows.strategies;
        Path folder = Files.createTempDirectory("pairloom-bench-spark");
        Recipe recipe = recipe(folder, rows);
        List<RejectionStrategy> all = recipe.reject().strategies();
        if (lines.isEmpty()) {
          // Warms up.
          bareSeconds(recipe, all, samples);
        }
        // Half before and half after, as a machine that others use is not the same all the time.
        double before = bareSeconds(recipe, all.subList(0, strategies / 2), samples);
        Timed step = step(recipe, folder);
        double bare =
            before + bareSeconds(recipe, all.subList(strategies / 2, strategies), samples);
        long bareRows = (long) samples.size() * strategies;
        double stepRate = step.result.read() / step.seconds;
        double bareRate = bareRows / bare;
        lines.add(
            List.of(
                rows.model,
                step.result.read(),
                step.seconds,
                stepRate,
                bareRows,
                bare,
                bareRate,
                stepRate / bareRate,
                1000 / stepRate - 1000 / bareRate));
        last = last == null || step.result.read() > last.read() ? step.result : last;
      }
      figures.add(
          "Step reject on local[1] against the engine alone, each loading its model",
          List.of(
              "model",
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
   * Returns a recipe of the demo model and set.
   *
   * @param folder takes the recipe's file
   */
  static Recipe demoRecipe(Path folder, int strategies) throws IOException {
    return recipe(folder, new Rows("demo", MODELS.resolve("demo"), SHARDS, 0, strategies, ""));
  }

  private static Recipe recipe(Path folder, Rows rows) throws IOException {
    String strategies =
        IntStream.range(0, rows.strategies)
            .mapToObj(
                i ->
                    "    - {type: bdhs-attention, mask-rate: 0.99%03d%s}%n"
                        .formatted(i, rows.settings))
            .collect(Collectors.joining());
    Path file =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            "name: bench-spark%nsource: {name: demo, format: webdataset, path: '%s'}%nmodel: {path: '%s'}%nreject:%n  strategies:%n%s"
                .formatted(rows.source, rows.folder, strategies));
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

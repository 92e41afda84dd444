package io.github.pairloom.benchmarks;

import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.ingest.IngestStep;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.reference.ReferenceStep;
import io.github.pairloom.jobs.reject.RejectStep;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.spark.sql.SparkSession;

/**
 * Step {@code reject} on a standalone cluster of one worker and of two, each with one core and kept
 * on a CPU of its own; and what two engines in two threads do against one, which is all that the
 * machine's second CPU gives. Executors have run the step before the clock starts: the first minute
 * of each goes to its compiler, however many there are.
 *
 * <p>{@code ./pairloom bench scaling --json FILE}
 */
final class ScalingBenchmark implements Benchmark {
  /** Strategies over the demo set's samples: some minutes of work for one core. */
  private static final int STRATEGIES = 100;

  /** Strategies until an executor has compiled what the step runs, or most of it. */
  private static final int WARM_UP = 40;

  /** Tasks of a batch: several for each core, so that none is idle for long at the end. */
  private static final int TASKS = 6;

  @Override
  public String name() {
    return "scaling";
  }

  @Override
  public String summary() {
    return "pairs/s of step reject on one worker core against two";
  }

  @Override
  public void run(int limit, Figures figures) {
    try {
      Path folder = Files.createTempDirectory("pairloom-bench-scaling");
      try {
        Recipe warmUp =
            SparkBenchmark.demoRecipe(
                Files.createDirectories(folder.resolve("warm-up")), STRATEGIES, WARM_UP);
        Recipe recipe = SparkBenchmark.demoRecipe(folder, 0, STRATEGIES);
        Timed one = reject(folder, 1, warmUp, recipe);
        Timed two = reject(folder, 2, warmUp, recipe);
        List<DemoSet.Sample> samples = DemoSet.samples(limit);
        List<RejectionStrategy> few = recipe.reject().strategies().subList(0, STRATEGIES / 5);
        engines(1, recipe, few, samples);
        double engine = engines(1, recipe, few, samples);
        double machine = 2 * engine / engines(2, recipe, few, samples);
        double step = one.seconds / two.seconds;
        figures.add(
            "Step reject on one worker core and on two; two engines in two threads against one",
            List.of(
                "rows",
                "one core s",
                "two cores s",
                "step's factor",
                "machine's factor",
                "step's share of it",
                "one engine's pairs/s",
                "step's on one core"),
            List.of(
                List.of(
                    one.rows,
                    one.seconds,
                    two.seconds,
                    step,
                    machine,
                    step / machine,
                    STRATEGIES / 5.0 * samples.size() / engine,
                    one.rows / one.seconds)));
      } finally {
        DedupBenchmark.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Rows of the step, and its seconds. */
  private record Timed(long rows, double seconds) {}

  /** Runs the step in a warehouse of its own. */
  private static Timed reject(Path folder, int workers, Recipe warmUp, Recipe recipe)
      throws IOException {
    Path own = Files.createDirectories(folder.resolve("workers-" + workers));
    try (LocalCluster cluster =
            LocalCluster.start(own, Collections.nCopies(workers, Map.of()), 1, "4g", true);
        SparkSession spark = DedupBenchmark.session(cluster.master())) {
      spark.conf().set("spark.sql.shuffle.partitions", TASKS);
      Warehouse warehouse = new Warehouse(spark, own.resolve("w").toString());
      for (Step first : List.of(new IngestStep(), new ReferenceStep(), new RejectStep())) {
        first.run(new StepContext(spark, warehouse, warmUp));
      }
      long start = System.nanoTime();
      long rows = new RejectStep().run(new StepContext(spark, warehouse, recipe)).read();
      return new Timed(rows, (System.nanoTime() - start) / 1e9);
    }
  }

  /** Returns the seconds until all of so many engines, a thread each, have done the same rows. */
  private static double engines(
      int count, Recipe recipe, List<RejectionStrategy> strategies, List<DemoSet.Sample> samples) {
    List<Workbench> benches =
        IntStream.range(0, count)
            .mapToObj(
                i ->
                    new Workbench(
                        ExecutorModels.openInline(DemoSet.model()), EngineBenchmark.similarity()))
            .toList();
    long start = System.nanoTime();
    benches.stream()
        .map(
            bench ->
                CompletableFuture.runAsync(
                    () -> EngineRun.rejectAll(strategies, samples, bench, recipe.seed())))
        .toList()
        .forEach(CompletableFuture::join);
    double seconds = (System.nanoTime() - start) / 1e9;
    benches.forEach(Workbench::close);
    return seconds;
  }
}

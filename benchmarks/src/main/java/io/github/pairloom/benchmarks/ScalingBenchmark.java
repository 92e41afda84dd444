package io.github.pairloom.benchmarks;

import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
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
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.spark.sql.SparkSession;

/**
 * Step {@code reject} on a standalone cluster of one worker and of two, each with one core and kept
 * on a CPU of its own; and what two engines in two threads do against one, which is all that the
 * machine's second CPU gives.
 *
 * <p>{@code ./pairloom bench scaling --json FILE}
 */
final class ScalingBenchmark implements Benchmark {
  /** Strategies over the demo set's samples: some minutes of work for one core. */
  private static final int STRATEGIES = 100;

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
        Recipe recipe = SparkBenchmark.demoRecipe(folder, STRATEGIES);
        List<Double> seconds = new ArrayList<>();
        long rows = 0;
        for (int workers = 1; workers <= 2; workers++) {
          StepResult[] result = new StepResult[1];
          seconds.add(reject(folder, workers, recipe, result));
          rows = result[0].read();
        }
        List<DemoSet.Sample> samples = DemoSet.samples(limit);
        List<RejectionStrategy> few = recipe.reject().strategies().subList(0, STRATEGIES / 5);
        engines(1, recipe, few, samples);
        double one = engines(1, recipe, few, samples);
        double two = engines(2, recipe, few, samples);
        double step = seconds.get(0) / seconds.get(1);
        double machine = 2 * one / two;
        figures.add(
            "Step reject on one worker core and on two; two engines in two threads against one",
            List.of(
                "rows",
                "one core s",
                "two cores s",
                "step's factor",
                "machine's factor",
                "step's share of it"),
            List.of(List.of(rows, seconds.get(0), seconds.get(1), step, machine, step / machine)));
      } finally {
        DedupBenchmark.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the seconds of the step in a warehouse of its own. */
  private static double reject(Path folder, int workers, Recipe recipe, StepResult[] result)
      throws IOException {
    Path own = Files.createDirectories(folder.resolve("workers-" + workers));
    try (LocalCluster cluster =
            LocalCluster.start(own, Collections.nCopies(workers, Map.of()), 1, "4g", true);
        SparkSession spark = DedupBenchmark.session(cluster.master())) {
      spark.conf().set("spark.sql.shuffle.partitions", TASKS);
      StepContext context =
          new StepContext(spark, new Warehouse(spark, own.resolve("w").toString()), recipe);
      for (Step first : List.of(new IngestStep(), new ReferenceStep())) {
        first.run(context);
      }
      long start = System.nanoTime();
      result[0] = new RejectStep().run(context);
      return (System.nanoTime() - start) / 1e9;
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

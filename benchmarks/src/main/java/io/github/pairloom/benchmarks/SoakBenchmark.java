package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory over 20,000 rows: what is native and not closed shows in the resident size, which the Java
 * heap's limit does not bound.
 *
 * <p>{@code PAIRLOOM_MEMORY=512m ./pairloom bench soak --json FILE}: a larger heap hides what is
 * native, as the JVM fills it first. Linux only: sizes are read from {@code /proc}.
 */
final class SoakBenchmark implements Benchmark {
  private static final int ROWS = 20_000;
  private static final int LINES = 10;
  private static final double KIB_PER_MIB = 1024;
  private static final Path STATUS = Path.of("/proc/self/status");

  @Override
  public String name() {
    return "soak";
  }

  @Override
  public String summary() {
    return "resident memory over 20,000 rows";
  }

  @Override
  public void run(int limit, Figures figures) {
    List<DemoSet.Sample> samples = DemoSet.samples(limit);
    RejectionStrategy strategy =
        new BdhsAttention(0.9, new Bdhs(5, 0.97, 0.5, new Sampling(0.7, 1, 90)));
    List<List<Object>> lines = new ArrayList<>();
    try (Workbench bench =
        new Workbench(ExecutorModels.open(DemoSet.model()), EngineBenchmark.similarity())) {
      long rows = 0;
      for (long seed = 0; rows < ROWS; seed++) {
        long start = System.nanoTime();
        EngineRun.reject(strategy, samples, bench, seed);
        double seconds = (System.nanoTime() - start) / 1e9;
        rows += samples.size();
        if (rows * LINES / ROWS > lines.size() || seed == 0) {
          lines.add(
              List.of(rows, mebibytes("VmRSS"), mebibytes("VmHWM"), samples.size() / seconds));
        }
      }
    }
    figures.add(
        "Memory of a task that makes one rejected response after the other, mask rate 0.9",
        List.of("rows so far", "resident MiB", "peak MiB", "pairs/s"),
        lines);
    double first = (double) lines.get(1).get(2);
    double last = (double) lines.get(lines.size() - 1).get(2);
    figures.add(
        "Peak after all rows against the peak after a tenth",
        List.of("tenth MiB", "all MiB", "ratio"),
        List.of(List.of(first, last, last / first)));
  }

  private static double mebibytes(String key) {
    try {
      return Files.readAllLines(STATUS).stream()
              .filter(line -> line.startsWith(key + ":"))
              .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
              .findFirst()
              .orElseThrow()
          / KIB_PER_MIB;
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + STATUS + ", which only Linux has", e);
    }
  }
}

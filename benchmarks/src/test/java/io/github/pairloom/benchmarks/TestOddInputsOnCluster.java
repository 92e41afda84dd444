package io.github.pairloom.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.Table;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.commons.io.FileUtils;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The odd files and texts that TestIngestStep makes, submitted to a standalone cluster of two
 * workers, whose executors have 512 MB: a decompression bomb that was opened would need more.
 */
class TestOddInputsOnCluster {
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"));

  /** Where TestIngestStep leaves its sources. */
  private static final Path INPUTS = ROOT.resolve("jobs/target/bad-inputs");

  /** Copies of the odd files, of names of their own, that fill an executor, and 4 times as many. */
  private static final int FEW = 8;

  private static final int MANY = 32;

  @TempDir static Path folder;
  private static final Map<String, LocalCluster.Finished> runs = new HashMap<>();
  private static String logs;

  @BeforeAll
  static void runOnCluster() throws IOException {
    List<Map<String, String>> workers = List.of(Map.of(), Map.of());
    try (LocalCluster cluster = LocalCluster.start(folder, workers, 1, "2g")) {
      for (String name : List.of("files", "texts")) {
        runs.put(name, ingest(cluster, name, INPUTS.resolve(name).resolve("rows.jsonl")));
      }
      for (int copies : List.of(FEW, MANY)) {
        Path sources = folder.resolve("copies-" + copies);
        for (int i = 0; i < copies; i++) {
          FileUtils.copyDirectory(
              INPUTS.resolve("files").toFile(), sources.resolve("" + i).toFile());
        }
        runs.put("" + copies, ingest(cluster, "" + copies, sources.resolve("*/rows.jsonl")));
      }
      logs = cluster.workerLogs();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"files", "texts"})
  void everyOddInputIsReadRightOrQuarantinedAndNoTaskFailsInSmallExecutors(String name)
      throws IOException {
    LocalCluster.Finished run = runs.get(name);
    assertEquals(0, run.exitCode(), () -> run.output() + logs);
    assertFalse(run.output().contains("Lost task"), run::output);
    List<String> expected = new ArrayList<>();
    new ObjectMapper()
        .readTree(INPUTS.resolve(name).resolve("expected.json").toFile())
        .forEach(outcome -> expected.add(outcome.asText()));
    assertTrue(expected.size() >= 40, expected::toString);
    List<String> found = new ArrayList<>(expected);
    found.replaceAll(outcome -> "no row");
    try (SparkSession spark = SparkBenchmark.session("local[2]")) {
      Warehouse warehouse = new Warehouse(spark, folder.resolve(name).toString());
      for (Row row :
          warehouse.read(Table.QUARANTINE).select("source_row", "reason").collectAsList()) {
        found.set(rowNumber(row.getString(0)), row.getString(1));
      }
      for (Row row :
          warehouse
              .read(Table.SAMPLES)
              .join(warehouse.read(Table.IMAGES), "image_id")
              .select("source_row", "width", "height")
              .collectAsList()) {
        found.set(
            rowNumber(row.getString(0)),
            name.equals("files") ? row.getInt(1) + "x" + row.getInt(2) : "read");
      }
    }
    assertEquals(expected, found);
  }

  @Test
  void memoryDoesNotGrowWithTheNumberOfOddFiles() throws IOException {
    Map<Integer, Long> peaks = new TreeMap<>();
    for (int copies : List.of(FEW, MANY)) {
      LocalCluster.Finished run = runs.get("" + copies);
      assertEquals(0, run.exitCode(), () -> run.output() + logs);
      peaks.put(copies, peakOfAnExecutor("" + copies) >> 20);
    }
    System.out.println("Peak MiB of an executor by copies of the odd files: " + peaks);
    assertTrue(peaks.get(FEW) > 0, peaks::toString);
    assertTrue(peaks.get(MANY) < 1.15 * peaks.get(FEW), peaks::toString);
  }

  /** Returns the bytes in memory of the process, of all executors, that had most at its most. */
  private static long peakOfAnExecutor(String name) throws IOException {
    long peak = 0;
    ObjectMapper json = new ObjectMapper();
    try (Stream<Path> files = Files.list(events(name))) {
      for (String line : Files.readAllLines(files.findFirst().orElseThrow())) {
        JsonNode event = json.readTree(line);
        if (event.path("Event").asText().equals("SparkListenerStageExecutorMetrics")
            && !event.path("Executor ID").asText().equals("driver")) {
          JsonNode metrics = event.path("Executor Metrics");
          peak = Math.max(peak, metrics.path("ProcessTreeJVMRSSMemory").asLong());
        }
      }
    }
    return peak;
  }

  private static Path events(String name) {
    return folder.resolve("events-" + name);
  }

  private static int rowNumber(String sourceRow) {
    return Integer.parseInt(sourceRow.replaceFirst(".*#(\\d+)(/.*)?", "$1"));
  }

  private static LocalCluster.Finished ingest(LocalCluster cluster, String name, Path rows)
      throws IOException {
    assertTrue(Files.exists(INPUTS), "No " + INPUTS + ": TestIngestStep leaves it, run that first");
    Files.createDirectory(events(name));
    Path recipe =
        Files.writeString(
            folder.resolve(name + ".yaml"),
            """
            name: bad-inputs
            source: {name: odd, format: llava, path: '%s'}
            model: {path: '%s'}
            errors: {max-share: 1}
            """
                .formatted(rows, ROOT.resolve("models/demo")));
    return cluster.pairloom(
        List.of(
            "--conf spark.executor.memory=512m",
            "--conf spark.sql.shuffle.partitions=2",
            "--conf spark.sql.adaptive.enabled=false",
            "--conf spark.databricks.delta.snapshotPartitions=2",
            "--conf spark.ui.enabled=false",
            // What a process holds, at its most in each stage, goes to the log of events.
            "--conf spark.executor.processTreeMetrics.enabled=true",
            "--conf spark.executor.metrics.pollingInterval=100ms",
            "--conf spark.eventLog.logStageExecutorMetrics=true",
            "--conf spark.eventLog.enabled=true",
            "--conf spark.eventLog.rolling.enabled=false",
            "--conf spark.eventLog.compress=false",
            "--conf spark.eventLog.dir=" + events(name).toUri(),
            "--jars " + LocalCluster.deltaJars()),
        List.of("ingest", recipe.toString(), "--warehouse", folder.resolve(name).toString()));
  }
}

package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.KeyedRandom;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.delta.DeltaLog;

/**
 * What is left of runs that were killed: driver and executors die of SIGKILL at every phase of
 * every step, on a standalone cluster of two workers; the step is run again, and every table and
 * every exported file is compared with those of a run that nobody disturbed, row for row.
 *
 * <p>{@code ./pairloom bench crash --kills 60 --seed 1}
 */
final class CrashBenchmark implements Benchmark {
  /** More would take longer and show no more. */
  private static final int MOST_SCENES = 12;

  private static final int EXECUTORS = 2;

  private static final List<String> STEPS =
      List.of("ingest", "reference", "reject", "score", "dedup", "select", "export");

  /** Where a process dies: which operation on the warehouse's files, and on which side of it. */
  private enum Phase {
    BEFORE_READ("driver", "open .*/_delta_log/", true, "driver"),
    MID_BATCH_DRIVER("executor", "create .*/_under-way/", false, "driver"),
    MID_BATCH_EXECUTOR("executor", "create .*/_under-way/", false, "executor"),
    FILES_EXECUTOR("executor", "create .*\\.parquet$", false, "executor"),
    BEFORE_COMMIT("driver", "rename .*/_delta_log/\\d+\\.json$", true, "driver"),
    AFTER_COMMIT("driver", "rename .*/_delta_log/\\d+\\.json$", false, "driver"),
    EXPORT_FILES("executor", "(create|rename) .*/exports/", false, "executor"),
    EXPORT_BEFORE("driver", "(rename|delete) .*/exports/", true, "driver"),
    EXPORT_AFTER("driver", "(rename|delete) .*/exports/", false, "driver");

    private final String process;
    private final Pattern operation;
    private final boolean before;
    private final String victim;

    Phase(String process, String operation, boolean before, String victim) {
      this.process = process;
      this.operation = Pattern.compile(operation);
      this.before = before;
      this.victim = victim;
    }

    /** Returns how often some process is sure to reach the operation: executors share the work. */
    int operationsIn(List<String> trace) {
      int all =
          (int)
              trace.stream()
                  .filter(line -> line.startsWith(process + " "))
                  .map(line -> line.substring(process.length() + 1))
                  .filter(line -> operation.matcher(line).find())
                  .count();
      return process.equals("driver") ? all : (all + EXECUTORS - 1) / EXECUTORS;
    }

    CrashFiles.Plan plan(int number) {
      return new CrashFiles.Plan(process, operation, number, before, victim);
    }
  }

  /**
   * A phase of a step.
   *
   * @param operations how often some process is sure to reach its operation
   */
  private record Place(String step, Phase phase, int operations) {}

  private final long seed;
  private final int kills;
  private Path folder;
  private Path warehouse;
  private LocalCluster cluster;
  private Path recipe;

  /**
   * @param seed of what is drawn
   * @param kills how many processes are killed
   */
  CrashBenchmark(long seed, int kills) {
    this.seed = seed;
    this.kills = kills;
  }

  @Override
  public String name() {
    return "crash";
  }

  @Override
  public String summary() {
    return "tables after SIGKILLs of drivers and executors against those of an undisturbed run";
  }

  @Override
  public void run(int limit, Figures figures) {
    try {
      folder = Files.createTempDirectory("pairloom-bench-crash");
      warehouse = folder.resolve("warehouse");
      recipe = recipe(limit);
      Files.createDirectories(folder.resolve("cluster"));
      try (LocalCluster started =
          LocalCluster.start(folder.resolve("cluster"), List.of(Map.of(), Map.of()), 1, "2g")) {
        cluster = started;
        kill(figures);
      } finally {
        delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void kill(Figures figures) throws IOException {
    System.out.printf("seed %d, %d kills, in %s%n", seed, kills, folder);
    Map<String, Map<String, String>> expected = new LinkedHashMap<>();
    List<Place> places = new ArrayList<>();
    for (String step : STEPS) {
      copy(warehouse, before(step));
      LocalCluster.Finished run = step(step, null);
      require(run.exitCode() == 0, step + " failed undisturbed:\n" + run.output());
      List<String> trace = Files.readAllLines(folder.resolve("trace"));
      for (Phase phase : Phase.values()) {
        int operations = phase.operationsIn(trace);
        if (operations > 0) {
          places.add(new Place(step, phase, operations));
        }
      }
      expected.put(step, contents());
    }
    Map<Phase, int[]> counts = new EnumMap<>(Phase.class);
    List<List<Object>> differences = new ArrayList<>();
    for (int i = 0; i < kills; i++) {
      Place place = places.get(i % places.size());
      int number = 1 + KeyedRandom.of(seed).with("kill").with(i).below(place.operations(), 0);
      int[] count = counts.computeIfAbsent(place.phase, p -> new int[3]);
      copy(before(place.step), warehouse);
      LocalCluster.Finished killed = step(place.step, place.phase.plan(number));
      boolean hit = Files.exists(folder.resolve(CrashFiles.DONE));
      String at = hit ? Files.readString(folder.resolve(CrashFiles.DONE)) : "not reached";
      if (hit) {
        count[0]++;
      }
      LocalCluster.Finished again = killed.exitCode() == 0 ? killed : step(place.step, null);
      if (killed.exitCode() != 0) {
        count[1]++;
      }
      Map<String, String> found =
          again.exitCode() == 0 ? contents() : Map.of("exit", again.output());
      Map<String, String> wanted = expected.get(place.step);
      boolean equal = found.equals(wanted);
      if (!equal) {
        count[2]++;
        for (String key : wanted.keySet()) {
          if (!wanted.get(key).equals(found.get(key))) {
            differences.add(List.of(i, place.step, at, key));
          }
        }
        System.out.println(killed.output() + "\n== again\n" + again.output());
      }
      System.out.printf(
          "%3d %-10s %-20s %s -> exit %d%s, %s%n",
          i,
          place.step,
          place.phase,
          at.replace(warehouse.toString() + "/", ""),
          killed.exitCode(),
          killed.exitCode() == 0 ? "" : ", again " + again.exitCode(),
          equal ? "equal" : "DIFFERENT");
    }
    figures.add(
        "Kills of step by phase, seed " + seed,
        List.of("phase", "killed", "driver died", "different after the re-run"),
        counts.entrySet().stream()
            .map(
                e ->
                    List.<Object>of(
                        e.getKey().name().toLowerCase(Locale.ROOT).replace('_', ' '),
                        e.getValue()[0],
                        e.getValue()[1],
                        e.getValue()[2]))
            .toList());
    require(differences.isEmpty(), "Different: " + differences);
  }

  private LocalCluster.Finished step(String step, CrashFiles.Plan plan) throws IOException {
    for (String file : List.of("trace", CrashFiles.DONE, "plan", CrashFiles.DRIVER)) {
      Files.deleteIfExists(folder.resolve(file));
    }
    if (plan != null) {
      Files.writeString(folder.resolve("plan"), plan.toLine());
    }
    String own = ownJar().toString();
    return cluster.submit(
        List.of(
            "--driver-class-path",
            own,
            "--conf",
            "spark.executor.extraClassPath=" + own,
            "--conf",
            "spark.hadoop.fs.crash.impl=" + CrashFiles.class.getName(),
            "--conf",
            "spark.hadoop.fs.AbstractFileSystem.crash.impl=" + CrashFiles.OfContext.class.getName(),
            "--conf",
            "spark.hadoop." + CrashFiles.FOLDER + "=" + folder,
            "--conf",
            "spark.ui.enabled=false",
            "--conf",
            "spark.sql.shuffle.partitions=2",
            "--conf",
            "spark.sql.adaptive.enabled=false",
            "--conf",
            "spark.databricks.delta.snapshotPartitions=2",
            "--jars",
            LocalCluster.deltaJars(),
            "--class",
            "io.github.pairloom.jobs.cli.Pairloom",
            LocalCluster.jar().toString(),
            step,
            recipe.toString(),
            "--warehouse",
            CrashFiles.SCHEME + "://" + warehouse));
  }

  /** Returns what is in the warehouse, by table and exported file, in an order of its own. */
  private Map<String, String> contents() throws IOException {
    Map<String, String> contents = new TreeMap<>();
    // Delta remembers logs by their paths, and these were put back.
    DeltaLog.clearCache();
    try (SparkSession spark = SparkBenchmark.session("local[2]")) {
      Warehouse tables = new Warehouse(spark, warehouse.toString());
      for (Table table : Table.values()) {
        if (table != Table.RUNS && Files.exists(Path.of(tables.path(table)))) {
          contents.put(
              table.tableName(),
              tables.read(table).toJSON().collectAsList().stream()
                  .sorted()
                  .collect(Collectors.joining("\n")));
        }
      }
    }
    Path exports = warehouse.resolve("exports");
    if (Files.exists(exports)) {
      try (Stream<Path> files = Files.walk(exports)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          String name = exports.relativize(file).toString();
          // Parquet files and what lists them hold no fixed order of bytes; their rows are a
          // table's.
          boolean bytes = name.matches(".*/(trl|swift|images)/.*");
          contents.put(
              "exports/" + name.replaceFirst("part-.*", "part"),
              bytes ? HexFormat.of().formatHex(Files.readAllBytes(file)) : "");
        }
      }
    }
    Path underWay = warehouse.resolve("_under-way");
    if (Files.exists(underWay)) {
      try (Stream<Path> files = Files.walk(underWay)) {
        contents.put("under way", "" + files.filter(Files::isRegularFile).count());
      }
    }
    contents.putIfAbsent("under way", "0");
    return contents;
  }

  private Path recipe(int limit) throws IOException {
    Path models = Path.of(System.getProperty("pairloom.root", "."), "models").toAbsolutePath();
    Path data = models.resolve("demo-data");
    ObjectMapper json = new ObjectMapper();
    ArrayNode few = json.createArrayNode();
    JsonNode scenes = json.readTree(data.resolve("llava_instruct.json").toFile());
    for (int i = 0; i < Math.min(limit, MOST_SCENES); i++) {
      few.add(scenes.get(i));
    }
    Path source = folder.resolve("scenes.json");
    json.writeValue(source.toFile(), few);
    return Files.writeString(
        folder.resolve("recipe.yaml"),
        """
        name: crash
        source: {name: scenes, format: llava, path: '%s', image-root: '%s'}
        model: {path: '%s'}
        reject: {strategies: [{type: bdhs-attention}, {type: crop}]}
        export: {formats: [parquet, trl-jsonl, swift-jsonl]}
        recovery: {batch-rows: 12}
        """
            .formatted(source, data, models.resolve("demo")));
  }

  private static Path ownJar() {
    return Path.of(System.getProperty("pairloom.root", "."))
        .toAbsolutePath()
        .resolve("benchmarks/target/pairloom-benchmarks.jar");
  }

  private Path before(String step) {
    return folder.resolve("before-" + step);
  }

  private static void copy(Path from, Path to) throws IOException {
    delete(to);
    if (!Files.exists(from)) {
      return;
    }
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }
}

package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.KeyedRandom;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
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

  /** A driver is mostly one thread: two clusters at a time use two cores. */
  private static final int LANES = 2;

  /** Every process lives for seconds: the optimising compiler would cost more than it saves. */
  private static final String JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

  /** A batch of a model step. */
  private static final Pattern BATCH =
      Pattern.compile("^driver rename .*/(responses|pairs|scores)/_delta_log/\\d+\\.json$");

  static final List<String> STEPS =
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
   * @param batches of a model in the step
   */
  private record Place(String step, Phase phase, int operations, long batches) {}

  private final long seed;
  private final int kills;
  private final List<String> steps;
  private Path folder;
  private Path recipe;
  private SparkSession spark;

  /**
   * @param seed of what is drawn
   * @param kills how many processes are killed
   * @param steps whose processes are killed
   */
  CrashBenchmark(long seed, int kills, List<String> steps) {
    this.seed = seed;
    this.kills = kills;
    this.steps = List.copyOf(steps);
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
      recipe = recipe(limit);
      List<Lane> lanes = new ArrayList<>();
      try (SparkSession reading = SparkBenchmark.session("local[2]")) {
        spark = reading;
        for (int i = 0; i < LANES; i++) {
          lanes.add(new Lane(folder.resolve("lane-" + i)));
        }
        System.out.printf("seed %d, %d kills, in %s%n", seed, kills, folder);
        Map<String, Map<String, String>> expected = new LinkedHashMap<>();
        List<Place> places = undisturbed(lanes.get(0), expected);
        kill(lanes, places, expected, figures);
        both(lanes, expected, figures);
      } finally {
        lanes.forEach(Lane::close);
        delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void kill(
      List<Lane> lanes,
      List<Place> places,
      Map<String, Map<String, String>> expected,
      Figures figures) {
    AtomicInteger next = new AtomicInteger();
    List<Kill> all = new ArrayList<>();
    ExecutorService threads = Executors.newFixedThreadPool(lanes.size());
    try {
      List<Future<List<Kill>>> results = new ArrayList<>();
      for (Lane lane : lanes) {
        results.add(
            threads.submit(
                () -> {
                  List<Kill> own = new ArrayList<>();
                  for (int i = next.getAndIncrement(); i < kills; i = next.getAndIncrement()) {
                    own.add(lane.kill(i, places.get(i % places.size()), expected));
                  }
                  return own;
                }));
      }
      for (Future<List<Kill>> result : results) {
        all.addAll(result.get());
      }
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted between kills", e);
    } finally {
      threads.shutdownNow();
    }
    figures.add(
        "Kills of step by phase, seed " + seed,
        List.of(
            "phase",
            "runs",
            "killed",
            "driver died",
            "different after the re-run",
            "most batches redone"),
        Arrays.stream(Phase.values())
            .filter(phase -> count(all, phase, k -> true) > 0)
            .map(
                phase ->
                    List.<Object>of(
                        phase.name().toLowerCase(Locale.ROOT).replace('_', ' '),
                        count(all, phase, k -> true),
                        count(all, phase, Kill::hit),
                        count(all, phase, Kill::driverDied),
                        count(all, phase, k -> !k.differences().isEmpty()),
                        all.stream()
                            .filter(k -> k.place.phase == phase)
                            .mapToLong(Kill::redone)
                            .max()
                            .orElseThrow()))
            .toList());
    List<Phase> missed =
        Arrays.stream(Phase.values())
            .filter(phase -> count(all, phase, k -> true) > 0)
            .filter(phase -> count(all, phase, Kill::hit) == 0)
            .toList();
    require(missed.isEmpty(), "No process was killed at: " + missed);
    List<Kill> different = all.stream().filter(k -> !k.differences().isEmpty()).toList();
    require(different.isEmpty(), "Different: " + different);
    List<Kill> redone = all.stream().filter(k -> k.redone() > 1).toList();
    require(redone.isEmpty(), "More than a batch redone: " + redone);
  }

  /** Starts each step from two drivers at once. */
  private void both(List<Lane> lanes, Map<String, Map<String, String>> expected, Figures figures)
      throws IOException {
    Lane first = lanes.get(0);
    Lane second = lanes.get(1);
    List<List<Object>> lines = new ArrayList<>();
    boolean equal = true;
    for (String step : STEPS) {
      copy(before(step), first.warehouse);
      CompletableFuture<LocalCluster.Finished> other =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return second.step(step, null, first.warehouse);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      LocalCluster.Finished one = first.step(step, null);
      LocalCluster.Finished two = other.join();
      Set<String> keys = differences(expected.get(step), contents(first.warehouse));
      for (LocalCluster.Finished failed : List.of(one, two)) {
        if (failed.exitCode() != 0) {
          System.out.println(failed.output());
        }
      }
      equal &= keys.isEmpty() && Math.min(one.exitCode(), two.exitCode()) == 0;
      lines.add(
          List.of(step, one.exitCode(), two.exitCode(), keys.isEmpty() ? "equal" : "" + keys));
    }
    figures.add(
        "Two drivers on one warehouse at once",
        List.of("step", "exit code", "of the other", "tables after both"),
        lines);
    require(equal, "Two drivers at once spoil a step: " + lines);
  }

  private static Set<String> differences(Map<String, String> wanted, Map<String, String> found) {
    Set<String> keys = new TreeSet<>(found.keySet());
    keys.addAll(wanted.keySet());
    keys.removeIf(key -> Objects.equals(wanted.get(key), found.get(key)));
    return keys;
  }

  private static long count(List<Kill> kills, Phase phase, Predicate<Kill> which) {
    return kills.stream().filter(k -> k.place.phase == phase && which.test(k)).count();
  }

  /** Runs every step, and returns where each can be killed. */
  private List<Place> undisturbed(Lane lane, Map<String, Map<String, String>> expected)
      throws IOException {
    List<Place> places = new ArrayList<>();
    for (String step : STEPS) {
      copy(lane.warehouse, before(step));
      LocalCluster.Finished run = lane.step(step, null);
      require(run.exitCode() == 0, step + " failed undisturbed:\n" + run.output());
      System.out.printf("    %-10s undisturbed, %.0f s%n", step, run.seconds());
      List<String> trace = Files.readAllLines(lane.folder.resolve("trace"));
      for (Phase phase : Phase.values()) {
        int operations = phase.operationsIn(trace);
        if (operations > 0 && steps.contains(step)) {
          places.add(new Place(step, phase, operations, lane.batches()));
        }
      }
      expected.put(step, contents(lane.warehouse));
    }
    return places;
  }

  /**
   * A run that was killed, and run again if that ended it.
   *
   * @param hit whether the operation was reached
   * @param driverDied whether the first run failed
   * @param redone batches of both runs, less those of a run that nobody disturbed
   * @param differences the tables and files that are not as they should be
   */
  private record Kill(
      int number,
      Place place,
      boolean hit,
      boolean driverDied,
      long redone,
      List<String> differences) {}

  /** A cluster with a warehouse of its own. */
  private final class Lane implements AutoCloseable {
    private final Path folder;
    private final Path warehouse;
    private final LocalCluster cluster;

    Lane(Path folder) throws IOException {
      this.folder = Files.createDirectories(folder);
      this.warehouse = folder.resolve("warehouse");
      this.cluster =
          LocalCluster.start(
              Files.createDirectories(folder.resolve("cluster")),
              Collections.nCopies(EXECUTORS, Map.of()),
              1,
              "2g");
    }

    @Override
    public void close() {
      cluster.close();
    }

    /** Returns the batches that the last run began to commit. */
    long batches() throws IOException {
      try (Stream<String> lines = Files.lines(folder.resolve("trace"))) {
        return lines.filter(line -> BATCH.matcher(line).find()).count();
      }
    }

    Kill kill(int i, Place place, Map<String, Map<String, String>> expected) throws IOException {
      int number = 1 + KeyedRandom.of(seed).with("kill").with(i).below(place.operations(), 0);
      copy(before(place.step), warehouse);
      LocalCluster.Finished killed = step(place.step, place.phase.plan(number));
      boolean hit = Files.exists(folder.resolve(CrashFiles.DONE));
      String at = hit ? Files.readString(folder.resolve(CrashFiles.DONE)) : "not reached";
      boolean died = killed.exitCode() != 0;
      long batches = batches();
      LocalCluster.Finished again = killed;
      if (died) {
        again = step(place.step, null);
        batches += batches();
      }
      long redone = batches - place.batches;
      Map<String, String> found =
          again.exitCode() == 0 ? contents(warehouse) : Map.of("exit", again.output());
      Set<String> keys = differences(expected.get(place.step), found);
      if (!keys.isEmpty()) {
        System.out.println(killed.output() + "\n== again\n" + again.output());
      }
      System.out.printf(
          "%3d %-10s %-20s %s -> exit %d%s, %s, batches redone %d, %.0f s%n",
          i,
          place.step,
          place.phase,
          at.replace(warehouse.toString() + "/", ""),
          killed.exitCode(),
          died ? ", again " + again.exitCode() : "",
          keys.isEmpty() ? "equal" : "DIFFERENT " + keys,
          redone,
          died ? killed.seconds() + again.seconds() : killed.seconds());
      return new Kill(i, place, hit, died, redone, List.copyOf(keys));
    }

    LocalCluster.Finished step(String step, CrashFiles.Plan plan) throws IOException {
      return step(step, plan, warehouse);
    }

    LocalCluster.Finished step(String step, CrashFiles.Plan plan, Path warehouse)
        throws IOException {
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
              "--driver-java-options",
              JAVA_OPTIONS,
              "--conf",
              "spark.executor.extraJavaOptions=" + JAVA_OPTIONS,
              "--conf",
              "spark.executor.extraClassPath=" + own,
              "--conf",
              "spark.hadoop.fs.crash.impl=" + CrashFiles.class.getName(),
              "--conf",
              "spark.hadoop.fs.AbstractFileSystem.crash.impl="
                  + CrashFiles.OfContext.class.getName(),
              "--conf",
              "spark.hadoop." + CrashFiles.FOLDER + "=" + folder,
              "--conf",
              "spark.ui.enabled=false",
              "--conf",
              "spark.sql.shuffle.partitions=2",
              "--conf",
              "spark.sql.adaptive.enabled=false",
              // Compiling code for a handful of rows takes longer than they do.
              "--conf",
              "spark.sql.codegen.wholeStage=false",
              "--conf",
              "spark.sql.codegen.factoryMode=NO_CODEGEN",
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
  }

  /** Returns what is in the warehouse, by table and exported file, in an order of its own. */
  private synchronized Map<String, String> contents(Path warehouse) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    // Delta remembers logs by their paths, and these were put back.
    DeltaLog.clearCache();
    Warehouse tables = new Warehouse(spark, warehouse.toString());
    for (Table table : Table.values()) {
      if (table != Table.RUNS && Files.exists(Path.of(tables.path(table)))) {
        Dataset<Row> rows = tables.read(table);
        if (table == Table.SIGNATURES) {
          // Holds the ids of tables, which the step gives anew where it makes them.
          rows = rows.drop("settings_id");
        }
        contents.put(
            table.tableName(),
            rows.toJSON().collectAsList().stream().sorted().collect(Collectors.joining("\n")));
      }
    }
    Path exports = warehouse.resolve("exports");
    if (Files.exists(exports)) {
      try (Stream<Path> files = Files.walk(exports)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          String name = exports.relativize(file).toString();
          contents.put("exports/" + name, exported(name, file));
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

  /** Returns what is to be the same in a file of an export. */
  private String exported(String name, Path file) throws IOException {
    if (name.matches(".*/(trl|swift|images)/.*")) {
      return HexFormat.of().formatHex(Files.readAllBytes(file));
    }
    // Parquet files have no fixed order of bytes, so that what lists their digests has none either.
    if (name.endsWith(".parquet") && !file.getFileName().toString().startsWith(".")) {
      return spark.read().parquet(file.toString()).toJSON().collectAsList().stream()
          .sorted()
          .collect(Collectors.joining("\n"));
    }
    if (name.endsWith("/manifest.json")) {
      ObjectNode manifest = (ObjectNode) new ObjectMapper().readTree(file.toFile());
      manifest.remove("files");
      // The step makes this table where it is not there, and tables get an id of their own.
      ((ObjectNode) manifest.get("contaminations")).remove("id");
      return manifest.toString();
    }
    return "";
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

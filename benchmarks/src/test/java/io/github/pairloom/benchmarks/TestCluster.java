package io.github.pairloom.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.Table;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The jar under {@code spark-submit} on a standalone cluster of processes, whose two workers
 * announce two made-up GPUs each. One run in client mode makes pairs of few scenes, among them one
 * that crashes its process, one that hangs and one that throws; one step runs in cluster mode.
 */
class TestCluster {
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"));

  private static final int SCENES = 12;
  private static final List<List<String>> GPUS = List.of(List.of("3", "7"), List.of("4", "9"));
  private static final Map<Integer, String> POISON = Map.of(2, "crash", 5, "hang", 7, "throw");

  @TempDir static Path folder;
  private static LocalCluster.Finished inClient;
  private static LocalCluster.Finished inCluster;
  private static LocalCluster.Finished withoutGpus;
  private static LocalCluster.Finished dag;
  private static String logs;

  @BeforeAll
  static void runOnCluster() throws IOException {
    Path recipe = recipe();
    List<Map<String, String>> workers = new ArrayList<>();
    for (List<String> addresses : GPUS) {
      Path script = folder.resolve("gpus-" + addresses.get(0) + ".sh");
      Files.writeString(
          script,
          "echo '{\"name\": \"gpu\", \"addresses\": [\"%s\"]}'"
              .formatted(String.join("\", \"", addresses)));
      assertTrue(script.toFile().setExecutable(true));
      workers.add(
          Map.of(
              "spark.worker.resource.gpu.amount",
              "" + addresses.size(),
              "spark.worker.resource.gpu.discoveryScript",
              script.toString()));
    }
    Files.createDirectories(folder.resolve("sightings"));
    List<String> gpus =
        List.of(
            "--conf spark.executor.cores=2",
            "--conf spark.executor.resource.gpu.amount=2",
            "--conf spark.task.resource.gpu.amount=1",
            "--conf spark.sql.shuffle.partitions=4",
            "--conf spark.sql.adaptive.enabled=false",
            "--conf spark.databricks.delta.snapshotPartitions=2",
            "--conf spark.executor.extraJavaOptions=-Dpairloom.gpu-on-cpu=true",
            "--conf spark.hadoop.fs.poison.impl=" + PoisonFiles.class.getName(),
            "--conf spark.hadoop." + PoisonFiles.SIGHTINGS + "=" + folder.resolve("sightings"),
            "--conf spark.ui.enabled=false",
            "--jars " + LocalCluster.deltaJars() + "," + jarOfTests());
    try (LocalCluster cluster = LocalCluster.start(folder, workers, 2, "2g")) {
      inClient =
          cluster.pairloom(
              gpus, List.of("run", recipe.toString(), "--warehouse", warehouse("client")));
      withoutGpus =
          cluster.pairloom(
              List.of("--conf spark.ui.enabled=false"),
              List.of("reject", recipe.toString(), "--warehouse", warehouse("client")));
      List<String> submit = new ArrayList<>(gpus);
      // As for a step without a model in the DAG; the last of two settings holds.
      submit.add("--conf spark.executor.resource.gpu.amount=0");
      submit.add("--conf spark.task.resource.gpu.amount=0");
      submit.add("--deploy-mode cluster --conf spark.standalone.submit.waitAppCompletion=true");
      inCluster =
          cluster.pairloom(
              submit, List.of("ingest", recipe.toString(), "--warehouse", warehouse("cluster")));
      dag = runDag(cluster, recipe);
      logs = cluster.workerLogs();
    }
  }

  @Test
  void theJarRunsInClientMode() {
    assertEquals(0, inClient.exitCode(), () -> inClient.output() + logs);
    assertTrue(inClient.output().contains("reject     read"), inClient::output);
  }

  @Test
  void theJarRunsInClusterMode() throws IOException {
    assertEquals(0, inCluster.exitCode(), () -> inCluster.output() + logs);
    assertEquals(
        rows("client", Table.SAMPLES, "sample_id"), rows("cluster", Table.SAMPLES, "sample_id"));
  }

  @Test
  void aGpuThatSparkDoesNotGiveIsMissedAtOnce() {
    assertEquals(1, withoutGpus.exitCode(), withoutGpus::output);
    assertTrue(
        withoutGpus.output().contains("spark.task.resource.gpu.amount is not set"),
        withoutGpus::output);
  }

  @Test
  void everyTaskUsesTheDeviceThatItWasGivenAndNoDeviceHasTwoLanes() throws IOException {
    Map<String, Set<String>> devicesOfProcess = new HashMap<>();
    try (Stream<Path> files = Files.list(folder.resolve("sightings"))) {
      for (Path file : files.toList()) {
        for (String line : Files.readAllLines(file)) {
          String[] fields = line.split(" ", -1);
          List<String> lanes = List.of(fields[2].split(","));
          assertEquals(lanes.size(), new HashSet<>(lanes).size(), line);
          assertTrue(lanes.contains("pairloom-lane-gpu(" + fields[1] + ")"), line);
          devicesOfProcess.computeIfAbsent(file.toString(), f -> new HashSet<>()).add(fields[1]);
        }
      }
    }
    assertTrue(devicesOfProcess.size() >= 2, devicesOfProcess::toString);
    for (Set<String> devices : devicesOfProcess.values()) {
      assertTrue(
          GPUS.stream().anyMatch(worker -> worker.containsAll(devices)),
          () -> "devices of several workers in one process: " + devicesOfProcess);
    }
  }

  @Test
  void exactlyTheRowsThatEndProcessesAreQuarantined() throws IOException {
    Map<String, String> reasons = new TreeMap<>();
    try (SparkSession spark = SparkBenchmark.session("local[2]")) {
      Warehouse warehouse = new Warehouse(spark, warehouse("client"));
      for (Row row :
          warehouse
              .read(Table.PAIRS)
              .join(warehouse.read(Table.IMAGES), "image_id")
              .select("uri", "drop_reason")
              .collectAsList()) {
        String name = row.getString(0).replaceFirst(".*/", "").replaceFirst("-?\\d+\\.png", "");
        reasons.merge(
            name,
            String.valueOf(row.getString(1)),
            (a, b) ->
                Stream.of(a, b)
                    .flatMap(s -> Stream.of(s.split(",")))
                    .distinct()
                    .sorted()
                    .collect(Collectors.joining(",")));
      }
    }
    assertEquals("process-died", reasons.get("crash"));
    assertEquals("timed-out", reasons.get("hang"));
    assertEquals("model-failed", reasons.get("throw"));
    String others = reasons.get("scene");
    assertTrue(others.contains("null"), others);
    assertFalse(others.matches(".*(died|timed|failed).*"), others);
  }

  @Test
  void theBillOfMaterialsNamesWhatTheJarCarries() throws IOException {
    JsonNode bill = new ObjectMapper().readTree(ROOT.resolve("jobs/target/bom.json").toFile());
    Set<String> named = new HashSet<>();
    for (JsonNode component : bill.get("components")) {
      named.add(
          "%s:%s:%s"
              .formatted(
                  component.path("group").asText(),
                  component.path("name").asText(),
                  component.path("version").asText()));
    }
    Set<String> carried = new HashSet<>();
    try (JarFile jar = new JarFile(LocalCluster.jar().toFile())) {
      for (JarEntry entry : jar.stream().toList()) {
        if (entry.getName().matches("META-INF/maven/.*/pom\\.properties")) {
          Properties of = new Properties();
          of.load(jar.getInputStream(entry));
          carried.add(
              String.join(
                  ":",
                  of.getProperty("groupId"),
                  of.getProperty("artifactId"),
                  of.getProperty("version")));
        }
      }
    }
    assertTrue(carried.size() > 10, carried::toString);
    carried.removeIf(one -> one.startsWith("io.github.pairloom:pairloom-jobs:"));
    // Jinjava's own jar has it, in a package of its own: no tool that reads poms can know.
    carried.removeIf(one -> one.startsWith("org.jsoup:jsoup:"));
    carried.removeAll(named);
    assertEquals(Set.of(), carried, "in the jar, and not in bom.json");
  }

  @Test
  void theStepsOfTheDagRunTwiceAndTheSecondTimeFindNothingNew() {
    assertEquals(0, dag.exitCode(), () -> dag.output() + logs);
    List<String> steps =
        List.of("ingest", "reference", "reject", "score", "dedup", "select", "export");
    // The last reconciliation of a step is that of the second time.
    Map<String, String> last = new HashMap<>();
    Map<String, Integer> times = new HashMap<>();
    for (String line : dag.output().lines().toList()) {
      String step = line.replaceFirst(" .*", "");
      if (steps.contains(step) && line.contains(" = written ")) {
        last.put(step, line);
        times.merge(step, 1, Integer::sum);
      }
    }
    for (String step : steps) {
      assertEquals(2, times.get(step), () -> step + "\n" + dag.output());
      String line = last.get(step);
      assertTrue(
          line.matches(step + " +read 0 = written 0 \\+ dropped 0 \\+ quarantined 0 .*"), line);
      assertFalse(line.endsWith("(already done: 0)"), line);
    }
  }

  /** Has the tasks of the DAG run twice, on a day with two scenes. */
  private static LocalCluster.Finished runDag(LocalCluster cluster, Path recipe)
      throws IOException {
    ObjectMapper json = new ObjectMapper();
    JsonNode scenes = json.readTree(folder.resolve("data/scenes.json").toFile());
    Path day = Files.createDirectories(folder.resolve("shards/2026-01-02"));
    json.writeValue(day.resolve("scenes.json").toFile(), List.of(scenes.get(0), scenes.get(1)));
    Path settings = folder.resolve("dag.conf");
    Files.writeString(
        settings,
        """
        spark.driver.host 127.0.0.1
        spark.executor.cores 2
        spark.sql.shuffle.partitions 2
        spark.sql.adaptive.enabled false
        spark.databricks.delta.snapshotPartitions 2
        spark.executor.extraJavaOptions -Dpairloom.gpu-on-cpu=true
        spark.hadoop.fs.poison.impl %s
        spark.hadoop.%s %s
        spark.ui.enabled false
        """
            .formatted(
                PoisonFiles.class.getName(), PoisonFiles.SIGHTINGS, folder.resolve("sightings")));
    Path site = folder.resolve("site.json");
    json.writeValue(
        site.toFile(),
        Map.of(
            "airflow",
            3,
            "set",
            Map.of(
                "HOME",
                ROOT.toString(),
                "DELTA_JARS",
                LocalCluster.deltaJars() + "," + folder.resolve("tests.jar"),
                "SETTINGS",
                settings.toString(),
                "SHARDS",
                folder.resolve("shards") + "/{{ data_interval_start | ds }}",
                "WAREHOUSE",
                warehouse("dag")),
            "spark_submit",
            LocalCluster.sparkHome().resolve("bin/spark-submit").toString(),
            "master",
            cluster.master(),
            "ds",
            "2026-01-02",
            "params",
            Map.of("recipe", recipe.toString()),
            "times",
            2));
    return LocalCluster.finish(
        new ProcessBuilder(
            "python3",
            ROOT.resolve("benchmarks/src/test/python/run_dag.py").toString(),
            ROOT.resolve("conf/airflow/pairloom_dag.py").toString(),
            site.toString()));
  }

  private static List<String> rows(String name, Table table, String key) throws IOException {
    try (SparkSession spark = SparkBenchmark.session("local[2]")) {
      return new Warehouse(spark, warehouse(name))
          .read(table)
          .orderBy(key)
          .toJSON()
          .collectAsList();
    }
  }

  private static String warehouse(String name) {
    return folder.resolve(name).toString();
  }

  private static Path recipe() throws IOException {
    Path data = ROOT.resolve("models/demo-data");
    Path images = Files.createDirectories(folder.resolve("data/images"));
    ObjectMapper json = new ObjectMapper();
    JsonNode scenes = json.readTree(data.resolve("llava_instruct.json").toFile());
    ArrayNode few = json.createArrayNode();
    for (int i = 0; i < SCENES; i++) {
      ObjectNode scene = scenes.get(i).deepCopy();
      String name = "%s-%02d.png".formatted(POISON.getOrDefault(i, "scene"), i);
      Files.copy(data.resolve(scene.get("image").asText()), images.resolve(name));
      few.add(scene.put("image", "images/" + name));
    }
    Path source = folder.resolve("data/scenes.json");
    json.writeValue(source.toFile(), few);
    return Files.writeString(
        folder.resolve("recipe.yaml"),
        """
        name: cluster
        source:
          name: scenes
          format: llava
          path: "%s"
          image-root: "poison://%s"
        model:
          path: "%s"
          device: gpu
        reject:
          strategies: [{type: bdhs-attention}]
        score:
          models: [{path: "%s"}]
        recovery:
          row-seconds: 8
        """
            .formatted(
                source,
                folder.resolve("data"),
                ROOT.resolve("models/demo"),
                ROOT.resolve("models/demo")));
  }

  private static Path jarOfTests() throws IOException {
    Path jar = folder.resolve("tests.jar");
    String entry = PoisonFiles.class.getName().replace('.', '/') + ".class";
    try (OutputStream out = Files.newOutputStream(jar);
        JarOutputStream packed = new JarOutputStream(out);
        InputStream in = PoisonFiles.class.getClassLoader().getResourceAsStream(entry)) {
      packed.putNextEntry(new JarEntry(entry));
      in.transferTo(packed);
    }
    return jar;
  }
}

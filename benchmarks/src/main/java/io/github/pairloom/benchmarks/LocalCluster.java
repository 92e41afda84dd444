package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A standalone Spark cluster on this machine: a master and workers, each a process of its own, from
 * the SPARK_HOME that the build makes. Applications come in through {@code spark-submit}.
 */
final class LocalCluster implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final String HOST = "127.0.0.1";
  private static final Path ROOT =
      Path.of(System.getProperty("pairloom.root", ".")).toAbsolutePath();

  private final Path folder;
  private final int port;
  private final int uiPort;
  private final List<Process> processes = new ArrayList<>();

  /**
   * What an application came to.
   *
   * @param exitCode of spark-submit
   * @param output what it wrote to both its streams
   * @param seconds until its end
   */
  record Finished(int exitCode, String output, double seconds) {}

  private LocalCluster(Path folder) {
    this.folder = folder;
    this.port = freePort();
    this.uiPort = freePort();
  }

  /**
   * Starts a cluster and waits until all workers are there.
   *
   * @param folder for logs and the workers' files
   * @param workers settings of each, as in a properties file
   * @param cores of each worker
   * @param memory of each worker, as Spark writes it
   */
  static LocalCluster start(
      Path folder, List<Map<String, String>> workers, int cores, String memory) {
    return start(folder, workers, cores, memory, false);
  }

  /**
   * Starts a cluster and waits until all workers are there.
   *
   * @param pinned whether worker i, with all its executors do, stays on CPU i of the machine
   */
  static LocalCluster start(
      Path folder, List<Map<String, String>> workers, int cores, String memory, boolean pinned) {
    LocalCluster cluster = new LocalCluster(folder);
    try {
      cluster.spark(
          "master",
          List.of(),
          "org.apache.spark.deploy.master.Master",
          List.of(
              "--host", HOST, "--port", "" + cluster.port, "--webui-port", "" + cluster.uiPort));
      cluster.await(0);
      for (int i = 0; i < workers.size(); i++) {
        Path settings = folder.resolve("worker-" + i + ".conf");
        Files.write(
            settings,
            workers.get(i).entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).toList());
        cluster.spark(
            "worker-" + i,
            pinned ? List.of("taskset", "-c", "" + i) : List.of(),
            "org.apache.spark.deploy.worker.Worker",
            List.of(
                "--host",
                HOST,
                "--cores",
                "" + cores,
                "--memory",
                memory,
                "--webui-port",
                "0",
                "--work-dir",
                folder.resolve("work-" + i).toString(),
                "--properties-file",
                settings.toString(),
                cluster.master()));
      }
      cluster.await(workers.size());
      return cluster;
    } catch (IOException | RuntimeException e) {
      cluster.close();
      throw new IllegalStateException("No cluster came up in " + folder, e);
    }
  }

  /** Returns the master's URL. */
  String master() {
    return "spark://" + HOST + ":" + port;
  }

  /** Returns the SPARK_HOME of this Spark line. */
  static Path sparkHome() {
    return ROOT.resolve("jobs/target/spark-home");
  }

  /** Returns the jar that is submitted. */
  static Path jar() {
    return ROOT.resolve("jobs/target/pairloom.jar");
  }

  /** Returns the jars of Delta, as spark-submit wants them: with commas. */
  static String deltaJars() {
    try {
      return Files.readString(ROOT.resolve("jobs/target/delta.classpath")).strip();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Runs {@code ./pairloom} on this cluster and waits for its end.
   *
   * @param submitArguments for spark-submit
   */
  Finished pairloom(List<String> submitArguments, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(ROOT.resolve("pairloom").toString());
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder
        .environment()
        .put(
            "PAIRLOOM_SUBMIT_ARGS",
            "--master %s --conf spark.driver.host=%s %s"
                .formatted(master(), HOST, String.join(" ", submitArguments)));
    return finish(builder);
  }

  /** Runs {@code spark-submit} on this cluster and waits for its end. */
  Finished submit(List<String> arguments) {
    return finish(submitting(arguments));
  }

  /** Returns what starts {@code spark-submit} on this cluster. */
  ProcessBuilder submitting(List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(sparkHome().resolve("bin/spark-submit").toString());
    command.addAll(List.of("--master", master(), "--conf", "spark.driver.host=" + HOST));
    command.addAll(arguments);
    return new ProcessBuilder(command);
  }

  /** Runs a process that submits to a cluster, and waits for its end. */
  static Finished finish(ProcessBuilder builder) {
    long start = System.nanoTime();
    try {
      Process process = environment(builder).redirectErrorStream(true).start();
      process.getOutputStream().close();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int exitCode = process.waitFor();
      return new Finished(exitCode, output, (System.nanoTime() - start) / 1e9);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while an application ran", e);
    }
  }

  /** Gives a process what all processes of the cluster are told. */
  static ProcessBuilder environment(ProcessBuilder builder) {
    builder.environment().put("SPARK_HOME", sparkHome().toString());
    builder.environment().put("SPARK_LOCAL_IP", HOST);
    return builder;
  }

  /** Returns what the processes of applications on the workers wrote to their standard errors. */
  String workerLogs() {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(f -> f.endsWith("stderr")).sorted().toList()) {
        all.append("== ").append(file).append('\n').append(Files.readString(file));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return all.toString();
  }

  private void spark(String name, List<String> before, String main, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>(before);
    command.add(sparkHome().resolve("bin/spark-class").toString());
    command.add(main);
    command.addAll(arguments);
    ProcessBuilder builder = environment(new ProcessBuilder(command));
    builder.environment().put("SPARK_DAEMON_MEMORY", "512m");
    processes.add(
        builder
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve(name + ".log").toFile())
            .start());
  }

  private void await(int workers) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < end) {
      if (processes.stream().anyMatch(p -> !p.isAlive())) {
        throw new IllegalStateException("A process of the cluster ended; see the logs");
      }
      if (aliveWorkers() >= workers) {
        return;
      }
      pause();
    }
    throw new IllegalStateException("Waited for the cluster for " + PATIENCE);
  }

  private int aliveWorkers() {
    try (InputStream in =
        URI.create("http://" + HOST + ":" + uiPort + "/json/").toURL().openStream()) {
      JsonNode state = new ObjectMapper().readTree(in);
      return state.get("aliveworkers").asInt();
    } catch (IOException e) {
      // Not there yet.
      return -1;
    }
  }

  private static void pause() {
    try {
      Thread.sleep(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while the cluster started", e);
    }
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    // Workers end their executors when they are told to end.
    for (int i = processes.size() - 1; i >= 0; i--) {
      processes.get(i).destroy();
    }
    for (Process process : processes) {
      try {
        if (!process.waitFor(20, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}

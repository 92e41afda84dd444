package io.github.pairloom.benchmarks;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;

/**
 * Local files under {@code poison:}, where opening some of them in step reject is the end of the
 * task's process, by their names: {@code crash-} dies in native code, {@code hang-} never comes
 * back, {@code throw-} throws. Every opening writes down which device the task was given and which
 * lanes the process has.
 */
public final class PoisonFiles extends RawLocalFileSystem {
  static final String SCHEME = "poison";

  /** Setting with the folder that takes a file per process. */
  static final String SIGHTINGS = "pairloom.test.sightings";

  /** For Hadoop, which makes it by its name. */
  public PoisonFiles() {}

  @Override
  public String getScheme() {
    return SCHEME;
  }

  @Override
  public URI getUri() {
    return URI.create(SCHEME + ":///");
  }

  @Override
  public FSDataInputStream open(Path path, int bufferSize) throws IOException {
    TaskContext task = TaskContext.get();
    if (task != null && "reject".equals(task.getLocalProperty("spark.jobGroup.id"))) {
      writeDown(task);
      String name = path.getName();
      if (name.startsWith("crash-")) {
        crash();
      }
      if (name.startsWith("throw-")) {
        throw new IllegalStateException("made to throw");
      }
      while (name.startsWith("hang-")) {
        try {
          Thread.sleep(1000);
        } catch (InterruptedException e) {
          // What hangs heeds nothing.
        }
      }
    }
    return super.open(path, bufferSize);
  }

  private void writeDown(TaskContext task) throws IOException {
    String lanes =
        Thread.getAllStackTraces().keySet().stream()
            .map(Thread::getName)
            .filter(name -> name.startsWith("pairloom-lane-"))
            .sorted()
            .collect(Collectors.joining(","));
    String line =
        SparkEnv.get().executorId()
            + " "
            + String.join(",", task.resourcesJMap().get("gpu").addresses())
            + " "
            + lanes
            + "\n";
    Files.write(
        java.nio.file.Path.of(getConf().get(SIGHTINGS), "process-" + ProcessHandle.current().pid()),
        line.getBytes(StandardCharsets.UTF_8),
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }

  /** What the machine sends to a process whose native code reads where nothing is. */
  private static void crash() throws IOException {
    try {
      new ProcessBuilder("kill", "-SEGV", "" + ProcessHandle.current().pid()).start().waitFor();
      Thread.sleep(60_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

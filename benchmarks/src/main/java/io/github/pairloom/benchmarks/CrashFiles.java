package io.github.pairloom.benchmarks;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.DelegateToFileSystem;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;
import org.apache.spark.SparkEnv;

/**
 * Local files under {@code crash:}, where one operation is the last of a process: SIGKILL comes
 * just before or just after it. Which one is drawn up in a folder that all processes see: {@code
 * plan}, and {@code trace} takes every operation. Public as Hadoop makes it by its name.
 */
public final class CrashFiles extends RawLocalFileSystem {
  static final String SCHEME = "crash";

  /** Setting with the folder of the plan. */
  static final String FOLDER = "pairloom.crash.folder";

  /** File with the process number of the driver. */
  static final String DRIVER = "driver.pid";

  /** File that exists once the kill was done; says at which operation. */
  static final String DONE = "done";

  private static final AtomicInteger MATCHES = new AtomicInteger();

  /**
   * An operation to die of.
   *
   * @param process of the operation: {@code driver} or {@code executor}
   * @param operation its description, as in the trace
   * @param number which of those that match, from 1
   * @param before whether before it, or after it
   * @param victim who is killed: {@code driver} or {@code executor}
   */
  record Plan(String process, Pattern operation, int number, boolean before, String victim) {
    String toLine() {
      return String.join(
          "\t", process, operation.pattern(), "" + number, Boolean.toString(before), victim);
    }

    static Plan of(String line) {
      String[] fields = line.strip().split("\t", -1);
      return new Plan(
          fields[0],
          Pattern.compile(fields[1]),
          Integer.parseInt(fields[2]),
          Boolean.parseBoolean(fields[3]),
          fields[4]);
    }
  }

  /** {@link CrashFiles} as Hadoop's FileContext wants it. */
  public static final class OfContext extends DelegateToFileSystem {
    /** For Hadoop. */
    public OfContext(URI uri, Configuration conf) throws IOException, URISyntaxException {
      super(URI.create(SCHEME + ":///"), new CrashFiles(), conf, SCHEME, false);
    }

    @Override
    public int getUriDefaultPort() {
      return -1;
    }
  }

  /** For Hadoop. */
  public CrashFiles() {}

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
    return around("open", path, () -> super.open(path, bufferSize));
  }

  @Override
  public FSDataOutputStream create(
      Path path,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    return around(
        "create",
        path,
        () -> super.create(path, overwrite, bufferSize, replication, blockSize, progress));
  }

  @Override
  public FSDataOutputStream create(
      Path path,
      FsPermission permission,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    return around(
        "create",
        path,
        () ->
            super.create(
                path, permission, overwrite, bufferSize, replication, blockSize, progress));
  }

  @Override
  public boolean rename(Path from, Path to) throws IOException {
    return around("rename", to, () -> super.rename(from, to));
  }

  @Override
  public boolean delete(Path path, boolean recursive) throws IOException {
    return around("delete", path, () -> super.delete(path, recursive));
  }

  private interface Operation<T> {
    T run() throws IOException;
  }

  private <T> T around(String name, Path path, Operation<T> operation) throws IOException {
    java.nio.file.Path folder = java.nio.file.Path.of(getConf().get(FOLDER));
    boolean driver = SparkEnv.get() == null || SparkEnv.get().executorId().equals("driver");
    String what = name + " " + path.toUri().getPath();
    trace(folder, driver, what);
    Plan plan = plan(folder, driver, what);
    if (plan != null && plan.before()) {
      kill(folder, plan, "before " + what);
    }
    T result = operation.run();
    if (plan != null && !plan.before()) {
      kill(folder, plan, "after " + what);
    }
    return result;
  }

  private static void trace(java.nio.file.Path folder, boolean driver, String what)
      throws IOException {
    if (driver) {
      Files.writeString(folder.resolve(DRIVER), "" + ProcessHandle.current().pid());
    }
    Files.write(
        folder.resolve("trace"),
        "%s %s%n".formatted(driver ? "driver" : "executor", what).getBytes(StandardCharsets.UTF_8),
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }

  /** Returns the plan if this is the operation to die of. */
  private static Plan plan(java.nio.file.Path folder, boolean driver, String what)
      throws IOException {
    java.nio.file.Path file = folder.resolve("plan");
    if (!Files.exists(file) || Files.exists(folder.resolve(DONE))) {
      return null;
    }
    Plan plan = Plan.of(Files.readString(file));
    boolean matches =
        plan.process().equals(driver ? "driver" : "executor")
            && plan.operation().matcher(what).find()
            && MATCHES.incrementAndGet() == plan.number();
    return matches ? plan : null;
  }

  private static void kill(java.nio.file.Path folder, Plan plan, String what) throws IOException {
    try {
      Files.writeString(folder.resolve(DONE), what, StandardOpenOption.CREATE_NEW);
    } catch (FileAlreadyExistsException e) {
      return;
    }
    String pid =
        plan.victim().equals(plan.process())
            ? "" + ProcessHandle.current().pid()
            : Files.readString(folder.resolve(DRIVER));
    try {
      new ProcessBuilder("kill", "-9", pid).start().waitFor();
      // The signal takes a moment; nothing more is to happen in it.
      Thread.sleep(plan.victim().equals(plan.process()) ? 60_000 : 500);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

package io.github.pairloom.jobs;

import io.github.pairloom.schemas.Table;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;

/**
 * What tasks have under way, written down in the warehouse before they begin it, so that whoever
 * comes after a process that died knows what it died with.
 *
 * <p>A task writes an entry with the keys of the rows that it is about to begin, and removes it
 * when they are done, or when the task is killed or its process is told to end. An entry that stays
 * is evidence of a process that died hard (a native crash, SIGKILL, no memory), or of a task that
 * failed. Its rows are suspects: the next attempt works on each of them alone in its process, under
 * an entry of its own. A row that was alone in {@value #DEATHS} attempts that died, or in one that
 * hung, is condemned: it is not worked on again, and all others are.
 *
 * <p>Evidence is gathered over attempts of a task and over runs of a step, until the step has
 * committed what it is about.
 */
public final class RowJournal implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Attempts that must die with a row alone: one may have died of something else. */
  private static final int DEATHS = 2;

  /** More rows than this are not to blame: something else ends processes. */
  private static final int MOST_CONDEMNED = 32;

  /** What an entry says of its rows; the name is the start of the entry's file name. */
  enum Kind {
    /** They were under way together. */
    TOGETHER,
    /** The one was alone. */
    ALONE,
    /** The one was alone and took longer than is allowed. */
    HUNG;

    private String prefix() {
      return name().toLowerCase(Locale.ROOT) + "-";
    }
  }

  private final SerializableConfiguration hadoop;
  private final String folder;
  private final String keyColumn;
  private final int rowSeconds;
  private final HashSet<String> suspects = new HashSet<>();
  private final HashMap<String, Integer> deaths = new HashMap<>();
  private final HashSet<String> hung = new HashSet<>();

  private RowJournal(
      SerializableConfiguration hadoop, String folder, String keyColumn, int rowSeconds) {
    this.hadoop = hadoop;
    this.folder = folder;
    this.keyColumn = keyColumn;
    this.rowSeconds = rowSeconds;
    read();
  }

  /** Returns the journal of the rows of {@code table}, with what is in it already. */
  static RowJournal open(StepContext context, Table table, String keyColumn) {
    return new RowJournal(
        new SerializableConfiguration(context.spark().sparkContext().hadoopConfiguration()),
        context.warehouse().root() + "/_under-way/" + table.tableName(),
        keyColumn,
        context.recipe().recovery().rowSeconds());
  }

  /** Returns the journal as it is by now. */
  RowJournal reread() {
    return new RowJournal(hadoop, folder, keyColumn, rowSeconds);
  }

  private void read() {
    try {
      FileSystem files = files();
      if (!files.exists(new Path(folder))) {
        return;
      }
      for (FileStatus entry : files.listStatus(new Path(folder))) {
        String name = entry.getPath().getName();
        for (Kind kind : Kind.values()) {
          if (name.startsWith(kind.prefix())) {
            keys(files, entry.getPath()).forEach(key -> add(kind, key));
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read what was under way in " + folder + ": " + e, e);
    }
  }

  private static Set<String> keys(FileSystem files, Path entry) throws IOException {
    try (InputStream in = files.open(entry)) {
      Set<String> keys = new HashSet<>();
      new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().forEach(keys::add);
      return keys;
    } catch (FileNotFoundException e) {
      // Its task is done meanwhile.
      return Set.of();
    }
  }

  private void add(Kind kind, String key) {
    suspects.add(key);
    switch (kind) {
      case TOGETHER -> {}
      case ALONE -> deaths.merge(key, 1, Integer::sum);
      case HUNG -> hung.add(key);
    }
  }

  /** Returns the column with the key of a row. */
  String keyColumn() {
    return keyColumn;
  }

  /** Returns how long a task may go on without a row begun or done, in seconds. */
  int rowSeconds() {
    return rowSeconds;
  }

  boolean suspects(String key) {
    return suspects.contains(key);
  }

  /** Returns why a row is not worked on, if it is not. */
  Optional<PoisonRowException> verdict(String key) {
    if (hung.contains(key)) {
      return Optional.of(
          new PoisonRowException(
              RowFaults.TIMED_OUT,
              "Alone in its process, it was not done after %s s".formatted(rowSeconds)));
    }
    int died = deaths.getOrDefault(key, 0);
    return died < DEATHS
        ? Optional.empty()
        : Optional.of(
            new PoisonRowException(
                RowFaults.PROCESS_DIED,
                "%s processes died while they worked on nothing else".formatted(died)));
  }

  /**
   * Returns whether another try may come further than the one that began with {@code before}.
   *
   * @throws JobException if so many rows are condemned that rows cannot be the cause
   */
  boolean knowsMoreThan(RowJournal before) {
    long condemned = suspects.stream().filter(key -> verdict(key).isPresent()).count();
    if (condemned > MOST_CONDEMNED) {
      throw new JobException(
          ("Processes died or hung on %s different rows, each alone, so rows are not the cause. Look"
                  + " at the executors' logs (memory: spark.executor.memoryOverhead; devices;"
                  + " recovery.row-seconds). Then remove %s and run the step again.")
              .formatted(condemned, folder));
    }
    return evidence() > before.evidence() || (before.suspects.isEmpty() && !suspects.isEmpty());
  }

  private int evidence() {
    return hung.size() + deaths.values().stream().mapToInt(i -> i).sum();
  }

  /** Writes an entry and returns it. */
  Path write(Kind kind, Collection<String> keys) {
    Path entry = new Path(folder, kind.prefix() + UUID.randomUUID());
    try (OutputStream out = files().create(entry, false)) {
      out.write(String.join("\n", keys).getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot write down what is under way in " + folder + ": " + e, e);
    }
    return entry;
  }

  /** Removes an entry. */
  void remove(Path entry) {
    delete(entry);
  }

  /** Returns the keys of all rows that something died or hung with. */
  Set<String> suspects() {
    return Set.copyOf(suspects);
  }

  /** Removes what is written down, but for what is about rows that are not in the table yet. */
  void clear(Set<String> committed) {
    try {
      FileSystem files = files();
      Path all = new Path(folder);
      boolean open = false;
      for (FileStatus entry : files.exists(all) ? files.listStatus(all) : new FileStatus[0]) {
        Set<String> keys = keys(files, entry.getPath());
        boolean pending =
            keys.stream().anyMatch(k -> suspects.contains(k) && !committed.contains(k));
        open |= pending;
        if (!pending) {
          delete(entry.getPath());
        }
      }
      if (!open) {
        delete(all);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read what was under way in " + folder + ": " + e, e);
    }
  }

  private void delete(Path path) {
    try {
      files().delete(path, true);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot remove " + path + ": " + e, e);
    }
  }

  private FileSystem files() throws IOException {
    return new Path(folder).getFileSystem(hadoop.value());
  }
}

package io.github.pairloom.jobs;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The commits of a Delta table as files, by Delta's protocol: {@code _delta_log/VERSION.json}, the
 * version with 20 digits. Looking at them costs no Spark job.
 */
final class DeltaLogFiles {
  private static final Pattern VERSION = Pattern.compile("(\\d{20})\\.(json|checkpoint\\..*)");

  private final Configuration hadoop;
  private final Path folder;

  DeltaLogFiles(Configuration hadoop, String table) {
    this.hadoop = hadoop;
    this.folder = new Path(table, "_delta_log");
  }

  /** Returns the last version; -1 if there is no table. */
  long latest() {
    return versions().stream().mapToLong(version -> version).max().orElse(-1);
  }

  /** Returns the version after {@code after} whose commit holds {@code text}, if there is one. */
  OptionalLong find(String text, long after) {
    return versions().stream()
        .mapToLong(version -> version)
        .filter(version -> version > after)
        .sorted()
        .filter(version -> commit(version).contains(text))
        .findFirst();
  }

  /**
   * Deletes the log of a table that a run began to create when it died: a folder with no more than
   * the hidden files of half a commit, which Delta would take for somebody else's. Never a folder
   * with anything in it: a run that was only slow may commit at any moment.
   */
  void deleteUnlessCommitted() {
    try {
      FileSystem files = folder.getFileSystem(hadoop);
      if (!files.exists(folder)) {
        return;
      }
      for (FileStatus file : files.listStatus(folder)) {
        if (!file.getPath().getName().startsWith(".")) {
          return;
        }
        files.delete(file.getPath(), false);
      }
      files.delete(folder, false);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot delete " + folder + ": " + e, e);
    }
  }

  private List<Long> versions() {
    try {
      FileSystem files = folder.getFileSystem(hadoop);
      List<Long> versions = new ArrayList<>();
      for (FileStatus file : files.listStatus(folder)) {
        Matcher name = VERSION.matcher(file.getPath().getName());
        if (name.matches()) {
          versions.add(Long.parseLong(name.group(1)));
        }
      }
      return versions;
    } catch (FileNotFoundException e) {
      return List.of();
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot list " + folder + ": " + e, e);
    }
  }

  private String commit(long version) {
    Path file = new Path(folder, "%020d.json".formatted(version));
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (FileNotFoundException e) {
      return "";
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + file + ": " + e, e);
    }
  }
}

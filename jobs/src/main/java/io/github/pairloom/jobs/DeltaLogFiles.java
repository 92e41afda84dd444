package io.github.pairloom.jobs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The commits of a Delta table as files, by Delta's protocol: {@code _delta_log/VERSION.json}, the
 * version with 20 digits. Looking at them costs no Spark job.
 */
final class DeltaLogFiles {
  private static final Pattern COMMIT = Pattern.compile("(\\d{20})\\.json");
  private static final Pattern COMMIT_OR_CHECKPOINT =
      Pattern.compile("(\\d{20})\\.(json|checkpoint\\..*)");

  /** Actions of a commit that change no row. */
  private static final Set<String> ABOUT_THE_COMMIT = Set.of("commitInfo", "txn");

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Configuration hadoop;
  private final Path folder;

  DeltaLogFiles(Configuration hadoop, String table) {
    this.hadoop = hadoop;
    this.folder = new Path(table, "_delta_log");
  }

  /** Returns the last version; -1 if there is no table. */
  long latest() {
    return versions(COMMIT_OR_CHECKPOINT).max().orElse(-1);
  }

  /** Returns the version after {@code after} whose commit holds {@code text}, if there is one. */
  OptionalLong find(String text, long after) {
    return versions(COMMIT)
        .filter(version -> version > after)
        .sorted()
        .filter(version -> commit(version).contains(text))
        .findFirst();
  }

  /**
   * Returns the data files that commits {@code from} to {@code to} added, which is all that the
   * table has gained.
   *
   * @return nothing if one of these commits did anything but add files (OPTIMIZE takes some away,
   *     ALTER TABLE changes the table), or is gone: Delta deletes old ones; or if {@code to} is
   *     before {@code from - 1}
   */
  Optional<List<String>> added(long from, long to) {
    if (to < from - 1) {
      return Optional.empty();
    }
    List<String> files = new ArrayList<>();
    for (long version = from; version <= to; version++) {
      String commit = commit(version);
      if (commit.isEmpty()) {
        return Optional.empty();
      }
      for (String line : commit.lines().toList()) {
        Map.Entry<String, JsonNode> action = action(version, line);
        JsonNode what = action.getValue();
        if (action.getKey().equals("add")
            && what.path("dataChange").asBoolean()
            && !what.hasNonNull("deletionVector")) {
          Path file = new Path(URI.create(what.path("path").asText()));
          files.add(new Path(folder.getParent(), file).toString());
        } else if (!ABOUT_THE_COMMIT.contains(action.getKey())) {
          return Optional.empty();
        }
      }
    }
    return Optional.of(files);
  }

  /**
   * Deletes the log of a table that a run began to create when it died: a folder with no more than
   * the hidden files of half a commit and empty folders, which Delta would take for somebody
   * else's. Never a folder with anything in it: a run that was only slow may commit at any moment.
   */
  void deleteUnlessCommitted() {
    try {
      FileSystem files = folder.getFileSystem(hadoop);
      if (!files.exists(folder)) {
        return;
      }
      for (FileStatus file : files.listStatus(folder)) {
        boolean ofDelta =
            file.isDirectory()
                ? files.listStatus(file.getPath()).length == 0
                : file.getPath().getName().startsWith(".");
        if (!ofDelta) {
          return;
        }
        files.delete(file.getPath(), false);
      }
      files.delete(folder, false);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot delete " + folder + ": " + e, e);
    }
  }

  /** Returns the versions in the names of the files that are called so. */
  private LongStream versions(Pattern name) {
    try {
      FileSystem files = folder.getFileSystem(hadoop);
      return Arrays.stream(files.listStatus(folder))
          .map(file -> name.matcher(file.getPath().getName()))
          .filter(Matcher::matches)
          .mapToLong(match -> Long.parseLong(match.group(1)));
    } catch (FileNotFoundException e) {
      return LongStream.empty();
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot list " + folder + ": " + e, e);
    }
  }

  private static Map.Entry<String, JsonNode> action(long version, String line) {
    try {
      return JSON.readTree(line).properties().iterator().next();
    } catch (JsonProcessingException | NoSuchElementException e) {
      throw new IllegalStateException("Commit %s has no action: %s".formatted(version, line), e);
    }
  }

  private String commit(long version) {
    Path file = new Path(folder, String.format(Locale.ROOT, "%020d.json", version));
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (FileNotFoundException e) {
      return "";
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + file + ": " + e, e);
    }
  }
}

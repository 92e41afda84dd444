package io.github.pairloom.jobs.ingest;

import io.github.pairloom.jobs.FileAddresses;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.recipe.SourceFormat;
import io.github.pairloom.jobs.recipe.SourceSettings;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.GlobExpander;
import org.apache.hadoop.fs.GlobFilter;
import org.apache.hadoop.fs.Path;

/** Finds the files that a source names. */
final class SourceFiles {
  private final SourceSettings source;
  private final Configuration hadoop;

  SourceFiles(SourceSettings source, Configuration hadoop) {
    this.source = source;
    this.hadoop = hadoop;
  }

  /**
   * Returns the URIs of the files, in order, each once.
   *
   * @throws JobException if a part of the path names no file
   */
  List<String> list() {
    SortedSet<String> uris = new TreeSet<>();
    for (String part : source.paths()) {
      List<String> found = list(part);
      if (found.isEmpty()) {
        throw new JobException(
            "No source files in '%s': it is not there, or a folder without %s files. Correct source.path"
                .formatted(part, String.join(" or ", extensions())));
      }
      uris.addAll(found);
    }
    return List.copyOf(uris);
  }

  /**
   * Returns the folder that images may come from, as a URI; empty where it is the folder of the
   * file.
   *
   * @throws JobException if the recipe names a folder that is not there
   */
  String imageRoot() {
    if (source.imageRoot().isBlank()) {
      return "";
    }
    try {
      Path root = new Path(source.imageRoot());
      FileAddresses.check("source.image-root", root, hadoop);
      FileSystem files = root.getFileSystem(hadoop);
      if (!files.getFileStatus(root).isDirectory()) {
        throw new JobException("source.image-root '%s' is not a folder".formatted(root));
      }
      return files.makeQualified(root).toString();
    } catch (FileNotFoundException e) {
      throw new JobException(
          "source.image-root '%s' is not there. Correct it, or leave it out if images lie beside their"
                  .formatted(source.imageRoot())
              + " file",
          e);
    } catch (IOException e) {
      throw unreachable(source.imageRoot(), e);
    }
  }

  private List<String> list(String part) {
    List<String> uris = new ArrayList<>();
    try {
      Path path = new Path(part);
      FileAddresses.check("source.path", path, hadoop);
      FileSystem files = path.getFileSystem(hadoop);
      // A name that holds glob characters may be meant as it stands.
      FileStatus[] matches =
          files.exists(path)
              ? new FileStatus[] {files.getFileStatus(path)}
              : files.globStatus(path);
      for (FileStatus match : matches == null ? new FileStatus[0] : matches) {
        if (match.isDirectory()) {
          for (FileStatus file : files.listStatus(match.getPath())) {
            if (file.isFile() && isOfFormat(file.getPath().getName())) {
              uris.add(files.makeQualified(file.getPath()).toString());
            }
          }
        } else {
          uris.add(files.makeQualified(match.getPath()).toString());
        }
      }
    } catch (IOException e) {
      throw unreachable(part, e);
    } catch (IllegalArgumentException e) {
      throw new JobException("Invalid source.path '%s': %s".formatted(part, e.getMessage()), e);
    }
    return uris;
  }

  /**
   * Returns what the source is said to hold, if the recipe names a file that says so.
   *
   * @throws JobException if that file cannot be read
   */
  Optional<SourceManifest> manifest() {
    return source.manifest().isBlank()
        ? Optional.empty()
        : Optional.of(SourceManifest.read(source.manifest(), hadoop));
  }

  /** Returns whether the path names {@code uri}, or would if there were such a file. */
  boolean covers(String uri) {
    Path file = new Path(uri);
    for (String part : source.paths()) {
      try {
        for (String glob : GlobExpander.expand(part)) {
          Path path = new Path(glob);
          Path named = path.getFileSystem(hadoop).makeQualified(path);
          if (matches(named, file)
              || (isOfFormat(file.getName()) && matches(named, file.getParent()))) {
            return true;
          }
        }
      } catch (IOException e) {
        throw unreachable(part, e);
      }
    }
    return false;
  }

  private static boolean matches(Path glob, Path path) throws IOException {
    if (glob.isRoot() || path.isRoot()) {
      return glob.equals(path);
    }
    return (glob.getName().equals(path.getName()) || new GlobFilter(glob.getName()).accept(path))
        && matches(glob.getParent(), path.getParent());
  }

  private boolean isOfFormat(String name) {
    return !name.startsWith(".")
        && !name.startsWith("_")
        && extensions().stream().anyMatch(name::endsWith);
  }

  private List<String> extensions() {
    SourceFormat format = source.format();
    return switch (format) {
      case LLAVA -> List.of(".json", ".jsonl");
      case PARQUET -> List.of(".parquet");
      case WEBDATASET -> List.of(".tar");
    };
  }

  private static JobException unreachable(String path, IOException e) {
    return new JobException(
        "Cannot list '%s': %s. Check that the file system can be reached".formatted(path, e), e);
  }
}

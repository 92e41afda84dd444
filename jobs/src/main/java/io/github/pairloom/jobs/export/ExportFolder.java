package io.github.pairloom.jobs.export;

import io.github.pairloom.jobs.JobException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ContentSummary;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;

/**
 * The folder of an export, and how a new one takes its place: all files are written to a hidden
 * folder beside it, which is renamed at the end. A reader finds the old export, or the new one, or
 * for the moment between two renames none, but never parts of both. A run that dies in that moment
 * is undone by the next.
 *
 * <p>On an object store a rename is a copy of every object, slow and not atomic: a run that dies in
 * it leaves part of an export, which the next run sees by the manifest and replaces.
 *
 * <p>One export at a time may be made in a folder.
 */
final class ExportFolder implements AutoCloseable {
  /**
   * Whatever an export writes beside its manifest; a folder that holds anything else is not
   * replaced.
   */
  private static final Pattern OURS =
      Pattern.compile(
          // trl/images: where layouts before 3 have them.
          "README\\.md|(trl/)?images/(rejected/)?[0-9a-f]{64}\\.[a-z]+"
              + "|(parquet|trl|swift)/(%s|%s)-\\d+\\.(parquet|jsonl)"
                  .formatted(Split.TRAIN, Split.VALIDATION));

  private final FileSystem files;
  private final Path target;
  private final Path retired;
  private final Path staging;

  /**
   * Made with the staging folder, and gone if another run has removed that, whoever made it anew.
   */
  private final Path token;

  private final StagedFiles staged;

  private ExportFolder(FileSystem files, Path target, Configuration hadoop) {
    this.files = files;
    this.target = target;
    this.retired = sibling("retired");
    this.staging = sibling("staging-" + UUID.randomUUID());
    this.token = new Path(staging, "_token");
    this.staged = new StagedFiles(hadoop, staging);
  }

  /** Returns the folder at {@code path}, after tidying up what runs that died left beside it. */
  static ExportFolder open(Configuration hadoop, String path) throws IOException {
    FileSystem files = StagedFiles.fileSystem(new Path(path), hadoop);
    ExportFolder folder = new ExportFolder(files, files.makeQualified(new Path(path)), hadoop);
    folder.recover();
    files.create(folder.token, false).close();
    return folder;
  }

  private void recover() throws IOException {
    if (files.exists(retired)) {
      if (files.exists(target)) {
        files.delete(retired, true);
      } else {
        rename(retired, target);
      }
    }
    Path parent = target.getParent();
    if (files.exists(parent)) {
      for (FileStatus beside : files.listStatus(parent)) {
        if (beside.getPath().getName().startsWith(sibling("staging-").getName())) {
          files.delete(beside.getPath(), true);
        }
      }
    }
  }

  /**
   * Returns the manifest of the export that is there, if it is of this layout and all that it lists
   * is there too.
   */
  Optional<Manifest> published() throws IOException {
    Path path = new Path(target, Manifest.FILE);
    if (!files.exists(path)) {
      return Optional.empty();
    }
    Optional<Manifest> manifest = Manifest.fromJson(read(path));
    return manifest.isPresent() && isWhole(manifest.get()) ? manifest : Optional.empty();
  }

  private boolean isWhole(Manifest manifest) throws IOException {
    for (DataFile file : manifest.files()) {
      Path listed = new Path(target, file.path());
      if (!files.exists(listed) || files.getFileStatus(listed).getLen() != file.bytes()) {
        return false;
      }
    }
    Manifest.ImageFiles images = manifest.images();
    if (images == null) {
      return true;
    }
    Path listed = new Path(target, images.folder());
    if (!files.exists(listed)) {
      return false;
    }
    ContentSummary found = files.getContentSummary(listed);
    return found.getFileCount() == images.count() && found.getLength() == images.bytes();
  }

  private byte[] read(Path file) throws IOException {
    try (InputStream in = files.open(file)) {
      return in.readAllBytes();
    }
  }

  /**
   * Fails if the folder holds what no export wrote: replacing it would delete somebody's work.
   *
   * @throws JobException with the first such file
   */
  void checkReplaceable() throws IOException {
    if (!files.exists(target)) {
      return;
    }
    RemoteIterator<LocatedFileStatus> found = files.listFiles(target, true);
    while (found.hasNext()) {
      Path file = found.next().getPath();
      String name = target.toUri().relativize(file.toUri()).getPath();
      boolean ours =
          name.equals(Manifest.FILE) ? Manifest.isOurs(read(file)) : OURS.matcher(name).matches();
      if (!ours) {
        throw new JobException(
            ("Cannot export to %s: it holds %s, which no export wrote and a new one would delete."
                    + " Move it away, or set export.path to another folder.")
                .formatted(target, name));
      }
    }
  }

  /** Returns the files of the export in the making. */
  StagedFiles staged() {
    return staged;
  }

  /**
   * Puts the staged files in the place of the export that was there.
   *
   * @throws JobException if another run has taken them for those of one that died
   */
  void publish() throws IOException {
    if (!files.delete(token, false)) {
      throw new JobException(
          "Another run exports to %s too, and has removed what this one wrote. Wait for it, then start this one again."
              .formatted(target));
    }
    checkReplaceable();
    if (files.exists(target)) {
      rename(target, retired);
    }
    rename(staging, target);
    files.delete(retired, true);
  }

  /** Removes the staged files if they were not published. */
  @Override
  public void close() throws IOException {
    files.delete(staging, true);
  }

  private void rename(Path from, Path to) throws IOException {
    if (!files.rename(from, to)) {
      throw new IOException("Cannot rename " + from + " to " + to);
    }
  }

  private Path sibling(String suffix) {
    return new Path(target.getParent(), "." + target.getName() + "." + suffix);
  }
}

package io.github.pairloom.jobs.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * The local file system without other processes. Hadoop's own, where its native library is missing,
 * starts {@code chmod} for every file it makes and {@code readlink} four times for every one it
 * renames: a commit to a Delta table is a dozen processes. What is written is the same.
 */
public final class LocalFiles extends LocalFileSystem {
  /** For Hadoop's FileSystem; public as Hadoop makes it by its name. */
  public LocalFiles() {
    super(new Raw());
  }

  /** Returns the settings that make Spark use this for {@code file:} paths. */
  public static Map<String, String> settings() {
    return Map.of(
        "spark.hadoop.fs.file.impl",
        LocalFiles.class.getName(),
        "spark.hadoop.fs.AbstractFileSystem.file.impl",
        LocalFilesOfContext.class.getName());
  }

  /** Without checksums. */
  static final class Raw extends RawLocalFileSystem {
    private static final PosixFilePermission[] FROM_LOW_BIT = {
      PosixFilePermission.OTHERS_EXECUTE,
      PosixFilePermission.OTHERS_WRITE,
      PosixFilePermission.OTHERS_READ,
      PosixFilePermission.GROUP_EXECUTE,
      PosixFilePermission.GROUP_WRITE,
      PosixFilePermission.GROUP_READ,
      PosixFilePermission.OWNER_EXECUTE,
      PosixFilePermission.OWNER_WRITE,
      PosixFilePermission.OWNER_READ,
    };

    private java.nio.file.Path nio(Path path) {
      return pathToFile(path).toPath();
    }

    @Override
    public void setPermission(Path path, FsPermission permission) throws IOException {
      java.nio.file.Path file = nio(path);
      if (permission.getStickyBit()
          || !file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
        super.setPermission(path, permission);
        return;
      }
      Set<PosixFilePermission> granted = EnumSet.noneOf(PosixFilePermission.class);
      for (int bit = 0; bit < FROM_LOW_BIT.length; bit++) {
        if ((permission.toShort() >> bit & 1) != 0) {
          granted.add(FROM_LOW_BIT[bit]);
        }
      }
      Files.setPosixFilePermissions(file, granted);
    }

    @Override
    public FileStatus getFileLinkStatus(Path path) throws IOException {
      return Files.isSymbolicLink(nio(path)) ? super.getFileLinkStatus(path) : getFileStatus(path);
    }
  }
}

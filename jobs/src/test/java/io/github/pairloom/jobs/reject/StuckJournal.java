package io.github.pairloom.jobs.reject;

import java.io.IOException;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;

/**
 * Local files, where tasks leave what they had under way behind, as those of processes that died,
 * and the driver cannot remove it.
 */
public final class StuckJournal extends LocalFileSystem {
  @Override
  public boolean delete(Path path, boolean recursive) throws IOException {
    if (!path.toString().contains("_under-way")) {
      return super.delete(path, recursive);
    }
    if (TaskContext.get() == null) {
      throw new IOException("made to fail");
    }
    return true;
  }
}

package io.github.pairloom.jobs.reject;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;

/** Local files, where every task that opens a picture dies of it at its first attempt. */
public final class FailingOnce extends LocalFileSystem {
  static final AtomicInteger FAILURES = new AtomicInteger();

  @Override
  public FSDataInputStream open(Path path, int bufferSize) throws IOException {
    TaskContext task = TaskContext.get();
    if (path.getName().endsWith(".png") && task != null && task.attemptNumber() == 0) {
      FAILURES.incrementAndGet();
      // An error and not an exception, which would be a fault of the row.
      throw new AssertionError("made to fail");
    }
    return super.open(path, bufferSize);
  }
}

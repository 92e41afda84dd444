package io.github.pairloom.udfs;

import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/**
 * What a task holds open while it works through its rows: closed when the task ends, whether it
 * succeeds, fails or is killed; outside of Spark whoever opened it closes it.
 */
public final class TaskScope implements AutoCloseable {
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  private TaskScope() {}

  /** Returns a scope of the calling task. */
  public static TaskScope open() {
    TaskScope scope = new TaskScope();
    TaskContext task = TaskContext.get();
    if (task != null) {
      task.addTaskCompletionListener((TaskCompletionListener) context -> scope.close());
    }
    return scope;
  }

  /** Closes {@code resource} when the scope ends; the last kept goes first. */
  public <T extends AutoCloseable> T keep(T resource) {
    open.push(resource);
    return resource;
  }

  @Override
  public void close() {
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Exception e) {
        throw new IllegalStateException("A resource of the task could not be closed", e);
      }
    }
  }
}

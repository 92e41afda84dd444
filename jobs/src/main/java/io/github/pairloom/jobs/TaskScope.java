package io.github.pairloom.jobs;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.function.Function;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/**
 * What a task holds open while it works through its rows: closed when the task ends, whether it
 * succeeds, fails or is killed, and no later than after the last row.
 */
public final class TaskScope implements AutoCloseable {
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  private TaskScope() {}

  /** Returns a scope of the calling task; outside of Spark it ends with the last row. */
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

  /** Returns {@code rows} mapped one by one, ending the scope after the last. */
  public <A, B> Iterator<B> map(Iterator<A> rows, Function<A, B> function) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        boolean more = rows.hasNext();
        if (!more) {
          close();
        }
        return more;
      }

      @Override
      public B next() {
        return function.apply(rows.next());
      }
    };
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

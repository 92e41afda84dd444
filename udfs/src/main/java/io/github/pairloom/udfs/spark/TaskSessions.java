package io.github.pairloom.udfs.spark;

import io.github.pairloom.udfs.TaskScope;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;

/**
 * What SQL functions hold open while a task runs: a function is called row by row, and must not
 * load its model for each.
 */
final class TaskSessions {
  private static final Map<Long, Map<Object, AutoCloseable>> OPEN = new ConcurrentHashMap<>();

  private TaskSessions() {}

  /**
   * Returns what {@code work} makes of a session, which is opened at its first use in a task and
   * closed as the task ends. On the driver, where Spark computes calls with nothing but constants,
   * it is closed at once.
   *
   * @param key tells sessions apart
   */
  @SuppressWarnings("try") // No session's close can be interrupted.
  static <S extends AutoCloseable, T> T with(Object key, Supplier<S> opener, Function<S, T> work) {
    TaskContext task = TaskContext.get();
    if (task == null) {
      try (S session = opener.get()) {
        return work.apply(session);
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException("A session could not be closed", e);
      }
    }
    Map<Object, AutoCloseable> mine =
        OPEN.computeIfAbsent(
            task.taskAttemptId(),
            id -> {
              TaskScope.open().keep(() -> OPEN.remove(id));
              return new ConcurrentHashMap<>();
            });
    @SuppressWarnings("unchecked") // Each key is used with one kind of session.
    S session =
        (S)
            mine.computeIfAbsent(
                key,
                k -> {
                  S opened = opener.get();
                  TaskScope.open().keep(opened);
                  return opened;
                });
    synchronized (session) {
      return work.apply(session);
    }
  }
}

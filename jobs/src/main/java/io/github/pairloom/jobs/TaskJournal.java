package io.github.pairloom.jobs;

import io.github.pairloom.udfs.RowsUnderWay;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.apache.spark.util.TaskFailureListener;

/**
 * One task's part of the {@link RowJournal}: keeps its entries, gives a suspect its process for
 * itself, and watches that rows go on.
 *
 * <p>Used by the task's thread; the watch is another.
 */
final class TaskJournal implements RowsUnderWay.Journal<Row>, AutoCloseable {
  /** Tasks of this process that may have rows under way; a suspect takes all of it. */
  private static final int ALL = 1 << 20;

  private static final Semaphore ROOM = new Semaphore(ALL, true);
  private static final Set<TaskJournal> OPEN = ConcurrentHashMap.newKeySet();

  /** Seconds that a task has to end after it was interrupted. */
  private static final int GRACE = 10;

  private static final int INTERVAL_MILLIS = 500;

  /** Exit code of a process that was ended because a row hung in it. */
  private static final int HUNG = 75;

  /** Before Hadoop closes its file systems, at its priority 10 and Spark's 40. */
  private static final int BEFORE_FILE_SYSTEMS = 60;

  private static final ScheduledExecutorService WATCH =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "pairloom-watch");
            thread.setDaemon(true);
            return thread;
          });

  static {
    ScheduledFuture<?> unused =
        WATCH.scheduleWithFixedDelay(
            TaskJournal::watchAll, INTERVAL_MILLIS, INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
    // A process that is told to end did not die of its rows.
    ShutdownHookManager.get()
        .addShutdownHook(() -> OPEN.forEach(TaskJournal::forget), BEFORE_FILE_SYSTEMS);
  }

  private final RowJournal journal;
  private final Thread thread = Thread.currentThread();
  private final TaskContext task = TaskContext.get();
  private volatile Path entry;
  private volatile String alone;
  private volatile boolean failed;
  private volatile boolean atWork;
  private volatile long since = System.nanoTime();
  private volatile long interruptedAt;
  private int held;

  private TaskJournal(RowJournal journal) {
    this.journal = journal;
    if (task != null) {
      task.addTaskFailureListener((TaskFailureListener) (context, error) -> failed = true);
    }
    OPEN.add(this);
  }

  /**
   * Opens the calling task's part of {@code journal}.
   *
   * @return closed when the task ends
   */
  static TaskJournal open(RowJournal journal) {
    TaskContext task = TaskContext.get();
    boolean again = task != null && (task.attemptNumber() > 0 || task.stageAttemptNumber() > 0);
    return new TaskJournal(again ? journal.reread() : journal);
  }

  @Override
  public String key(Row row) {
    return row.getAs(journal.keyColumn());
  }

  /**
   * Fails if a row is not to be worked on.
   *
   * @throws PoisonRowException if it ended the processes of earlier attempts, or hung in one
   */
  void check(Row row) {
    Optional<PoisonRowException> verdict = journal.verdict(key(row));
    if (verdict.isPresent()) {
      throw verdict.get();
    }
  }

  @Override
  public boolean isSuspect(String key) {
    return journal.suspects(key) && journal.verdict(key).isEmpty();
  }

  @Override
  public boolean isAwaited() {
    return ROOM.hasQueuedThreads();
  }

  @Override
  public void together(Collection<String> keys) {
    take(1);
    replace(journal.write(RowJournal.Kind.TOGETHER, keys));
  }

  @Override
  public void alone(String key) {
    take(ALL);
    replace(journal.write(RowJournal.Kind.ALONE, List.of(key)));
    alone = key;
  }

  @Override
  public void none() {
    alone = null;
    try {
      replace(null);
    } finally {
      give();
    }
  }

  @Override
  public void begin() {
    goesOn();
    atWork = true;
  }

  @Override
  public void end() {
    atWork = false;
  }

  @Override
  public void goesOn() {
    since = System.nanoTime();
  }

  private void replace(Path next) {
    Path before = entry;
    entry = next;
    if (before != null) {
      journal.remove(before);
    }
  }

  private void take(int permits) {
    if (held != permits) {
      give();
      boolean working = atWork;
      // Waiting for others is no hanging.
      atWork = false;
      try {
        ROOM.acquire(permits);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("The task was interrupted while it waited for others", e);
      }
      held = permits;
      goesOn();
      atWork = working;
    }
  }

  private void give() {
    ROOM.release(held);
    held = 0;
  }

  private static void watchAll() {
    try {
      OPEN.forEach(TaskJournal::watch);
    } catch (RuntimeException e) {
      // An exception would end the watch.
      System.err.println("pairloom: the watch over rows failed: " + e);
    }
  }

  private void watch() {
    if (interruptedAt != 0 && seconds(interruptedAt) > GRACE) {
      halt();
    }
    if (interruptedAt == 0 && atWork && seconds(since) > journal.rowSeconds()) {
      String row = alone;
      System.err.println(
          "pairloom: no row of this task was begun, done or brought nearer for %s s%s"
              .formatted(journal.rowSeconds(), row == null ? "" : "; alone under way: " + row));
      if (row != null) {
        journal.write(RowJournal.Kind.HUNG, List.of(row));
      }
      // What hangs in native code cannot be taken back, and other tasks may wait for the same
      // model.
      if (SparkEnv.get() != null && !SparkEnv.get().executorId().equals("driver")) {
        halt();
      }
      interruptedAt = System.nanoTime();
      thread.interrupt();
    }
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }

  private static void halt() {
    System.err.println(
        "pairloom: this process hangs and ends itself. Whoever runs the step next leaves the row out");
    Runtime.getRuntime().halt(HUNG);
  }

  private void forget() {
    Path last = entry;
    if (last != null) {
      entry = null;
      journal.remove(last);
    }
  }

  /** Removes the task's entry, unless the task failed of itself. */
  @Override
  public void close() {
    OPEN.remove(this);
    boolean killed = task != null && task.isInterrupted();
    try {
      if (!failed || killed) {
        forget();
      }
    } finally {
      // Or all tasks of the process that come after would wait for ever.
      give();
    }
  }
}

package io.github.pairloom.jobs.cli;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/**
 * Tells how far a step is while it runs: Spark tasks done of those known so far, and the time. A
 * terminal shows one line that changes; a log gets a line every ten seconds.
 */
final class Progress extends SparkListener implements AutoCloseable {
  private static final long TERMINAL_SECONDS = 1;
  private static final long LOG_SECONDS = 10;
  private static final String ERASE_LINE = "\r\u001b[K";

  private final Terminal terminal;
  private final SparkContext context;
  private final String step;
  private final long start = System.nanoTime();
  private final AtomicLong known = new AtomicLong();
  private final AtomicLong done = new AtomicLong();
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "pairloom-progress");
            thread.setDaemon(true);
            return thread;
          });

  private Progress(Terminal terminal, SparkContext context, String step) {
    this.terminal = terminal;
    this.context = context;
    this.step = step;
  }

  /** Starts to tell; {@link #close} ends it. */
  static Progress start(Terminal terminal, SparkContext context, String step) {
    Progress progress = new Progress(terminal, context, step);
    context.addSparkListener(progress);
    long seconds = terminal.rewrites() ? TERMINAL_SECONDS : LOG_SECONDS;
    var unused =
        progress.clock.scheduleAtFixedRate(progress::tell, seconds, seconds, TimeUnit.SECONDS);
    return progress;
  }

  @Override
  public void onStageSubmitted(SparkListenerStageSubmitted event) {
    known.addAndGet(event.stageInfo().numTasks());
  }

  @Override
  public void onTaskEnd(SparkListenerTaskEnd event) {
    if (event.taskInfo().successful()) {
      done.incrementAndGet();
    }
  }

  /** Returns the line that is shown now. */
  String line() {
    String time = Texts.duration((System.nanoTime() - start) / 1e9);
    return String.format("%-10s %s of %s tasks   %s", step, done, known, time);
  }

  private void tell() {
    if (terminal.rewrites()) {
      terminal.err().print(ERASE_LINE + Texts.cut(line(), terminal.width() - 1));
      terminal.err().flush();
    } else {
      terminal.err().println(line());
    }
  }

  @Override
  public void close() {
    clock.shutdown();
    try {
      // A line that is being written must not come after the result's.
      if (!clock.awaitTermination(LOG_SECONDS, TimeUnit.SECONDS)) {
        clock.shutdownNow();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    context.removeSparkListener(this);
    if (terminal.rewrites()) {
      terminal.err().print(ERASE_LINE);
      terminal.err().flush();
    }
  }
}

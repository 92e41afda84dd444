package io.github.pairloom.udfs.vlm;

import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * The way of work to a device: one thread works on all that is handed in, from one task or many, so
 * batches fill across rows and no two runs get into each other's way. What is handed in is bounded
 * by those who do: each waits once it has enough under way.
 */
final class Lane implements AutoCloseable {
  /** Handed in, with the time of it. */
  private record Request(long since, CompletableFuture<?> result, Consumer<Engine> work) {}

  /** How long who takes work back waits for the run that it is in. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Engine engine;
  private final ModelMetrics metrics;
  private final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
  private final Thread thread;
  private volatile boolean closed;

  /** What ended the thread before it was closed; null as long as nothing did. */
  private volatile Throwable death;

  /**
   * @param engine closed with the lane
   * @param name for the thread
   */
  Lane(Engine engine, ModelMetrics metrics, String name) {
    this.engine = engine;
    this.metrics = metrics;
    this.thread = new Thread(this::run, "pairloom-lane-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  CompletableFuture<ImageFeatures> encode(PixelTensor pixels) {
    CompletableFuture<ImageFeatures> result = new CompletableFuture<>();
    hand(result, e -> e.encode(pixels, result));
    return result;
  }

  CompletableFuture<List<Generation>> complete(Passage passage) {
    CompletableFuture<List<Generation>> result = new CompletableFuture<>();
    hand(result, e -> e.complete(passage, result));
    return result;
  }

  CompletableFuture<List<Reading>> read(int[] prompt, ImageView view, List<int[]> responses) {
    CompletableFuture<List<Reading>> result = new CompletableFuture<>();
    hand(result, e -> e.read(prompt, view, responses, result));
    return result;
  }

  /**
   * Takes back what was handed in for these results and is not done, and waits until no run has a
   * part of it, for some seconds at most: a run may hang.
   */
  void takeBack(Collection<CompletableFuture<?>> results) {
    if (results.isEmpty()) {
      return;
    }
    results.forEach(result -> result.cancel(false));
    CompletableFuture<Void> left = new CompletableFuture<>();
    hand(
        left,
        e -> {
          e.leaveOut();
          left.complete(null);
        });
    await(left);
  }

  private static void await(CompletableFuture<?> left) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    boolean interrupted = false;
    try {
      while (!left.isDone()) {
        try {
          left.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          // A killed task is interrupted, and it must wait, too: wait on, and tell afterwards.
          interrupted = true;
        }
      }
    } catch (ExecutionException | TimeoutException e) {
      // The lane is gone, and all it had with it; or it hangs, which is another's to find out.
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void hand(CompletableFuture<?> result, Consumer<Engine> work) {
    requests.add(new Request(System.nanoTime(), result, work));
    if (closed) {
      result.completeExceptionally(gone());
    }
  }

  private ModelException gone() {
    Throwable cause = death;
    return new ModelException(
        cause == null
            ? "The model was closed"
            // Not as the cause: Spark ends the process of a task that has an error of memory there,
            // be it a notebook's.
            : "The thread that runs the model died: " + cause);
  }

  /** Returns whether something ended the thread before it was closed. */
  boolean isDead() {
    return death != null;
  }

  /**
   * Fails if the lane is dead: what it did not do then is no fault of the rows.
   *
   * @throws ModelException which says what of
   */
  void checkAlive() {
    if (isDead()) {
      throw gone();
    }
  }

  private void run() {
    long opened = System.nanoTime();
    try {
      while (!closed) {
        take();
        boolean busy = engine.work();
        if (!busy && requests.isEmpty()) {
          Request next = requests.take();
          begin(next);
        }
        long now = System.nanoTime();
        metrics.add(Figure.OPEN_NANOS, now - opened);
        opened = now;
      }
    } catch (InterruptedException e) {
      // Closed while it waited.
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      death = e;
      // An executor ends of an Error that nobody catches.
      throw e;
    } finally {
      closed = true;
      end();
    }
  }

  private void end() {
    try {
      ModelException gone = gone();
      requests.forEach(request -> request.result.completeExceptionally(gone));
      engine.giveUp(gone);
    } finally {
      engine.close();
    }
  }

  private void take() {
    for (Request next = requests.poll(); next != null; next = requests.poll()) {
      begin(next);
    }
  }

  private void begin(Request request) {
    metrics.add(Figure.REQUESTS, 1);
    metrics.add(Figure.QUEUE_WAIT_NANOS, System.nanoTime() - request.since);
    try {
      request.work.accept(engine);
    } catch (RuntimeException | Error e) {
      death = e;
      request.result.completeExceptionally(gone());
      throw e;
    }
  }

  /** Ends the thread after the run it is in; what is still under way fails. */
  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        // The thread must be gone before the weights are: wait on, and tell afterwards.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}

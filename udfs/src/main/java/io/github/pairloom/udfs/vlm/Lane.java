package io.github.pairloom.udfs.vlm;

import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/**
 * The way of work to a device: one thread works on all that is handed in, from one task or many, so
 * batches fill across rows and no two runs get into each other's way. What is handed in is bounded
 * by those who do: each waits once it has enough under way.
 */
final class Lane implements AutoCloseable {
  /** Handed in, with the time of it. */
  private record Request(long since, Consumer<Engine> work) {}

  private final Engine engine;
  private final ModelMetrics metrics;
  private final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
  private final Thread thread;
  private volatile boolean closed;

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

  private void hand(CompletableFuture<?> result, Consumer<Engine> work) {
    requests.add(new Request(System.nanoTime(), work));
    if (closed) {
      result.completeExceptionally(new ModelException("The model was closed"));
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
    } finally {
      closed = true;
      take();
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
    request.work.accept(engine);
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

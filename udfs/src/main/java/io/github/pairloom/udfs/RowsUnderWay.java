package io.github.pairloom.udfs;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Rows of a task, worked on many at a time and given back in their order. Rows are begun ahead of
 * their turn, so their images are read and decoded while the model works on those before, but no
 * more of them than their images' memory allows.
 *
 * @param <A> what comes in
 * @param <B> what comes out
 */
public final class RowsUnderWay<A, B> implements Iterator<B> {
  /** Rows that a small model needs at once to fill its batches, with as many again behind them. */
  private static final int MOST_ROWS = 256;

  /**
   * A row that was begun.
   *
   * @param result what it comes to; never fails, a bad row is a result
   * @param bytes memory that its image takes until then
   */
  public record Begun<B>(CompletableFuture<B> result, long bytes) {}

  private final Iterator<A> rows;
  private final Function<A, Begun<B>> begin;
  private final Function<CompletableFuture<B>, B> await;
  private final Runnable onEnd;
  private final long budget;
  private final Deque<Begun<B>> begun = new ArrayDeque<>();
  private long bytes;

  /**
   * @param begin begins a row
   * @param await waits for a row, letting all go on meanwhile
   * @param onEnd run after the last row
   * @param megabytes most MiB of images of rows that were begun; one is always let in
   */
  public RowsUnderWay(
      Iterator<A> rows,
      Function<A, Begun<B>> begin,
      Function<CompletableFuture<B>, B> await,
      Runnable onEnd,
      int megabytes) {
    this.rows = rows;
    this.begin = begin;
    this.await = await;
    this.onEnd = onEnd;
    this.budget = (long) megabytes << 20;
  }

  @Override
  public boolean hasNext() {
    boolean more = !begun.isEmpty() || rows.hasNext();
    if (!more) {
      onEnd.run();
    }
    return more;
  }

  @Override
  public B next() {
    while (rows.hasNext() && begun.size() < MOST_ROWS && (begun.isEmpty() || bytes < budget)) {
      Begun<B> next = begin.apply(rows.next());
      begun.add(next);
      bytes += next.bytes;
    }
    if (begun.isEmpty()) {
      throw new NoSuchElementException();
    }
    Begun<B> head = begun.poll();
    bytes -= head.bytes;
    return await.apply(head.result);
  }
}

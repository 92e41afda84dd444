package io.github.pairloom.udfs;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Rows of a task, worked on many at a time and given back in their order. Rows are begun ahead of
 * their turn, so their images are read and decoded while the model works on those before, but no
 * more of them than their images' memory allows. Rows that processes may have died of are worked on
 * one at a time, if a journal tells of them.
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

  /**
   * Which rows are under way, written down for whoever comes after a process that died of one.
   *
   * @param <A> the rows
   */
  public interface Journal<A> {
    /** Returns the key of a row. */
    String key(A row);

    /** Returns whether a row is to be worked on alone. */
    boolean isSuspect(String key);

    /** Returns whether another task waits for this one to have no row under way. */
    boolean isAwaited();

    /** Writes down the rows that are under way from now on, in place of those before. */
    void together(Collection<String> keys);

    /** Waits until no other task of the process has rows under way, and writes down the one. */
    void alone(String key);

    /** Says that no row is under way. */
    void none();

    /** Says that the task's thread works on rows from now on. */
    void begin();

    /** Says that it does not any more. */
    void end();

    /** Says that a row was begun or is done, or comes nearer; may be called by any thread. */
    void goesOn();
  }

  private final Iterator<A> rows;
  private final Function<A, Begun<B>> begin;
  private final Function<CompletableFuture<B>, B> await;
  private final Runnable onEnd;
  private final long budget;

  /** Null where none is kept. */
  private final Journal<A> journal;

  /** Rows read and not begun. */
  private final Deque<A> ahead = new ArrayDeque<>();

  /** Keys of rows begun. */
  private final Deque<String> keys = new ArrayDeque<>();

  private final Deque<Begun<B>> begun = new ArrayDeque<>();
  private long bytes;

  /** Rows of {@link #ahead} that the journal tells of. */
  private int told;

  private boolean alone;

  /**
   * Makes rows that no journal is kept of.
   *
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
    this(null, rows, begin, await, onEnd, megabytes);
  }

  private RowsUnderWay(
      Journal<A> journal,
      Iterator<A> rows,
      Function<A, Begun<B>> begin,
      Function<CompletableFuture<B>, B> await,
      Runnable onEnd,
      int megabytes) {
    this.journal = journal;
    this.rows = rows;
    this.begin = begin;
    this.await = await;
    this.onEnd = onEnd;
    this.budget = (long) megabytes << 20;
  }

  /**
   * Returns rows that {@code journal} is kept of.
   *
   * @param begin begins a row
   * @param await waits for a row, letting all go on meanwhile
   * @param onEnd run after the last row
   * @param megabytes most MiB of images of rows that were begun; one is always let in
   */
  public static <A, B> RowsUnderWay<A, B> of(
      Journal<A> journal,
      Iterator<A> rows,
      Function<A, Begun<B>> begin,
      Function<CompletableFuture<B>, B> await,
      Runnable onEnd,
      int megabytes) {
    return new RowsUnderWay<>(journal, rows, begin, await, onEnd, megabytes);
  }

  @Override
  public boolean hasNext() {
    boolean more = !begun.isEmpty() || !ahead.isEmpty() || rows.hasNext();
    if (!more) {
      onEnd.run();
    }
    return more;
  }

  @Override
  public B next() {
    if (journal == null) {
      return work();
    }
    journal.begin();
    try {
      return work();
    } finally {
      journal.end();
    }
  }

  private B work() {
    while (begun.size() < MOST_ROWS && (begun.isEmpty() || bytes < budget)) {
      readAhead();
      if (ahead.isEmpty() || (journal != null && !mayBegin(journal.key(ahead.element())))) {
        break;
      }
      begin(ahead.remove());
    }
    if (begun.isEmpty()) {
      throw new NoSuchElementException();
    }
    B result = await.apply(begun.element().result);
    bytes -= begun.remove().bytes;
    if (journal != null) {
      keys.remove();
      if (alone) {
        alone = false;
        told = 0;
        journal.none();
      }
    }
    return result;
  }

  private void readAhead() {
    if (ahead.isEmpty()) {
      told = 0;
      while (ahead.size() < MOST_ROWS && rows.hasNext()) {
        ahead.add(rows.next());
      }
    }
  }

  /** Returns whether the next row may be begun now; if so, the journal tells of it. */
  private boolean mayBegin(String next) {
    boolean suspect = journal.isSuspect(next);
    boolean idle = begun.isEmpty();
    if (!idle && (alone || suspect || journal.isAwaited())) {
      return false;
    }
    if (suspect) {
      journal.alone(next);
      alone = true;
      return true;
    }
    if (idle && journal.isAwaited()) {
      told = 0;
      journal.none();
    }
    if (told == 0) {
      List<String> soon = new ArrayList<>(keys);
      ahead.forEach(row -> soon.add(journal.key(row)));
      journal.together(soon);
      told = ahead.size();
    }
    told--;
    return true;
  }

  private void begin(A row) {
    Begun<B> next = begin.apply(row);
    begun.add(next);
    bytes += next.bytes;
    if (journal != null) {
      keys.add(journal.key(row));
      journal.goesOn();
      CompletableFuture<B> unused = next.result.whenComplete((value, failure) -> journal.goesOn());
    }
  }
}

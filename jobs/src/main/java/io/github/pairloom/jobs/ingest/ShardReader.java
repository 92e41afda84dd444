package io.github.pairloom.jobs.ingest;

import io.github.pairloom.udfs.image.BadImageException;
import java.io.Closeable;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Supplier;

/**
 * The rows of one source file, in order, and after them its end. A row that cannot be read is a row
 * too, with the reason; only a failing file system makes reading fail.
 */
abstract class ShardReader implements Iterator<SourceRow>, Closeable {
  private static final int MAX_PAYLOAD = 2000;

  private final String uri;
  private final Deque<SourceRow> ready = new ArrayDeque<>();
  private long rows;
  private boolean ended;

  ShardReader(String uri) {
    this.uri = uri;
  }

  /** Reads on and adds what it finds; returns false if the file is at its end. */
  abstract boolean readOn();

  /** Returns the SHA-256 of the whole file; called once, at the end. */
  abstract String contentSha256();

  /** Returns the size of the file; called once, at the end. */
  abstract long bytes();

  @Override
  public abstract void close();

  @Override
  public final boolean hasNext() {
    while (ready.isEmpty() && !ended) {
      if (!readOn()) {
        ready.add(SourceRow.end(uri, rows, contentSha256(), bytes()));
        ended = true;
        close();
      }
    }
    return !ready.isEmpty();
  }

  @Override
  public final SourceRow next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return ready.remove();
  }

  final String uri() {
    return uri;
  }

  /**
   * What a row holds.
   *
   * @param image its image
   * @param conversation its text
   */
  record Content(ImageRef image, Conversation conversation) {}

  /**
   * Adds the next row.
   *
   * @param payload the row as it was read
   * @param content reads it; throws what makes it a bad row
   */
  final void add(String payload, Supplier<Content> content) {
    long row = rows++;
    try {
      Content read = content.get();
      ready.add(
          SourceRow.conversation(
              uri,
              row,
              read.image(),
              read.conversation(),
              read.image().known() == null ? cut(payload) : null));
    } catch (BadRowException e) {
      ready.add(bad(row, e.defect().code(), e.getMessage(), payload));
    } catch (BadImageException e) {
      ready.add(bad(row, e.defect().code(), e.getMessage(), payload));
    } catch (UncheckedIOException e) {
      throw e;
    } catch (RuntimeException e) {
      ready.add(bad(row, RowDefect.UNREADABLE_ROW.code(), e.toString(), payload));
    }
  }

  /** Adds a row for what could not be read as one. */
  final void addBad(RowDefect defect, String detail, String payload) {
    ready.add(bad(rows++, defect.code(), detail, payload));
  }

  private SourceRow bad(long row, String reason, String detail, String payload) {
    return SourceRow.bad(uri, row, reason, detail, cut(payload));
  }

  private static String cut(String text) {
    return text == null || text.length() <= MAX_PAYLOAD ? text : text.substring(0, MAX_PAYLOAD);
  }
}

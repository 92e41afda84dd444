package io.github.pairloom.jobs.ingest;

import java.util.Iterator;
import java.util.function.Function;

/**
 * An iterator whose elements are made from those of another as they are asked for.
 *
 * @param <A> elements of the other
 * @param <B> elements of this one
 */
record MappedRows<A, B>(Iterator<A> source, Function<A, B> function) implements Iterator<B> {
  @Override
  public boolean hasNext() {
    return source.hasNext();
  }

  @Override
  public B next() {
    return function.apply(source.next());
  }
}

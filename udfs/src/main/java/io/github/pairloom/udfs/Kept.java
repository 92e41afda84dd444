package io.github.pairloom.udfs;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * A bounded number of values, those last asked for, so that they are not made again. Safe for
 * several threads, of which two may make the same value at once.
 *
 * @param <K> what a value is a function of; not changed once it is a key
 * @param <V> not changed once it is kept
 */
public final class Kept<K, V> {
  private final Map<K, V> values;

  /**
   * @param most values kept
   */
  public Kept(int most) {
    values =
        new LinkedHashMap<>(16, 0.75f, true) {
          private static final long serialVersionUID = 1L;

          @Override
          protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
            return size() > most;
          }
        };
  }

  /** Returns the value of {@code key}, made by {@code make} unless it is kept. */
  public V get(K key, Function<? super K, ? extends V> make) {
    V value;
    synchronized (values) {
      value = values.get(key);
    }
    if (value == null) {
      // Outside of the lock, as it takes long.
      value = make.apply(key);
      synchronized (values) {
        values.put(key, value);
      }
    }
    return value;
  }
}

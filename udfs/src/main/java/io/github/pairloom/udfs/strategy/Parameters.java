package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.Settings;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** A strategy's settings as provenance holds them. */
final class Parameters {
  private Parameters() {}

  /**
   * Returns every setting by its recipe key; settings within settings stand beside them, as {@code
   * noise-steps} and {@code temperature} do in a recipe's own lines. Where two levels have a key in
   * common, the inner one has the outer key before it, with a dot. The type of an alternative
   * stands under the key that it is chosen for: {@code judge} is {@code claims}.
   */
  static SortedMap<String, String> of(RejectionStrategy strategy) {
    SortedMap<String, String> parameters = new TreeMap<>();
    put(parameters, "", (Map<?, ?>) Settings.tree(strategy));
    return parameters;
  }

  private static void put(SortedMap<String, String> parameters, String outer, Map<?, ?> settings) {
    settings.forEach(
        (key, value) -> {
          if (value instanceof Map<?, ?> inner) {
            put(parameters, (String) key, inner);
          } else if (!key.equals(Settings.TYPE)) {
            String text = value instanceof List<?> ? Settings.canonical(value) : value.toString();
            if (parameters.putIfAbsent((String) key, text) != null) {
              parameters.put(outer + "." + key, text);
            }
          } else if (!outer.isEmpty()) {
            parameters.put(outer, (String) value);
          }
        });
  }
}

package io.github.pairloom.jobs.recipe;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Finds the name that was meant. */
final class Names {
  private Names() {}

  /** Returns the name among {@code known} that {@code name} is most likely a slip of, if any. */
  static Optional<String> closest(String name, Collection<String> known) {
    String plain = plain(name);
    return known.stream()
        .filter(k -> distance(plain, plain(k)) <= Math.max(1, plain(k).length() / 3))
        .min(Comparator.comparingInt(k -> distance(plain, plain(k))));
  }

  /** Returns {@code " (did you mean x?)"}, or an empty text where nothing is close. */
  static String didYouMean(String name, Collection<String> known) {
    return closest(name, known).map(k -> " (did you mean " + k + "?)").orElse("");
  }

  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replaceAll("[-_ ]", "");
  }

  /** Levenshtein's: the fewest characters to add, remove or change. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int changed = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(changed, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}

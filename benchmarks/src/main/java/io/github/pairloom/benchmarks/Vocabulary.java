package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.benchmarks.SceneFacts.Thing;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The words of the demo world, and what a description in them states. The grammar is that of {@code
 * models/training/language.py}; the words are read from {@code vocabulary.json}.
 */
final class Vocabulary {
  /**
   * What became of the statements of a description.
   *
   * @param statements statements found
   * @param wrong those that are false of the scene
   * @param objects objects described
   * @param rightObjects those of them that are in the scene in this kind and colour
   * @param wellFormed whether every sentence follows the grammar
   */
  record Verdict(int statements, int wrong, int objects, int rightObjects, boolean wellFormed) {}

  private final Map<String, String> kinds = new HashMap<>();
  private final List<String> places = new ArrayList<>();
  private final Map<String, String> positions = new LinkedHashMap<>();
  private final Map<String, Integer> numbers = new HashMap<>();
  private final Pattern place;
  private final Pattern group;
  private final Pattern main;
  private final Pattern total;

  private Vocabulary(JsonNode json) {
    json.get("kinds")
        .properties()
        .forEach(
            kind -> {
              kinds.put(kind.getKey(), kind.getKey());
              kinds.put(kind.getValue().asText(), kind.getKey());
            });
    json.get("places").forEach(name -> places.add(name.asText()));
    json.get("positions")
        .properties()
        .forEach(entry -> positions.put(entry.getValue().asText(), entry.getKey()));
    json.get("numbers")
        .properties()
        .forEach(entry -> numbers.put(entry.getKey(), entry.getValue().asInt()));
    List<String> colours = new ArrayList<>();
    json.get("colours").forEach(name -> colours.add(name.asText()));
    String where = anyOf(positions.keySet().stream());
    String thing =
        "(?<count>%s) (?<big>big )?(?<colour>%s) (?<kind>%s)"
            .formatted(
                anyOf(numbers.keySet().stream()),
                anyOf(colours.stream()),
                anyOf(kinds.keySet().stream()));
    place =
        sentence(
            "(?:This is a picture of|The image shows|We can see) an? (?<place>%s)"
                .formatted(anyOf(places.stream())));
    group =
        sentence(
            "(?:There (?:is|are) |(?<before>%s) there is )?%s(?: can be seen| is)?(?: (?<after>%s))?"
                .formatted(where, thing, where));
    main =
        sentence("The main subject is the (?<kind>%s)".formatted(anyOf(kinds.keySet().stream())));
    total =
        sentence(
            "There (?:is|are) (?<count>%s) things? in total"
                .formatted(anyOf(numbers.keySet().stream())));
  }

  static Vocabulary read(Path file) throws IOException {
    return new Vocabulary(new ObjectMapper().readTree(file.toFile()));
  }

  /** Returns what {@code description} states, held against the scene. */
  Verdict judge(String description, SceneFacts facts) {
    int statements = 0;
    int wrong = 0;
    int objects = 0;
    int rightObjects = 0;
    boolean wellFormed = !description.isBlank();
    for (String sentence : description.strip().split("(?<=\\.)\\s+", -1)) {
      Optional<Thing> thing = thing(sentence);
      Optional<Boolean> truth =
          thing.isPresent() ? thing.map(t -> holds(t, facts)) : statement(sentence, facts);
      wellFormed &= truth.isPresent();
      statements += truth.isPresent() ? 1 : 0;
      wrong += truth.isPresent() && !truth.get() ? 1 : 0;
      objects += thing.isPresent() ? 1 : 0;
      rightObjects += thing.filter(t -> isThere(t, facts)).isPresent() ? 1 : 0;
    }
    return new Verdict(statements, wrong, objects, rightObjects, wellFormed);
  }

  private Optional<Thing> thing(String sentence) {
    Matcher matcher = group.matcher(sentence);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    String position =
        matcher.group("before") == null ? matcher.group("after") : matcher.group("before");
    return Optional.of(
        new Thing(
            kinds.get(lower(matcher.group("kind"))),
            lower(matcher.group("colour")),
            numbers.get(lower(matcher.group("count"))),
            matcher.group("big") != null,
            Optional.ofNullable(position).map(p -> positions.get(lower(p)))));
  }

  private static boolean isThere(Thing claimed, SceneFacts facts) {
    return facts.objects().stream()
        .anyMatch(t -> t.kind().equals(claimed.kind()) && t.colour().equals(claimed.colour()));
  }

  /**
   * A position that is not said is not held against the sentence; everything said must be right.
   */
  private static boolean holds(Thing claimed, SceneFacts facts) {
    return facts.objects().stream()
        .anyMatch(
            t ->
                t.kind().equals(claimed.kind())
                    && t.colour().equals(claimed.colour())
                    && t.count() == claimed.count()
                    && t.big() == claimed.big()
                    && (claimed.position().isEmpty() || claimed.position().equals(t.position())));
  }

  private Optional<Boolean> statement(String sentence, SceneFacts facts) {
    Matcher matcher = place.matcher(sentence);
    if (matcher.matches()) {
      return Optional.of(lower(matcher.group("place")).equals(facts.place()));
    }
    matcher = main.matcher(sentence);
    if (matcher.matches()) {
      String kind = kinds.get(lower(matcher.group("kind")));
      return Optional.of(facts.objects().stream().anyMatch(t -> t.big() && t.kind().equals(kind)));
    }
    matcher = total.matcher(sentence);
    if (matcher.matches()) {
      return Optional.of(numbers.get(lower(matcher.group("count"))) == facts.total());
    }
    return Optional.empty();
  }

  private static Pattern sentence(String words) {
    return Pattern.compile(words + "\\.", Pattern.CASE_INSENSITIVE);
  }

  private static String anyOf(Stream<String> words) {
    return words
        .sorted(Comparator.comparingInt(String::length).reversed())
        .map(Pattern::quote)
        .collect(Collectors.joining("|", "(?:", ")"));
  }

  private static String lower(String word) {
    return word.toLowerCase(Locale.ROOT);
  }
}

package io.github.pairloom.jobs.recipe;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/** A part of a YAML document that knows where it stands. Containers can be changed in place. */
sealed interface YamlNode {
  /** Returns where the part stands, such as {@code line 3}. */
  String where();

  /** Returns what the part is, to stand after "but is". */
  String describe();

  /** Returns whether the part says nothing, as a key does with no value after it. */
  default boolean empty() {
    return false;
  }

  /**
   * Keys with their values.
   *
   * @param entries values by key, in the order of the document
   */
  record Mapping(Map<String, YamlNode> entries, String where) implements YamlNode {
    static Mapping none(String where) {
      return new Mapping(new LinkedHashMap<>(), where);
    }

    @Override
    public String describe() {
      return "a map of keys";
    }
  }

  /**
   * A list.
   *
   * @param items the parts of the list, in order
   */
  record Sequence(List<YamlNode> items, String where) implements YamlNode {
    @Override
    public String describe() {
      return "a list";
    }
  }

  /**
   * A single value.
   *
   * @param value a String, Boolean, Integer, Long, BigInteger or Double; null for none
   * @param text the value as it was written
   */
  record Scalar(Object value, String text, String where) implements YamlNode {
    @Override
    public boolean empty() {
      return value == null;
    }

    @Override
    public String describe() {
      return "'" + text + "'";
    }
  }

  /**
   * Reads one YAML document. An empty text is an empty {@link Scalar}.
   *
   * @param where turns a line number, from 1, into the place that nodes tell
   * @param problems takes what is wrong with the document
   */
  static YamlNode parse(String text, IntFunction<String> where, Consumer<String> problems) {
    return new Reader(where, problems).read(text);
  }

  /** Builds nodes from the events of Jackson's parser, whose own tree forgets the lines. */
  final class Reader {
    private final IntFunction<String> where;
    private final Consumer<String> problems;

    private Reader(IntFunction<String> where, Consumer<String> problems) {
      this.where = where;
      this.problems = problems;
    }

    private YamlNode read(String text) {
      try (YAMLParser parser = new YAMLFactory().createParser(text)) {
        if (parser.nextToken() == null) {
          return new Scalar(null, "", where.apply(1));
        }
        YamlNode node = value(parser, line(parser));
        if (parser.nextToken() != null) {
          problems.accept(line(parser) + ": a second YAML document (there must be one alone)");
        }
        return node;
      } catch (JsonProcessingException e) {
        JsonLocation location = e.getLocation();
        String place = location == null ? "" : where.apply(location.getLineNr()) + ": ";
        String first = e.getOriginalMessage().lines().findFirst().orElse("");
        problems.accept(place + "this is not YAML: " + first);
        return Mapping.none("");
      } catch (IOException e) {
        throw new UncheckedIOException("A text in memory can be read", e);
      }
    }

    private YamlNode value(YAMLParser parser, String place) throws IOException {
      if (parser.currentToken() == JsonToken.START_OBJECT) {
        return mapping(parser, place);
      }
      if (parser.currentToken() == JsonToken.START_ARRAY) {
        List<YamlNode> items = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          items.add(value(parser, line(parser)));
        }
        return new Sequence(items, place);
      }
      if (parser.isCurrentAlias()) {
        problems.accept(place + ": YAML aliases are not supported (write the value out)");
      }
      String text = parser.getText();
      Object value =
          switch (parser.currentToken()) {
            case VALUE_NULL -> null;
            case VALUE_TRUE, VALUE_FALSE -> parser.getBooleanValue();
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> parser.getNumberValue();
            default -> text;
          };
      return new Scalar(value, text, place);
    }

    private Mapping mapping(YAMLParser parser, String place) throws IOException {
      Map<String, YamlNode> entries = new LinkedHashMap<>();
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String key = parser.currentName();
        String keyPlace = line(parser);
        parser.nextToken();
        YamlNode before = entries.put(key, value(parser, keyPlace));
        if (before != null) {
          problems.accept(
              keyPlace + ": key '" + key + "' stands twice (first at " + before.where() + ")");
        }
      }
      return new Mapping(entries, place);
    }

    private String line(YAMLParser parser) {
      return where.apply(parser.currentTokenLocation().getLineNr());
    }
  }
}

package io.github.pairloom.jobs.recipe;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.Settings;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the types of settings mean in YAML. */
final class SettingTypes {
  private SettingTypes() {}

  /** Returns the components of a settings record by their keys, in order. */
  static Map<String, RecordComponent> components(Class<?> type) {
    Map<String, RecordComponent> components = new LinkedHashMap<>();
    for (RecordComponent component : type.getRecordComponents()) {
      components.put(Settings.key(component), component);
    }
    return components;
  }

  /** Returns the alternatives of a sealed settings interface by their names, in order. */
  static Map<String, Class<?>> alternatives(Class<?> type) {
    Map<String, Class<?>> alternatives = new LinkedHashMap<>();
    for (Class<?> alternative : type.getPermittedSubclasses()) {
      if (alternative.isSealed()) {
        alternatives.putAll(alternatives(alternative));
      } else {
        alternatives.put(alternative.getAnnotation(SettingType.class).value(), alternative);
      }
    }
    return alternatives;
  }

  /** Returns the names of an enum's constants in a recipe. */
  static List<String> names(Class<?> type) {
    return Arrays.stream(type.getEnumConstants()).map(c -> Settings.name((Enum<?>) c)).toList();
  }

  /** Returns the type of a list's elements. */
  static Type element(Type list) {
    return ((ParameterizedType) list).getActualTypeArguments()[0];
  }

  static boolean isList(Type type) {
    return type instanceof ParameterizedType p && p.getRawType() == List.class;
  }

  static boolean isRecord(Type type) {
    return type instanceof Class<?> c && c.isRecord();
  }

  static boolean isSealed(Type type) {
    return type instanceof Class<?> c && c.isSealed();
  }

  static boolean isEnum(Type type) {
    return type instanceof Class<?> c && c.isEnum();
  }

  /** Returns the default of a component, or empty where it must be given. */
  static Optional<YamlNode> defaults(RecordComponent component) {
    String text = component.getAnnotation(Setting.class).defaults();
    if (text.equals(Setting.REQUIRED)) {
      return Optional.empty();
    }
    if (component.getType() == String.class) {
      return Optional.of(new YamlNode.Scalar(text, text, "default"));
    }
    return Optional.of(
        YamlNode.parse(
            text,
            line -> "default",
            problem -> {
              throw new IllegalStateException(
                  "Setting " + component + " has a default that is not YAML: " + text);
            }));
  }

  /** Returns what a value of {@code type} looks like, to stand after "must be". */
  static String describe(Type type) {
    if (isList(type)) {
      return "a list";
    }
    if (isEnum(type)) {
      return names((Class<?>) type).stream().collect(Collectors.joining(", ", "one of ", ""));
    }
    if (isSealed(type)) {
      return alternatives((Class<?>) type).keySet().stream()
          .collect(Collectors.joining(", ", "a map with type: one of ", ""));
    }
    if (isRecord(type)) {
      return "a map of keys";
    }
    if (type == String.class) {
      return "a text";
    }
    if (type == int.class || type == long.class) {
      return "a whole number";
    }
    if (type == double.class) {
      return "a number";
    }
    if (type == boolean.class) {
      return "true or false";
    }
    throw new IllegalStateException("Settings cannot have type " + type.getTypeName());
  }
}

package io.github.pairloom.jobs.recipe;

import io.github.pairloom.jobs.recipe.YamlNode.Mapping;
import io.github.pairloom.jobs.recipe.YamlNode.Scalar;
import io.github.pairloom.jobs.recipe.YamlNode.Sequence;
import io.github.pairloom.udfs.Settings;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Puts settings of the command line over those of a recipe's file. */
final class Overrides {
  private final Consumer<String> problems;

  Overrides(Consumer<String> problems) {
    this.problems = problems;
  }

  /**
   * Changes {@code recipe} in place.
   *
   * @param override {@code path=value}
   */
  void apply(Mapping recipe, String override) {
    int equals = override.indexOf('=');
    String path = equals < 0 ? override : override.substring(0, equals);
    String where = "--set " + path;
    if (equals < 0 || !path.matches("[^.\\s]+(\\.[^.\\s]+)*")) {
      problems.accept("--set " + override + ": must be path=value, such as source.path=my.json");
      return;
    }
    List<String> broken = new ArrayList<>();
    YamlNode value = YamlNode.parse(override.substring(equals + 1), line -> where, broken::add);
    if (broken.isEmpty()) {
      put(Recipe.class, recipe, List.of(path.split("\\.", -1)), value);
    } else {
      broken.forEach(problems);
    }
  }

  private void put(Type type, YamlNode node, List<String> path, YamlNode value) {
    String key = path.get(0);
    List<String> rest = path.subList(1, path.size());
    if (node instanceof Mapping mapping) {
      Optional<RecordComponent> component = component(type, mapping, key);
      Type childType = component.<Type>map(RecordComponent::getGenericType).orElse(Object.class);
      if (!rest.isEmpty()) {
        YamlNode child = childOf(mapping, key, component, value.where());
        put(childType, child, rest, value);
        mapping.entries().put(key, child);
      } else {
        mapping.entries().put(key, value);
      }
    } else if (node instanceof Sequence sequence) {
      int size = sequence.items().size();
      int index = key.matches("\\d{1,6}") ? Integer.parseInt(key) : -1;
      if (index < 0 || index > size || (index == size && !rest.isEmpty())) {
        problems.accept(
            value.where() + ": no entry '" + key + "' (the list has " + size + ", from 0)");
      } else if (index == size) {
        sequence.items().add(value);
      } else if (rest.isEmpty()) {
        sequence.items().set(index, value);
      } else {
        Type element = SettingTypes.isList(type) ? SettingTypes.element(type) : Object.class;
        put(element, sequence.items().get(index), rest, value);
      }
    } else {
      problems.accept(value.where() + ": '" + key + "' cannot be set inside of " + node.describe());
    }
  }

  /** Returns what stands under {@code key}, or its default where nothing does. */
  private static YamlNode childOf(
      Mapping mapping, String key, Optional<RecordComponent> component, String where) {
    YamlNode given = mapping.entries().get(key);
    YamlNode child =
        component
            .flatMap(c -> SettingsBinder.value(c, given, where))
            .orElse(given == null || given.empty() ? Mapping.none(where) : given);
    return child instanceof Mapping m
        ? new Mapping(new LinkedHashMap<>(m.entries()), m.where())
        : child;
  }

  private static Optional<RecordComponent> component(Type type, Mapping mapping, String key) {
    Class<?> settings = type instanceof Class<?> c ? c : Object.class;
    if (settings.isSealed() && mapping.entries().get(Settings.TYPE) instanceof Scalar name) {
      settings = SettingTypes.alternatives(settings).getOrDefault(name.text(), Object.class);
    }
    return settings.isRecord()
        ? Optional.ofNullable(SettingTypes.components(settings).get(key))
        : Optional.empty();
  }
}

package io.github.pairloom.jobs.recipe;

import io.github.pairloom.jobs.recipe.YamlNode.Mapping;
import io.github.pairloom.jobs.recipe.YamlNode.Scalar;
import io.github.pairloom.jobs.recipe.YamlNode.Sequence;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.Settings;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Turns YAML into settings records and tells everything that is wrong on the way, not only what
 * comes first: what fails is replaced by its default, so that the records around it still get to
 * check the rest.
 */
final class SettingsBinder {
  /** How records name the component they refuse: see their constructors. */
  private static final Pattern BLAMED = Pattern.compile("^Invalid ([a-z0-9-]+)\\b");

  private final Consumer<String> problems;

  SettingsBinder(Consumer<String> problems) {
    this.problems = problems;
  }

  /** Returns the settings in {@code node}, or empty after telling why there are none. */
  <T> Optional<T> bind(Class<T> type, YamlNode node) {
    return Optional.ofNullable(type.cast(bind(type, node, "")));
  }

  /** Returns the value of {@code node}, or null after telling why there is none. */
  private Object bind(Type type, YamlNode node, String path) {
    if (SettingTypes.isRecord(type)) {
      return node instanceof Mapping mapping
          ? bindRecord((Class<?>) type, mapping, path)
          : wrongType(type, node, path);
    }
    if (SettingTypes.isSealed(type)) {
      return node instanceof Mapping mapping
          ? bindAlternative((Class<?>) type, mapping, path)
          : wrongType(type, node, path);
    }
    if (SettingTypes.isList(type)) {
      return node instanceof Sequence sequence
          ? bindList(SettingTypes.element(type), sequence, path)
          : wrongType(type, node, path);
    }
    Object value = node instanceof Scalar scalar ? convert(type, scalar) : null;
    return value == null ? wrongType(type, node, path) : value;
  }

  private Object bindList(Type element, Sequence sequence, String path) {
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < sequence.items().size(); i++) {
      values.add(bind(element, sequence.items().get(i), child(path, Integer.toString(i))));
    }
    return values.contains(null) ? null : values;
  }

  private Object bindAlternative(Class<?> type, Mapping mapping, String path) {
    Map<String, Class<?>> alternatives = SettingTypes.alternatives(type);
    YamlNode name = mapping.entries().get(Settings.TYPE);
    if (name == null || name.empty()) {
      tell(mapping, child(path, Settings.TYPE), "missing (one of " + join(alternatives) + ")");
      return null;
    }
    Class<?> alternative = name instanceof Scalar scalar ? alternatives.get(scalar.text()) : null;
    if (alternative == null) {
      String meant =
          name instanceof Scalar scalar
              ? Names.didYouMean(scalar.text(), alternatives.keySet())
              : "";
      tell(
          name,
          child(path, Settings.TYPE),
          "must be one of " + join(alternatives) + ", but is " + name.describe() + meant);
      return null;
    }
    return bindRecord(alternative, mapping, path);
  }

  private Object bindRecord(Class<?> type, Mapping mapping, String path) {
    Map<String, RecordComponent> components = SettingTypes.components(type);
    boolean typed = type.isAnnotationPresent(SettingType.class);
    mapping
        .entries()
        .forEach(
            (key, value) -> {
              if (!components.containsKey(key) && !(typed && key.equals(Settings.TYPE))) {
                tell(value, child(path, key), unknownKey(key, components));
              }
            });
    Object[] arguments =
        components.entrySet().stream()
            .map(entry -> bindComponent(entry.getKey(), entry.getValue(), mapping, path))
            .toArray();
    return construct(type, components, arguments, mapping, path);
  }

  private Object bindComponent(
      String key, RecordComponent component, Mapping mapping, String path) {
    YamlNode given = mapping.entries().get(key);
    Optional<YamlNode> node = value(component, given, mapping.where());
    if (node.isEmpty()) {
      String doc = component.getAnnotation(Setting.class).value();
      tell(mapping, child(path, key), "missing (" + doc + ")");
      return null;
    }
    return bind(component.getGenericType(), node.get(), child(path, key));
  }

  /**
   * Returns what a component is bound from: what was given, over its default. A map that is given
   * for a record keeps the default's entries under other keys.
   */
  static Optional<YamlNode> value(RecordComponent component, YamlNode given, String where) {
    Optional<YamlNode> defaults = SettingTypes.defaults(component);
    boolean record = component.getType().isRecord();
    if (given == null || given.empty()) {
      return record ? Optional.of(defaults.orElse(Mapping.none(where))) : defaults;
    }
    if (record && given instanceof Mapping over && defaults.orElse(null) instanceof Mapping under) {
      Map<String, YamlNode> entries = new LinkedHashMap<>(under.entries());
      entries.putAll(over.entries());
      return Optional.of(new Mapping(entries, over.where()));
    }
    return Optional.of(given);
  }

  /**
   * Calls the record's constructor as long as it finds fault with yet another component, each time
   * with stand-ins for those that failed so far.
   */
  private Object construct(
      Class<?> type,
      Map<String, RecordComponent> components,
      Object[] arguments,
      Mapping mapping,
      String path) {
    List<String> keys = List.copyOf(components.keySet());
    List<RecordComponent> parts = List.copyOf(components.values());
    BitSet failed = new BitSet();
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i] == null) {
        failed.set(i);
        arguments[i] = standIn(parts.get(i));
      }
    }
    boolean sound = failed.isEmpty();
    while (true) {
      try {
        Object settings = constructor(type).newInstance(arguments);
        return sound ? settings : null;
      } catch (InvocationTargetException e) {
        String message = String.valueOf(e.getCause().getMessage());
        if (!(e.getCause() instanceof IllegalArgumentException)) {
          if (sound) {
            throw new IllegalStateException("Cannot construct " + type.getName(), e.getCause());
          }
          return null;
        }
        Matcher blamed = BLAMED.matcher(message);
        int index = blamed.find() ? keys.indexOf(blamed.group(1)) : -1;
        if (index < 0 || failed.get(index)) {
          if (sound) {
            tell(mapping, path, message);
          }
          return null;
        }
        YamlNode given = mapping.entries().get(keys.get(index));
        tell(given == null ? mapping : given, child(path, keys.get(index)), message);
        sound = false;
        failed.set(index);
        arguments[index] = standIn(parts.get(index));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(type.getName() + " must be public", e);
      }
    }
  }

  private static Constructor<?> constructor(Class<?> type) throws NoSuchMethodException {
    return type.getDeclaredConstructor(
        Arrays.stream(type.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new));
  }

  /** Returns a value that the component's record most likely accepts; may be null. */
  private static Object standIn(RecordComponent component) {
    SettingsBinder quiet = new SettingsBinder(problem -> {});
    Object value =
        value(component, null, "")
            .map(node -> quiet.bind(component.getGenericType(), node, ""))
            .orElse(null);
    Type type = component.getGenericType();
    if (value != null || SettingTypes.isRecord(type) || SettingTypes.isSealed(type)) {
      return value;
    }
    if (SettingTypes.isEnum(type)) {
      return component.getType().getEnumConstants()[0];
    }
    return SettingTypes.isList(type)
        ? List.of()
        : convert(type, new Scalar(type == String.class ? "x" : 1, "x", ""));
  }

  /** Returns the value as {@code type}, or null where it is none. */
  private static Object convert(Type type, Scalar scalar) {
    Object value = scalar.value();
    boolean whole = value instanceof Integer || value instanceof Long;
    if (type == String.class) {
      return value == null ? null : scalar.text();
    }
    if (type == long.class) {
      return whole ? ((Number) value).longValue() : null;
    }
    if (type == int.class) {
      return value instanceof Integer ? value : null;
    }
    if (type == double.class) {
      return value instanceof Number number ? number.doubleValue() : null;
    }
    if (type == boolean.class) {
      return value instanceof Boolean ? value : null;
    }
    int constant = SettingTypes.names((Class<?>) type).indexOf(scalar.text());
    return constant < 0 ? null : ((Class<?>) type).getEnumConstants()[constant];
  }

  private Object wrongType(Type type, YamlNode node, String path) {
    String meant =
        SettingTypes.isEnum(type) && node instanceof Scalar scalar
            ? Names.didYouMean(scalar.text(), SettingTypes.names((Class<?>) type))
            : "";
    tell(
        node,
        path,
        "must be " + SettingTypes.describe(type) + ", but is " + node.describe() + meant);
    return null;
  }

  private static String unknownKey(String key, Map<String, RecordComponent> components) {
    String meant = Names.didYouMean(key, components.keySet());
    if (meant.isEmpty()) {
      meant =
          SettingsReference.all().stream()
              .filter(setting -> setting.key().equals(key))
              .map(setting -> " (there is " + setting.path() + ")")
              .findFirst()
              .orElse(" (known here: " + String.join(", ", components.keySet()) + ")");
    }
    return "unknown key" + meant;
  }

  private void tell(YamlNode node, String path, String message) {
    String place = node.where().isEmpty() ? "" : node.where() + ": ";
    problems.accept(place + (path.isEmpty() ? "" : path + ": ") + message);
  }

  private static String child(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private static String join(Map<String, ?> alternatives) {
    return String.join(", ", alternatives.keySet());
  }
}

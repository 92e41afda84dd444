package io.github.pairloom.udfs;

import static io.github.pairloom.schemas.Check.check;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Settings records as data: what a recipe that states every setting would hold. Keys are the
 * components' names in kebab-case, enum constants are written in kebab-case too, and an alternative
 * of a sealed interface names itself under the key {@code type}.
 */
public final class Settings {
  /** Key that names the alternative of a sealed settings interface. */
  public static final String TYPE = "type";

  private static final ObjectMapper JSON = new ObjectMapper();

  private Settings() {}

  /**
   * Returns {@code settings} as one line of JSON with sorted keys, no spaces and all defaults
   * filled in. Equal settings give equal texts, so a hash of the text identifies them.
   *
   * @param settings a record of settings, or a list of such records
   */
  public static String canonical(Object settings) {
    return text(tree(settings));
  }

  /**
   * Returns the same without settings that shape nothing, such as how long is waited: equal texts
   * make equal rows.
   */
  public static String shaping(Object settings) {
    return text(tree(settings, Setting::shapes));
  }

  /** Returns the settings of {@code type} in {@code settings}, those within others too. */
  public static <T> Stream<T> within(Object settings, Class<T> type) {
    if (type.isInstance(settings)) {
      return Stream.of(type.cast(settings));
    }
    if (settings instanceof List<?> list) {
      return list.stream().flatMap(each -> within(each, type));
    }
    return settings instanceof Record record
        ? Stream.of(record.getClass().getRecordComponents())
            .flatMap(component -> within(valueOf(record, component), type))
        : Stream.empty();
  }

  private static String text(Object tree) {
    try {
      return JSON.writeValueAsString(tree);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree of maps, lists and scalars can be written", e);
    }
  }

  /**
   * Returns {@code value} as a tree: a sorted map for a record, a list for a list, a text for an
   * enum constant, and any other value as it is.
   */
  public static Object tree(Object value) {
    return tree(value, setting -> true);
  }

  private static Object tree(Object value, Predicate<Setting> wanted) {
    if (value instanceof Record settings) {
      return mapOf(settings, wanted);
    }
    if (value instanceof List<?> list) {
      return list.stream().map(each -> tree(each, wanted)).toList();
    }
    return value instanceof Enum<?> constant ? name(constant) : value;
  }

  /**
   * Settings given as texts by their recipe keys, the keys of records within beside the others, as
   * SQL functions take them. Each record takes its own.
   */
  public static final class Texts {
    private final Map<String, String> given = new TreeMap<>();
    private final Set<String> known = new TreeSet<>();

    /**
     * @param given texts by key
     */
    public Texts(Map<?, ?> given) {
      given.forEach((key, value) -> this.given.put((String) key, (String) value));
    }

    /**
     * Returns a record of settings: those given, and defaults.
     *
     * @param type a record whose components are numbers, texts, truths, constants or such records
     * @throws IllegalArgumentException if a text does not fit its setting
     */
    public <R extends Record> R take(Class<R> type) {
      RecordComponent[] components = type.getRecordComponents();
      Object[] values = new Object[components.length];
      Class<?>[] types = new Class<?>[components.length];
      for (int i = 0; i < components.length; i++) {
        types[i] = components[i].getType();
        values[i] =
            types[i].isRecord()
                ? take(types[i].asSubclass(Record.class))
                : value(components[i], types[i]);
      }
      try {
        Constructor<R> constructor = type.getDeclaredConstructor(types);
        constructor.setAccessible(true);
        return constructor.newInstance(values);
      } catch (InvocationTargetException e) {
        throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("A record has its canonical constructor", e);
      }
    }

    private Object value(RecordComponent component, Class<?> type) {
      String key = key(component);
      known.add(key);
      String defaults = component.getAnnotation(Setting.class).defaults();
      String text = given.getOrDefault(key, defaults);
      check(!text.equals(Setting.REQUIRED), "Missing option: %s", key);
      try {
        return parse(text.strip(), type);
      } catch (NoSuchElementException | NumberFormatException | ArithmeticException e) {
        throw new IllegalArgumentException(
            "Invalid option %s: '%s' (must be %s)".formatted(key, text, describe(type)), e);
      }
    }

    private static Object parse(String text, Class<?> type) {
      if (type == int.class) {
        // A map of SQL that has a fraction in it makes fractions of all its numbers: 60 is 60.0.
        return new BigDecimal(text).intValueExact();
      }
      if (type == long.class) {
        return new BigDecimal(text).longValueExact();
      }
      if (type == double.class) {
        return Double.valueOf(text);
      }
      if (type == boolean.class) {
        if (!text.equals("true") && !text.equals("false")) {
          throw new NoSuchElementException(text);
        }
        return Boolean.valueOf(text);
      }
      if (type.isEnum()) {
        return Stream.of(type.getEnumConstants())
            .filter(constant -> name((Enum<?>) constant).equals(text))
            .findFirst()
            .orElseThrow();
      }
      check(type == String.class, "A setting of type %s cannot be given as a text", type);
      return text;
    }

    private static String describe(Class<?> type) {
      if (type.isEnum()) {
        return Stream.of(type.getEnumConstants())
            .map(constant -> name((Enum<?>) constant))
            .collect(Collectors.joining(" or "));
      }
      return type == boolean.class
          ? "true or false"
          : type == double.class ? "a number" : "a whole number";
    }

    /**
     * Checks that there is a setting for every key.
     *
     * @throws IllegalArgumentException if a key was given that no record has taken
     */
    public void checkAllTaken() {
      check(
          known.containsAll(given.keySet()),
          "Unknown option among %s. There are: %s",
          given.keySet(),
          String.join(", ", known));
    }
  }

  /** Returns the recipe key of a component: {@code maskRate} is {@code mask-rate}. */
  public static String key(RecordComponent component) {
    return component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
  }

  /** Returns the name of a constant in a recipe: {@code TRL_JSONL} is {@code trl-jsonl}. */
  public static String name(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static SortedMap<String, Object> mapOf(Record settings, Predicate<Setting> wanted) {
    SortedMap<String, Object> map = new TreeMap<>();
    SettingType type = settings.getClass().getAnnotation(SettingType.class);
    if (type != null) {
      map.put(TYPE, type.value());
    }
    for (RecordComponent component : settings.getClass().getRecordComponents()) {
      Setting setting = component.getAnnotation(Setting.class);
      if (setting == null || wanted.test(setting)) {
        map.put(key(component), tree(valueOf(settings, component), wanted));
      }
    }
    return map;
  }

  private static Object valueOf(Record settings, RecordComponent component) {
    try {
      return component.getAccessor().invoke(settings);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "Settings record " + settings.getClass().getName() + " must be public", e);
    }
  }
}

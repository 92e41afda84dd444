package io.github.pairloom.udfs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;

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
    try {
      return JSON.writeValueAsString(tree(settings));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree of maps, lists and scalars can be written", e);
    }
  }

  /**
   * Returns {@code value} as a tree: a sorted map for a record, a list for a list, a text for an
   * enum constant, and any other value as it is.
   */
  public static Object tree(Object value) {
    if (value instanceof Record settings) {
      return mapOf(settings);
    }
    if (value instanceof List<?> list) {
      return list.stream().map(Settings::tree).toList();
    }
    return value instanceof Enum<?> constant ? name(constant) : value;
  }

  /** Returns the recipe key of a component: {@code maskRate} is {@code mask-rate}. */
  public static String key(RecordComponent component) {
    return component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
  }

  /** Returns the name of a constant in a recipe: {@code TRL_JSONL} is {@code trl-jsonl}. */
  public static String name(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static SortedMap<String, Object> mapOf(Record settings) {
    SortedMap<String, Object> map = new TreeMap<>();
    SettingType type = settings.getClass().getAnnotation(SettingType.class);
    if (type != null) {
      map.put(TYPE, type.value());
    }
    for (RecordComponent component : settings.getClass().getRecordComponents()) {
      try {
        map.put(key(component), tree(component.getAccessor().invoke(settings)));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(
            "Settings record " + settings.getClass().getName() + " must be public", e);
      }
    }
    return map;
  }
}

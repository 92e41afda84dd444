package io.github.pairloom.jobs.recipe;

import io.github.pairloom.jobs.recipe.YamlNode.Mapping;
import io.github.pairloom.jobs.recipe.YamlNode.Scalar;
import io.github.pairloom.udfs.Setting;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One setting of a recipe, as the reference of settings shows it.
 *
 * @param path dotted path; {@code N} stands for the number of a list's entry, from 0
 * @param entryType the {@code type} of the list entry that has this setting; empty where all have
 * @param type what a value looks like
 * @param defaults the default as written in YAML; empty where a recipe must give the setting
 * @param doc what the setting does
 */
public record SettingsReference(
    String path, String entryType, String type, Optional<String> defaults, String doc) {
  /** Returns all settings of a recipe, in the order of their definition. */
  public static List<SettingsReference> all() {
    List<SettingsReference> all = new ArrayList<>();
    addRecord(Recipe.class, "", "", null, all);
    return all;
  }

  /** Returns the last part of the path. */
  public String key() {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  private static void addRecord(
      Class<?> type, String prefix, String entryType, Mapping over, List<SettingsReference> all) {
    SettingTypes.components(type)
        .forEach(
            (key, component) -> {
              YamlNode given = over == null ? null : over.entries().get(key);
              Optional<YamlNode> defaults = SettingsBinder.value(component, given, "");
              String path = prefix + key;
              Type javaType = component.getGenericType();
              if (SettingTypes.isRecord(javaType)) {
                addRecord(
                    component.getType(), path + ".", entryType, (Mapping) defaults.get(), all);
                return;
              }
              all.add(leaf(path, entryType, component, defaults));
              if (SettingTypes.isList(javaType)) {
                addEntries(SettingTypes.element(javaType), path + ".N.", all);
              }
            });
  }

  private static void addEntries(Type element, String prefix, List<SettingsReference> all) {
    if (SettingTypes.isRecord(element)) {
      addRecord((Class<?>) element, prefix, "", null, all);
    } else if (SettingTypes.isSealed(element)) {
      SettingTypes.alternatives((Class<?>) element)
          .forEach((name, alternative) -> addRecord(alternative, prefix, name, null, all));
    }
  }

  private static SettingsReference leaf(
      String path, String entryType, RecordComponent component, Optional<YamlNode> defaults) {
    Type type = component.getGenericType();
    String shape =
        SettingTypes.isList(type)
            ? "list, each " + SettingTypes.describe(SettingTypes.element(type))
            : SettingTypes.describe(type);
    Setting setting = component.getAnnotation(Setting.class);
    Optional<String> text =
        defaults.map(node -> node instanceof Scalar scalar ? scalar.text() : setting.defaults());
    return new SettingsReference(path, entryType, shape, text, setting.value());
  }
}

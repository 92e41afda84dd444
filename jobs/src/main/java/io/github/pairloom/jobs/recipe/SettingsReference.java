package io.github.pairloom.jobs.recipe;

import io.github.pairloom.jobs.recipe.YamlNode.Mapping;
import io.github.pairloom.jobs.recipe.YamlNode.Scalar;
import io.github.pairloom.udfs.Setting;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * One setting of a recipe, as the reference of settings shows it.
 *
 * @param path dotted path; {@code N} stands for the number of a list's entry, from 0
 * @param entryType the {@code type} of the entry that has this setting, after those of the entries
 *     it stands in; empty where all have
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
                addEntries(SettingTypes.element(javaType), path + ".N.", "", all);
              } else if (javaType != sealedTypeOf(type)) {
                // A strategy within a strategy has the settings that stand there already.
                addEntries(javaType, path + ".", entryType + " ", all);
              }
            });
  }

  /** Returns the sealed interface that {@code type} is an alternative of; itself if of none. */
  private static Class<?> sealedTypeOf(Class<?> type) {
    return Arrays.stream(type.getInterfaces()).filter(Class::isSealed).findFirst().orElse(type);
  }

  /**
   * Adds the settings of what stands under {@code prefix}, if that has settings.
   *
   * @param outer what the names of alternatives are preceded by
   */
  private static void addEntries(
      Type element, String prefix, String outer, List<SettingsReference> all) {
    if (SettingTypes.isRecord(element)) {
      addRecord((Class<?>) element, prefix, outer.strip(), null, all);
    } else if (SettingTypes.isSealed(element)) {
      SettingTypes.alternatives((Class<?>) element)
          .forEach(
              (name, alternative) ->
                  addRecord(alternative, prefix, (outer + name).strip(), null, all));
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

package io.github.pairloom.jobs.recipe;

import io.github.pairloom.jobs.recipe.YamlNode.Mapping;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reads recipes: YAML files whose keys are documented, with their defaults, by the annotations of
 * {@link Recipe} and the records in it.
 *
 * <p>Paths in a recipe, such as {@code model.path} and {@code source.path}, stay as they are
 * written; relative ones start at the current directory, as they do in a shell, not at the recipe.
 */
public final class RecipeReader {
  private RecipeReader() {}

  /**
   * Returns the recipe in {@code file}.
   *
   * @param overrides settings that go before those in the file, as {@code path=value}: the path
   *     dotted, entries of lists by their number from 0, the value in YAML
   * @throws RecipeException with everything that is wrong
   */
  public static Recipe read(Path file, List<String> overrides) {
    List<String> problems = new ArrayList<>();
    String text = text(file);
    YamlNode root = YamlNode.parse(text, line -> "line " + line, problems::add);
    if (!problems.isEmpty()) {
      throw new RecipeException(file.toString(), problems);
    }
    YamlNode settings = root.empty() ? Mapping.none("") : root;
    if (settings instanceof Mapping mapping) {
      Mapping whole = new Mapping(mapping.entries(), "");
      Overrides applied = new Overrides(problems::add);
      overrides.forEach(override -> applied.apply(whole, override));
      settings = whole;
    }
    Optional<Recipe> recipe = new SettingsBinder(problems::add).bind(Recipe.class, settings);
    if (recipe.isEmpty() || !problems.isEmpty()) {
      throw new RecipeException(file.toString(), problems);
    }
    return recipe.get();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      String found = "there is no such file (looked for " + file.toAbsolutePath() + ")";
      throw new RecipeException(file.toString(), List.of(found));
    } catch (MalformedInputException e) {
      throw new RecipeException(file.toString(), List.of("the file is not text in UTF-8"));
    } catch (IOException e) {
      throw new RecipeException(file.toString(), List.of("the file cannot be read: " + e));
    }
  }
}

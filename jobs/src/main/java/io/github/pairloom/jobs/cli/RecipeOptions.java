package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecipeReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** Options of every command that works on a recipe. */
final class RecipeOptions {
  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = {
        "Puts a setting over the recipe's: the dotted path, list entries by number from 0, the value"
            + " in YAML. May be given several times."
      })
  private List<String> overrides = new ArrayList<>();

  @Option(
      names = "--warehouse",
      paramLabel = "DIR",
      description = "Folder or URI of the tables. Default: warehouse/ and the recipe's name.")
  private String warehouse;

  /** Returns the recipe in {@code file} with the overrides. */
  Recipe read(Path file) {
    return RecipeReader.read(file, overrides);
  }

  /** Returns the warehouse's folder, absolute, or its URI as given. */
  String warehouse(Recipe recipe) {
    String folder = warehouse == null ? "warehouse/" + recipe.name() : warehouse;
    return isUri(folder) ? folder : Path.of(folder).toAbsolutePath().normalize().toString();
  }

  /** Returns whether a path names its file system, such as {@code s3a://bucket/folder}. */
  static boolean isUri(String path) {
    return path.matches("[A-Za-z][A-Za-z0-9+.-]+:.*");
  }
}

package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.recipe.SettingsReference;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** Prints the reference of a recipe's settings. */
@Command(
    name = "settings",
    mixinStandardHelpOptions = true,
    description = "Prints every setting of a recipe: path, type, default, meaning.")
final class SettingsCommand implements Callable<Integer> {
  private final Terminal terminal;

  SettingsCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    for (SettingsReference setting : SettingsReference.all()) {
      String entry = setting.entryType().isEmpty() ? "" : " of " + setting.entryType();
      String defaults =
          setting.defaults().map(d -> "default " + (d.isEmpty() ? "empty" : d)).orElse("required");
      terminal.out().println(setting.path() + entry);
      print(setting.type() + "; " + defaults);
      print(setting.doc());
    }
    return 0;
  }

  private void print(String text) {
    Texts.wrap(text, terminal.width() - 4).forEach(line -> terminal.out().println("    " + line));
  }
}

package io.github.pairloom.udfs.text;

import java.nio.file.Path;

/** The model folder that comes with the project. */
final class DemoModel {
  static final Path FOLDER = Path.of(System.getProperty("pairloom.root"), "models/demo");

  private DemoModel() {}
}

package io.github.pairloom.jobs.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** Versions this build was made of. */
final class Versions implements IVersionProvider {
  private static final String FILE = "build.properties";

  @Override
  public String[] getVersion() {
    return new String[] {
      "pairloom " + of("pairloom"),
      "built for Spark " + of("spark") + ", Scala " + of("scala") + ", Delta " + of("delta")
    };
  }

  /**
   * Returns a version.
   *
   * @param name pairloom, spark, scala or delta
   */
  static String of(String name) {
    Properties versions = new Properties();
    try (InputStream in = Versions.class.getResourceAsStream(FILE)) {
      versions.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + FILE + " from the class path", e);
    }
    return versions.getProperty(name);
  }
}

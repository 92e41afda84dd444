package io.github.pairloom.udfs;

import io.github.pairloom.udfs.onnx.OnnxEngine;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/** The versions that a text depends on, for provenance. */
public final class Versions {
  private static final String FILE = "version.properties";

  /** Reading them takes longer than writing a row. */
  private static final class All {
    static final Map<String, String> VERSIONS = read();

    private static Map<String, String> read() {
      Map<String, String> versions = new TreeMap<>(OnnxEngine.versions());
      versions.put("pairloom", pairloom());
      return Collections.unmodifiableMap(versions);
    }
  }

  private Versions() {}

  /** Returns this project's version. */
  public static String pairloom() {
    try (InputStream in = Versions.class.getResourceAsStream(FILE)) {
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty("version");
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + FILE + " from the class path", e);
    }
  }

  /** Returns the versions of pairloom, djl and onnxruntime by name. */
  public static Map<String, String> all() {
    return All.VERSIONS;
  }
}

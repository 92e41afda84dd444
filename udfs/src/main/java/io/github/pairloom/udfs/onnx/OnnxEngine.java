package io.github.pairloom.udfs.onnx;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.pairloom.udfs.ModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * DJL's ONNX Runtime engine. DJL must create ONNX Runtime's environment itself, of which a JVM has
 * one, so everything in this project that touches ONNX Runtime comes through here first.
 */
public final class OnnxEngine {
  /** DJL's name of the engine. */
  private static final String NAME = "OnnxRuntime";

  private OnnxEngine() {}

  /** Returns the versions of DJL and ONNX Runtime by name, for provenance. */
  public static Map<String, String> versions() {
    OrtEnvironment environment = environment();
    return Map.of("djl", Engine.getDjlVersion(), "onnxruntime", environment.getVersion());
  }

  /** Returns ONNX Runtime's environment, made by DJL. */
  public static OrtEnvironment environment() {
    return Started.ENVIRONMENT;
  }

  /** The engine once it runs: asking DJL for it again takes longer than a small graph. */
  private static final class Started {
    static final OrtEnvironment ENVIRONMENT = start();
  }

  /**
   * Loads one graph.
   *
   * @param file the .onnx file; external weights are found beside it
   * @param device where to run it
   * @param threads intra-op threads on the CPU
   * @throws ModelException if there is no such file or ONNX Runtime refuses it
   */
  public static Model load(Path file, Device device, int threads) {
    environment();
    if (!Files.isRegularFile(file)) {
      throw new ModelException(
          "Cannot load model: there is no file "
              + file
              + ". A model folder needs its ONNX graphs under onnx/; see models/README.md for the"
              + " layout");
    }
    // Not by DJL's Criteria, which run what classes and libraries lie in a model's folder.
    String name = file.getFileName().toString();
    Model model = Model.newInstance(name, device, NAME);
    try {
      model.load(
          file.toAbsolutePath().getParent(),
          name,
          Map.of("intraOpNumThreads", Integer.toString(threads), "interOpNumThreads", "1"));
      return model;
    } catch (IOException | MalformedModelException | RuntimeException e) {
      model.close();
      throw new ModelException("Cannot load model " + file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Returns options for a session of one's own, which the caller closes: one operator at a time.
   *
   * @param threads intra-op threads on the CPU
   */
  public static OrtSession.SessionOptions options(int threads) throws OrtException {
    environment();
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(threads);
    options.setInterOpNumThreads(1);
    return options;
  }

  /**
   * Returns the files that graphs in one folder are made of, in an order that is always the same:
   * each graph and what begins with its name, then what else may be weights, which have any name
   * and may lie in folders below.
   */
  public static List<Path> files(Path... graphs) throws IOException {
    Path folder = graphs[0].getParent();
    List<Path> all;
    try (Stream<Path> walk = Files.walk(folder)) {
      all = walk.filter(Files::isRegularFile).sorted().toList();
    }
    List<Path> siblings = all.stream().filter(file -> file.getParent().equals(folder)).toList();
    List<Path> below = all.stream().filter(file -> !file.getParent().equals(folder)).toList();
    return Stream.of(
            Arrays.stream(graphs)
                .map(graph -> graph.getFileName().toString())
                .flatMap(graph -> siblings.stream().filter(file -> name(file).startsWith(graph))),
            // Of other graphs' files names begin with theirs; hidden ones a file browser leaves.
            siblings.stream().filter(file -> !name(file).matches("\\..*|.*\\.onnx.*")),
            below.stream().filter(file -> !("/" + folder.relativize(file)).contains("/.")))
        .flatMap(files -> files)
        .toList();
  }

  private static String name(Path file) {
    return file.getFileName().toString();
  }

  /**
   * Keeps DJL, whose tokenizers may come first, from fetching libraries at run time and from
   * reporting usage home, however this JVM was started.
   */
  public static void goOffline() {
    System.setProperty("ai.djl.offline", "true");
  }

  private static OrtEnvironment start() {
    goOffline();
    Engine.getEngine(NAME);
    return OrtEnvironment.getEnvironment();
  }
}

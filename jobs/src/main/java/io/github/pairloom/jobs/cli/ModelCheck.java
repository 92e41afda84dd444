package io.github.pairloom.jobs.cli;

import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.vlm.ModelFiles;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Looks at the files of a model folder. */
final class ModelCheck {
  private static final List<String> FILES =
      List.of("config.json", "preprocessor_config.json", "tokenizer.json");
  private static final List<String> GRAPHS =
      List.of("vision_encoder", "embed_tokens", "decoder_model_merged");

  /** How Git LFS's stand-ins for large files begin. */
  private static final byte[] POINTER =
      "version https://git-lfs".getBytes(StandardCharsets.US_ASCII);

  private static final double MIB = 1 << 20;

  private ModelCheck() {}

  static Finding of(ModelSpec model) {
    Path folder = Path.of(model.path());
    if (!Files.isDirectory(folder)) {
      return new Finding(
          "model",
          "there is no folder " + folder.toAbsolutePath(),
          "Set model.path; relative paths start at the current folder");
    }
    List<String> sizes = new ArrayList<>();
    List<String> faults = new ArrayList<>();
    Stream.concat(FILES.stream(), GRAPHS.stream().map(g -> "onnx/" + g + model.suffix() + ".onnx"))
        .forEach(name -> look(folder.resolve(name), name, sizes, faults));
    if (!faults.isEmpty()) {
      return new Finding(
          "model",
          folder + ": " + String.join(", ", faults),
          "Fetch the model again, with its large files (git lfs pull), or set model.path and"
              + " model.suffix");
    }
    try {
      sizes.add("SHA-256 " + new ModelFiles(model).identity().revision());
      return Finding.ok("model", folder + ": " + String.join(", ", sizes));
    } catch (ModelException | UncheckedIOException e) {
      return new Finding("model", e.getMessage(), "Correct the model's folder or the recipe");
    }
  }

  private static void look(Path file, String name, List<String> sizes, List<String> faults) {
    if (!Files.isRegularFile(file)) {
      faults.add(name + " is missing");
      return;
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] start = in.readNBytes(POINTER.length);
      if (start.length == 0) {
        faults.add(name + " is empty");
      } else if (Arrays.equals(start, POINTER)) {
        faults.add(name + " is a Git LFS pointer");
      } else if (name.endsWith(".onnx")) {
        sizes.add(
            String.format(
                Locale.ROOT, "%s %.1f MiB", file.getFileName(), bytesWithWeights(file) / MIB));
      }
    } catch (IOException e) {
      faults.add(name + " cannot be read (" + e + ")");
    }
  }

  /** Returns the size of a graph and of its external weights, which lie beside it. */
  private static long bytesWithWeights(Path graph) throws IOException {
    String name = graph.getFileName().toString();
    try (Stream<Path> siblings = Files.list(graph.getParent())) {
      return siblings
          .filter(path -> path.getFileName().toString().startsWith(name))
          .mapToLong(ModelCheck::size)
          .sum();
    }
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

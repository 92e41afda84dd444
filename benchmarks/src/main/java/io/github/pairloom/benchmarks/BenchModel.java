package io.github.pairloom.benchmarks;

import static io.github.pairloom.schemas.Check.check;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.udfs.KeyedRandom;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A model of LLaVA's proportions with random weights: 576 image tokens, a decoder of 115 million
 * parameters, 32,000 tokens. What it writes is noise, what it costs is not: it shows costs that
 * disappear in the demo model. The project holds its graphs only; the weights, 0.8 GB, are made
 * here.
 */
final class BenchModel {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path MODELS = Path.of(System.getProperty("pairloom.root", "."), "models");

  /** Says what the data files hold; written by {@code models/training/bench_model.py}. */
  private static final String MANIFEST = "weights.json";

  /** Written last, so a folder that has it is whole. */
  private static final String STAMP = "bench-model.json";

  private BenchModel() {}

  /**
   * Weights of one tensor: {@code mean + deviation * z}, with z from the standard normal
   * distribution.
   *
   * @param offset where it begins in its file, in bytes
   * @param elements how many numbers it has
   */
  record Tensor(String name, long offset, long elements, float mean, float deviation) {}

  /**
   * One file of external data.
   *
   * @param file its path within the model's folder
   * @param bytes its length
   */
  record DataFile(String file, long bytes, List<Tensor> tensors) {
    DataFile {
      tensors = List.copyOf(tensors);
      long end = 0;
      for (Tensor tensor : tensors) {
        check(
            tensor.offset() >= end && tensor.elements() > 0,
            "Invalid tensor %s of %s: %s numbers at %s (must begin at or after %s)",
            tensor.name(),
            file,
            tensor.elements(),
            tensor.offset(),
            end);
        end = tensor.offset() + tensor.elements() * Float.BYTES;
      }
      check(end == bytes, "Invalid length of %s: %s (its tensors end at %s)", file, bytes, end);
    }
  }

  /**
   * Returns {@code folder}, which then holds the model that belongs to {@code seed}, in the Hugging
   * Face ONNX layout. One that is already there is left as it is; a seed gives the same bytes on
   * every machine.
   *
   * @throws IllegalStateException if the folder holds something else
   */
  static Path create(Path folder, long seed) throws IOException {
    return create(MODELS.resolve("bench"), MODELS.resolve("demo"), folder, seed);
  }

  /**
   * @param graphs the model without weights and tokenizer
   * @param demo the demo model, whose tokenizer is extended
   */
  static Path create(Path graphs, Path demo, Path folder, long seed) throws IOException {
    List<DataFile> dataFiles = dataFiles(graphs.resolve(MANIFEST));
    String stamp =
        JSON.writeValueAsString(
            JSON.createObjectNode().put("seed", seed).put("graphs", sha256(sources(graphs, demo))));
    if (Files.exists(folder)) {
      requireSame(folder, stamp);
      return folder;
    }
    Path half = folder.resolveSibling(folder.getFileName() + ".half-" + UUID.randomUUID());
    Files.createDirectories(half);
    try {
      for (Path file : regularFiles(graphs)) {
        Path copy = half.resolve(graphs.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
      Files.delete(half.resolve(MANIFEST));
      int vocabulary =
          JSON.readTree(graphs.resolve("config.json").toFile())
              .at("/text_config/vocab_size")
              .asInt();
      BenchTokenizer.write(
          demo.resolve("tokenizer.json"), half.resolve("tokenizer.json"), vocabulary);
      for (DataFile file : dataFiles) {
        writeWeights(half.resolve(file.file()), file, seed);
      }
      Files.writeString(half.resolve(STAMP), stamp);
      moveTo(folder, half);
      requireSame(folder, stamp);
      return folder;
    } finally {
      delete(half);
    }
  }

  /** Reads a manifest. */
  static List<DataFile> dataFiles(Path manifest) throws IOException {
    List<DataFile> files = new ArrayList<>();
    for (JsonNode file : JSON.readTree(manifest.toFile())) {
      List<Tensor> tensors = new ArrayList<>();
      for (JsonNode tensor : file.get("tensors")) {
        long elements = 1;
        for (JsonNode size : tensor.get("shape")) {
          elements *= size.asLong();
        }
        tensors.add(
            new Tensor(
                tensor.get("name").asText(),
                tensor.get("offset").asLong(),
                elements,
                tensor.get("mean").floatValue(),
                tensor.get("deviation").floatValue()));
      }
      files.add(new DataFile(file.get("file").asText(), file.get("bytes").asLong(), tensors));
    }
    return files;
  }

  /** Writes the weights of one file, float32 little endian, zeros between tensors. */
  static void writeWeights(Path path, DataFile file, long seed) throws IOException {
    NormalTable normal = new NormalTable(KeyedRandom.of(seed).with("table"));
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (Tensor tensor : file.tensors()) {
        channel.position(tensor.offset());
        KeyedRandom key = KeyedRandom.of(seed).with(tensor.name());
        for (long start = 0; start < tensor.elements(); ) {
          int count = (int) Math.min(buffer.capacity() / Float.BYTES, tensor.elements() - start);
          buffer.clear();
          for (long i = start; i < start + count; i++) {
            buffer.putFloat(tensor.mean() + tensor.deviation() * normal.draw(key, i));
          }
          start += count;
          buffer.flip();
          while (buffer.hasRemaining()) {
            channel.write(buffer);
          }
        }
      }
    }
  }

  private static List<Path> sources(Path graphs, Path demo) throws IOException {
    List<Path> sources = new ArrayList<>(regularFiles(graphs));
    sources.add(demo.resolve("tokenizer.json"));
    return sources;
  }

  private static String sha256(List<Path> files) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Path file : files) {
        digest.update(Files.readAllBytes(file));
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  private static List<Path> regularFiles(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static void requireSame(Path folder, String stamp) throws IOException {
    Path file = folder.resolve(STAMP);
    String found = Files.exists(file) ? Files.readString(file) : "nothing";
    if (!found.equals(stamp)) {
      throw new IllegalStateException(
          "Cannot make the bench model in %s: there is another (%s is %s, needed is %s). Delete the folder or name another."
              .formatted(folder, STAMP, found, stamp));
    }
  }

  /** Another process may have been quicker; its model is as good. */
  private static void moveTo(Path folder, Path half) throws IOException {
    try {
      Files.move(half, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (!Files.exists(folder)) {
        throw e;
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}

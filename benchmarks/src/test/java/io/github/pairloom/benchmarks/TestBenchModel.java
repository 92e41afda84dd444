package io.github.pairloom.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.text.TextTokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Everything but the weights in full size: those are 0.8 GB, and {@code bench} makes them. */
class TestBenchModel {
  private static final Path MODELS = Path.of(System.getProperty("pairloom.root"), "models");
  private static final Path DEMO = MODELS.resolve("demo");

  @TempDir Path temporary;

  @Test
  void manifestHasThePromisedSizes() throws IOException {
    List<BenchModel.DataFile> files =
        BenchModel.dataFiles(MODELS.resolve("bench").resolve("weights.json"));
    assertEquals(
        List.of(
            "onnx/vision_encoder.onnx_data",
            "onnx/embed_tokens.onnx_data",
            "onnx/decoder_model_merged.onnx_data"),
        files.stream().map(BenchModel.DataFile::file).toList());
    assertTrue(parameters(files, "vision.") > 25_000_000);
    assertTrue(parameters(files, "decoder.blocks.") > 100_000_000);
  }

  @Test
  void weightsHaveTheirMeanAndDeviation() throws IOException {
    BenchModel.DataFile file =
        new BenchModel.DataFile(
            "a",
            4 * (200_000 + 2000),
            List.of(
                new BenchModel.Tensor("ones", 0, 1000, 1, 0),
                new BenchModel.Tensor("normal", 4 * 2000, 200_000, 0.5F, 2)));
    FloatBuffer weights = weights(file, 1);
    double sum = 0;
    double squares = 0;
    for (int i = 2000; i < weights.limit(); i++) {
      sum += weights.get(i);
      squares += Math.pow(weights.get(i) - 0.5, 2);
    }
    assertEquals(0.5, sum / 200_000, 0.03);
    assertEquals(2, Math.sqrt(squares / 200_000), 0.03);
    assertEquals(1, weights.get(999));
    assertEquals(0, weights.get(1000));
  }

  @Test
  void weightsFollowFromSeedAndNameAlone() throws IOException {
    BenchModel.Tensor tensor = new BenchModel.Tensor("w", 0, 100, 0, 1);
    FloatBuffer alone = weights(new BenchModel.DataFile("a", 400, List.of(tensor)), 1);
    FloatBuffer second =
        weights(
            new BenchModel.DataFile(
                "b",
                800,
                List.of(
                    new BenchModel.Tensor("v", 0, 100, 0, 1),
                    new BenchModel.Tensor("w", 400, 100, 0, 1))),
            1);
    assertEquals(alone, second.slice(100, 100));
    assertFalse(alone.equals(second.slice(0, 100)));
    assertFalse(
        alone.equals(weights(new BenchModel.DataFile("c", 400, List.of(tensor)), 2)), "other seed");
  }

  @Test
  void tensorsMustNotOverlap() {
    List<BenchModel.Tensor> tensors =
        List.of(
            new BenchModel.Tensor("v", 0, 100, 0, 1), new BenchModel.Tensor("w", 396, 100, 0, 1));
    assertEquals(
        "Invalid tensor w of a: 100 numbers at 396 (must begin at or after 400)",
        assertThrows(
                IllegalArgumentException.class, () -> new BenchModel.DataFile("a", 796, tensors))
            .getMessage());
  }

  @Test
  void folderIsMadeOnceAndNotMistakenForAnother() throws IOException {
    Path graphs = Files.createDirectories(temporary.resolve("graphs"));
    Files.createDirectories(graphs.resolve("onnx"));
    Files.writeString(graphs.resolve("onnx").resolve("a.onnx"), "a graph");
    Files.writeString(graphs.resolve("config.json"), "{\"text_config\":{\"vocab_size\":2000}}");
    Files.writeString(
        graphs.resolve("weights.json"),
        """
        [{"file": "onnx/a.onnx_data", "bytes": 24,
          "tensors": [{"name": "w", "shape": [2, 3], "offset": 0, "mean": 0, "deviation": 1}]}]
        """);
    Path folder = temporary.resolve("models").resolve("made");
    assertEquals(folder, BenchModel.create(graphs, DEMO, folder, 1));
    Path data = folder.resolve("onnx").resolve("a.onnx_data");
    assertEquals(24, Files.size(data));
    Object made = Files.getLastModifiedTime(data);
    BenchModel.create(graphs, DEMO, folder, 1);
    assertEquals(made, Files.getLastModifiedTime(data));
    assertTrue(
        assertThrows(IllegalStateException.class, () -> BenchModel.create(graphs, DEMO, folder, 2))
            .getMessage()
            .contains("Delete the folder or name another."));
    try (var left = Files.list(folder.getParent())) {
      assertEquals(List.of(folder), left.toList());
    }
  }

  @Test
  void longerVocabularyChangesNoOrdinaryText() throws IOException {
    BenchTokenizer.write(
        DEMO.resolve("tokenizer.json"), temporary.resolve("tokenizer.json"), 32_000);
    try (TextTokenizer demo = TextTokenizer.open(DEMO);
        TextTokenizer bench = TextTokenizer.open(temporary)) {
      assertEquals(32_000, bench.vocabularySize());
      for (DemoSet.Sample sample : DemoSet.samples(30)) {
        for (String text : List.of(sample.prompt(), sample.response())) {
          assertArrayEquals(demo.encode(text).ids(), bench.encode(text).ids(), text);
        }
      }
      String other = "Größe, naïve; Привет, мир! 写真 \uD83D\uDE00 <s><|user|><image>";
      assertArrayEquals(demo.encode(other).ids(), bench.encode(other).ids());
    }
  }

  @Test
  void furtherTokensAreTextAndAreReadAsTheyWereWritten() throws IOException {
    BenchTokenizer.write(
        DEMO.resolve("tokenizer.json"), temporary.resolve("tokenizer.json"), 32_000);
    try (TextTokenizer demo = TextTokenizer.open(DEMO);
        TextTokenizer bench = TextTokenizer.open(temporary)) {
      int words = 0;
      int sentences = 0;
      // One in 31, as every look-up crosses to native code.
      for (int id = demo.vocabularySize(); id < bench.vocabularySize(); id += 31) {
        String text = bench.decode(id);
        words++;
        int[] again = bench.encode(text).ids();
        if (text.endsWith(".")) {
          sentences++;
          assertEquals(2, again.length, text);
        } else {
          assertArrayEquals(new int[] {id}, again, text);
        }
      }
      assertEquals(1.0 / 16, (double) sentences / words, 0.01);
    }
  }

  private static long parameters(List<BenchModel.DataFile> files, String prefix) {
    return files.stream()
        .flatMap(file -> file.tensors().stream())
        .filter(tensor -> tensor.name().startsWith(prefix))
        .mapToLong(BenchModel.Tensor::elements)
        .sum();
  }

  private FloatBuffer weights(BenchModel.DataFile file, long seed) throws IOException {
    Path path = temporary.resolve(file.file());
    BenchModel.writeWeights(path, file, seed);
    return ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
  }
}

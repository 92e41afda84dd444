package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * The demo set, held out from the demo model's training: drawn scenes with their facts, each with a
 * description and a question.
 */
final class DemoSet {
  private static final Path MODELS = Path.of(System.getProperty("pairloom.root", "."), "models");

  private DemoSet() {}

  /**
   * A prompt about a scene and its true answer.
   *
   * @param id the scene's
   * @param describes whether the prompt asks for a description
   */
  record Sample(
      String id,
      RgbImage image,
      SceneFacts facts,
      String prompt,
      String response,
      boolean describes) {}

  /** Returns the demo model, on one thread. */
  static ModelSpec model() {
    return ModelSpec.onCpu(MODELS.resolve("demo"));
  }

  static Vocabulary vocabulary() {
    try {
      return Vocabulary.read(MODELS.resolve("demo-data").resolve("vocabulary.json"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the answered prompts of the first {@code scenes} scenes. */
  static List<Sample> samples(int scenes) {
    try (Stream<Path> files = Files.list(MODELS.resolve("demo-data").resolve("shards"))) {
      Map<String, byte[]> images = new HashMap<>();
      List<Sample> samples = new ArrayList<>();
      for (Path shard : files.sorted().toList()) {
        read(shard, scenes, images, samples);
      }
      return samples;
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read the demo set under " + MODELS, e);
    }
  }

  private static void read(Path shard, int scenes, Map<String, byte[]> images, List<Sample> samples)
      throws IOException {
    ObjectMapper json = new ObjectMapper();
    ImageDecoder decoder = new ImageDecoder(ImageLimits.DEFAULTS);
    try (InputStream in = new BufferedInputStream(Files.newInputStream(shard));
        TarArchiveInputStream tar = new TarArchiveInputStream(in)) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        String key = entry.getName().replaceFirst("\\..*", "");
        byte[] bytes = tar.readAllBytes();
        if (!entry.getName().endsWith(".json")) {
          images.put(key, bytes);
          continue;
        }
        JsonNode row = json.readTree(bytes);
        String id = row.get("id").asText();
        if (samples.stream().map(Sample::id).distinct().count() >= scenes
            && samples.stream().noneMatch(sample -> sample.id().equals(id))) {
          return;
        }
        RgbImage image = decoder.decode(images.get(key)).image();
        SceneFacts facts = SceneFacts.of(row.get("facts"));
        JsonNode turns = row.get("conversations");
        for (int i = 0; i + 1 < turns.size(); i += 2) {
          String response = turns.get(i + 1).get("value").asText();
          samples.add(
              new Sample(
                  id,
                  image,
                  facts,
                  turns.get(i).get("value").asText().replace("<image>\n", ""),
                  response,
                  response.matches("(This is a picture of|The image shows|We can see) .*")));
        }
      }
    }
  }
}

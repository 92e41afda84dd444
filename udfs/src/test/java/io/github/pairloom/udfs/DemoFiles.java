package io.github.pairloom.udfs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The demo model and scenes of the demo dataset, which it has not been trained on. */
public final class DemoFiles {
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"), "models");

  private DemoFiles() {}

  /**
   * A scene with its first question.
   *
   * @param image the picture
   * @param prompt asks for a description
   * @param response a true description
   */
  public record Scene(RgbImage image, String prompt, String response) {}

  /** Returns the demo model, on one thread. */
  public static ModelSpec model() {
    return ModelSpec.onCpu(ROOT.resolve("demo"));
  }

  /** Returns the first {@code count} scenes that are files of their own. */
  public static List<Scene> scenes(int count) {
    Path folder = ROOT.resolve("demo-data");
    try {
      JsonNode rows = new ObjectMapper().readTree(folder.resolve("llava_instruct.json").toFile());
      List<Scene> scenes = new ArrayList<>();
      for (JsonNode row : rows) {
        if (scenes.size() < count) {
          byte[] bytes = Files.readAllBytes(folder.resolve(row.get("image").asText()));
          JsonNode turns = row.get("conversations");
          scenes.add(
              new Scene(
                  new ImageDecoder(ImageLimits.DEFAULTS).decode(bytes).image(),
                  turns.get(0).get("value").asText().replace("<image>\n", ""),
                  turns.get(1).get("value").asText()));
        }
      }
      return scenes;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

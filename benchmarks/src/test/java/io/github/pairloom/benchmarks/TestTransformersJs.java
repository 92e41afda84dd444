package io.github.pairloom.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.Continuation;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Sampling;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo model in transformers.js, an independent runtime. Skipped where npm does not answer. */
class TestTransformersJs {
  private static final Path SOURCE =
      Path.of(System.getProperty("pairloom.root"), "benchmarks", "transformers-js");
  private static final Path PROJECT =
      Path.of(System.getProperty("pairloom.root"), "benchmarks", "target", "transformers-js");
  private static final int SCENES = 50;
  private static final int MAX_TOKENS = 90;

  @TempDir Path folder;

  @BeforeAll
  static void install() throws IOException, InterruptedException {
    Files.createDirectories(PROJECT);
    for (String file : List.of("package.json", "answers.mjs")) {
      Files.write(PROJECT.resolve(file), Files.readAllBytes(SOURCE.resolve(file)));
    }
    assumeTrue(
        succeeds(
            "npm",
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=1",
            "--fetch-timeout=20000"),
        "npm does not answer; see " + log());
  }

  @Test
  void greedyAnswersAreEqualTokenForToken() throws IOException, InterruptedException {
    List<DemoSet.Sample> samples = DemoSet.samples(SCENES);
    assertEquals(SCENES, samples.stream().map(DemoSet.Sample::id).distinct().count());
    JsonNode theirs = theirAnswers(samples);
    assertEquals(samples.size(), theirs.size());
    try (VisionLanguageModel model = ExecutorModels.open(DemoSet.model())) {
      for (int i = 0; i < samples.size(); i++) {
        DemoSet.Sample sample = samples.get(i);
        int[] prompt = model.prompt(List.of(), sample.prompt());
        assertArrayEquals(ids(theirs.get(i).get("prompt")), prompt, sample.prompt());
        Generation ours =
            model.generate(
                prompt,
                ImageView.full(model.await(model.encode(model.preprocess(sample.image())))),
                new int[0],
                Continuation.OF_RESPONSE,
                new Sampling(0, 1, MAX_TOKENS),
                KeyedRandom.of(0));
        int[] response = ids(theirs.get(i).get("response"));
        String message = "scene " + sample.id() + ", " + sample.prompt() + " " + ours.text();
        assertArrayEquals(response, model.response(ours.text()).ids(), message);
        assertEquals(response.length + 1, ours.tokens(), message + " and the end");
      }
    }
  }

  private JsonNode theirAnswers(List<DemoSet.Sample> samples)
      throws IOException, InterruptedException {
    ObjectMapper json = new ObjectMapper();
    ArrayNode requests = json.createArrayNode();
    for (DemoSet.Sample sample : samples) {
      Path image = folder.resolve(sample.id() + ".png");
      ImageIO.write(picture(sample.image()), "png", image.toFile());
      requests
          .addObject()
          .put("image", image.toString())
          .put("prompt", sample.prompt())
          .put("maxTokens", MAX_TOKENS);
    }
    Path requestsFile = folder.resolve("requests.json");
    Path answersFile = folder.resolve("answers.json");
    json.writeValue(requestsFile.toFile(), requests);
    assertTrue(
        succeeds(
            "node",
            "answers.mjs",
            DemoSet.model().path(),
            requestsFile.toString(),
            answersFile.toString()),
        () -> "node failed; see " + log());
    return json.readTree(answersFile.toFile());
  }

  private static BufferedImage picture(RgbImage image) {
    BufferedImage picture =
        new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        picture.setRGB(
            x, y, image.sample(x, y, 0) << 16 | image.sample(x, y, 1) << 8 | image.sample(x, y, 2));
      }
    }
    return picture;
  }

  private static int[] ids(JsonNode array) {
    int[] ids = new int[array.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = array.get(i).asInt();
    }
    return ids;
  }

  private static boolean succeeds(String... command) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(command)
              .directory(PROJECT.toFile())
              .redirectErrorStream(true)
              .redirectOutput(log().toFile())
              .start();
      if (process.waitFor(5, TimeUnit.MINUTES)) {
        return process.exitValue() == 0;
      }
      process.destroyForcibly();
      return false;
    } catch (IOException e) {
      // There is no such program.
      return false;
    }
  }

  private static Path log() {
    return PROJECT.resolve("last-command.log");
  }
}

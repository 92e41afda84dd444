package io.github.pairloom.udfs.vlm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.text.TextTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestModelFiles {
  @TempDir Path folder;

  @BeforeEach
  void copy() throws IOException {
    Path tokenizer = Path.of(DemoFiles.model().path(), "tokenizer.json");
    Files.copy(tokenizer, folder.resolve("tokenizer.json"));
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [0]}");
  }

  @Test
  void whatTheTokenizerCallsItsEndEndsAResponseToo() throws IOException {
    assertEquals(Set.of(0, 2), endTokens("{\"eos_token\": \"</s>\", \"chat_template\": \"x\"}"));
    assertEquals(
        Set.of(0, 2),
        endTokens("{\"eos_token\": {\"content\": \"</s>\"}, \"chat_template\": \"x\"}"));
  }

  @Test
  void anEndThatIsNoTokenEndsNothing() throws IOException {
    assertEquals(Set.of(0), endTokens("{\"eos_token\": \"<|end|>\", \"chat_template\": \"x\"}"));
    assertEquals(Set.of(0), endTokens("{\"eos_token\": null, \"chat_template\": \"x\"}"));
  }

  private Set<Integer> endTokens(String tokenizerConfig) throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), tokenizerConfig);
    ModelFiles files = new ModelFiles(ModelSpec.onCpu(folder));
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      return files.endTokens(files.chatTemplate(), tokenizer);
    }
  }
}

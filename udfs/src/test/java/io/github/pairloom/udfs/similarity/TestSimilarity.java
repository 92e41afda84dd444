package io.github.pairloom.udfs.similarity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.similarity.SimilaritySettings.Scope;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestSimilarity {
  private static final String LONG =
      "This is a picture of a beach. There is a big white boat on the left.";

  @Test
  void equalTextsAreExactlyAsSimilarAsCanBe() {
    try (Similarity similarity = open(Scope.RESPONSE)) {
      assertEquals(1, similarity.of(LONG, LONG));
    }
  }

  @Test
  void aChangeWeighsLessInALongResponseThanInItsSentence() {
    String changed = LONG.replace("white", "green");
    try (Similarity response = open(Scope.RESPONSE);
        Similarity sentence = open(Scope.SENTENCE)) {
      double whole = response.of(LONG, changed);
      double worst = sentence.of(LONG, changed);
      assertTrue(worst < whole, worst + " against " + whole);
      assertTrue(whole < 1);
    }
  }

  @Test
  void unrelatedTextsAreFarApart() {
    try (Similarity similarity = open(Scope.RESPONSE)) {
      double cosine = similarity.of(LONG, "The stock market closed lower on Friday.");
      assertTrue(cosine < 0.4, "cosine " + cosine);
    }
  }

  @Test
  void aSentenceTooManyCountsInTheSentenceScope() {
    try (Similarity similarity = open(Scope.SENTENCE)) {
      double cosine = similarity.of(LONG, LONG + " The stock market closed lower on Friday.");
      assertTrue(cosine < 0.5, "cosine " + cosine);
    }
  }

  @Test
  void anEmbeddingDoesNotDependOnWhatWasEmbeddedBefore() {
    try (SentenceEmbedder one = SentenceEmbedder.open(SimilaritySettings.MINILM, 1);
        SentenceEmbedder other = SentenceEmbedder.open(SimilaritySettings.MINILM, 1)) {
      float[] expected = one.embed(LONG);
      other.embed("Something else entirely, and much longer than the text that follows it.");
      assertArrayEquals(expected, other.embed(LONG));
      assertEquals(384, expected.length);
    }
  }

  @Test
  void aSpelledControlTokenIsOnlyText() {
    try (SentenceEmbedder embedder = SentenceEmbedder.open(SimilaritySettings.MINILM, 1)) {
      // The model's tokenizer makes all letters small, but for those of its control tokens.
      assertArrayEquals(
          embedder.embed("A boat. [sep] A car [mask] [pad] a road."),
          embedder.embed("A boat. [SEP] A car [MASK] [PAD] a road."));
    }
  }

  @Test
  void nothingOfALongTextIsLeftOut() {
    try (SentenceEmbedder embedder = SentenceEmbedder.open(SimilaritySettings.MINILM, 1)) {
      String text = "There is a boat on the beach. ".repeat(100);
      float[] plain = embedder.embed(text);
      float[] marked = embedder.embed(text + "The stock market closed lower on Friday.");
      double dot = 0;
      for (int i = 0; i < plain.length; i++) {
        dot += plain[i] * marked[i];
      }
      assertTrue(dot < 0.99999, "cosine " + dot);
    }
  }

  @Test
  void aFolderWithoutAModelIsRefused(@TempDir Path empty) {
    ModelException e =
        assertThrows(ModelException.class, () -> SentenceEmbedder.open(empty.toString(), 1));
    assertTrue(e.getMessage().contains("model.onnx"), e.getMessage());
  }

  @Test
  void aRevisionCoversWeightsBesideTheGraphAndIsWhatEveryMachineMustHave(@TempDir Path parent)
      throws IOException {
    Path plain = folder(parent.resolve("plain"));
    Path other = folder(parent.resolve("other"));
    Files.writeString(other.resolve("model_fp16.onnx"), "another graph");
    Files.writeString(other.resolve(".hidden"), "a file browser's");
    Path weights = folder(parent.resolve("weights"));
    Files.writeString(weights.resolve("model.onnx_data"), "weights");
    Path renamed = folder(parent.resolve("renamed"));
    Files.writeString(renamed.resolve("weights.bin"), "weights");

    String minilm = revision(SimilaritySettings.MINILM);
    assertEquals(minilm, revision(plain.toString()));
    assertEquals(minilm, revision(other.toString()));
    assertEquals(
        3, Set.of(minilm, revision(weights.toString()), revision(renamed.toString())).size());

    SentenceEmbedder.open(plain.toString(), 1, minilm).close();
    ModelException e =
        assertThrows(
            ModelException.class, () -> SentenceEmbedder.open(weights.toString(), 1, minilm));
    assertTrue(e.getMessage().contains(weights + ": its files have SHA-256"), e.getMessage());
    assertTrue(e.getMessage().contains(minilm + " on the driver"), e.getMessage());
  }

  @Test
  void statesArePooledAsTheModelSaysAndWhatIsNotSupportedIsNamed(@TempDir Path parent)
      throws IOException {
    Path first = pooling(parent.resolve("first"), "pooling_mode_cls_token");
    Path mean = pooling(parent.resolve("mean"), "pooling_mode_mean_tokens");
    Path most = pooling(parent.resolve("most"), "pooling_mode_max_tokens");
    Path dense = folder(parent.resolve("dense"));
    Files.writeString(
        dense.resolve("modules.json"),
        """
        [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]
        """);

    try (SentenceEmbedder minilm = SentenceEmbedder.open(SimilaritySettings.MINILM, 1);
        SentenceEmbedder other = SentenceEmbedder.open(first.toString(), 1);
        SentenceEmbedder same = SentenceEmbedder.open(mean.toString(), 1)) {
      assertArrayEquals(minilm.embed(LONG), same.embed(LONG));
      assertFalse(Arrays.equals(minilm.embed(LONG), other.embed(LONG)));
      assertEquals(384, other.embed(LONG).length);
    }
    Files.createDirectories(first.resolve("onnx"));
    Files.move(first.resolve("model.onnx"), first.resolve("onnx/model.onnx"));
    // Another name of the folder: a model that is loaded stays.
    assertNotEquals(
        revision(SimilaritySettings.MINILM), revision(first.resolve("../first").toString()));
    assertRefused(most, "1_Pooling/config.json sets [pooling_mode_max_tokens]");
    assertRefused(dense, "sentence_transformers.models.Dense (2_Dense)");
  }

  private static void assertRefused(Path folder, String why) {
    ModelException e =
        assertThrows(ModelException.class, () -> SentenceEmbedder.open(folder.toString(), 1));
    assertTrue(e.getMessage().contains(folder + ": ") && e.getMessage().contains(why), e::toString);
  }

  private static Path pooling(Path folder, String mode) throws IOException {
    Path config = folder(folder).resolve("1_Pooling/config.json");
    Files.createDirectories(config.getParent());
    Files.writeString(
        config,
        """
        {"word_embedding_dimension": 384, "%s": true, "pooling_mode_lasttoken": false}
        """
            .formatted(mode));
    return folder;
  }

  private static Path folder(Path folder) throws IOException {
    Files.createDirectories(folder);
    for (String name : List.of(".onnx", "-tokenizer.json")) {
      try (InputStream in =
          SentenceEmbedder.class.getResourceAsStream("/all-minilm-l6-v2-q" + name)) {
        Files.copy(in, folder.resolve(name.equals(".onnx") ? "model.onnx" : "tokenizer.json"));
      }
    }
    return folder;
  }

  private static String revision(String name) {
    try (SentenceEmbedder embedder = SentenceEmbedder.open(name, 1)) {
      return embedder.revision();
    }
  }

  private static Similarity open(Scope scope) {
    return new Similarity(
        new SimilaritySettings(SimilaritySettings.MINILM, scope),
        SentenceEmbedder.open(SimilaritySettings.MINILM, 1));
  }
}

package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestTextTokenizer {
  private static TextTokenizer demo;

  @BeforeAll
  static void open() throws IOException {
    demo = TextTokenizer.open(DemoModel.FOLDER);
  }

  @AfterAll
  static void close() {
    demo.close();
  }

  @Test
  void encodingAndDecodingGiveTheTextBack() {
    String text = "Two  spaces,\ttabs\nand \u00e9mojis \uD83D\uDE00 don't \u65e5\u672c";
    assertEquals(text, demo.decode(demo.encode(text).ids()));
    assertEquals(0, demo.encode("").size());
    assertEquals("", demo.decode());
  }

  @Test
  void spansAreIndicesOfJavaCharsWithoutTheSpaceBefore() {
    String text = "\uD83D\uDE00 cat";
    Tokens tokens = demo.encode(text);
    int last = tokens.size() - 1;
    assertEquals(" cat", demo.decode(tokens.id(last)));
    assertEquals("cat", text.substring(tokens.start(last), tokens.end(last)));
    for (int i = 0; i < last; i++) {
      assertEquals("\uD83D\uDE00", text.substring(tokens.start(i), tokens.end(i)));
    }
    assertEquals(OptionalInt.of(last), tokens.beginningAt(3));
    assertEquals(OptionalInt.of(0), tokens.beginningAt(0));
    assertEquals(OptionalInt.empty(), tokens.beginningAt(1));
    assertEquals(OptionalInt.empty(), tokens.beginningAt(4));
    assertEquals(OptionalInt.empty(), tokens.beginningAt(6));
  }

  @Test
  void aLongTextIsNotCut() {
    String text = "cat ".repeat(2000);
    assertEquals(text, demo.decode(demo.encode(text).ids()));
  }

  @Test
  void controlTokensHaveIdsAndAreLeftOutOfDecodedText() {
    assertEquals(OptionalInt.of(3), demo.idOf("<image>"));
    assertEquals(OptionalInt.empty(), demo.idOf("<no such token>"));
    assertTrue(demo.controlTokens().keySet().containsAll(List.of("<s>", "</s>", "<image>")));
    assertTrue(demo.isControl(3));
    assertFalse(demo.isControl(demo.encode("cat").id(0)));
    assertEquals(540, demo.vocabularySize());
    assertEquals("hi", demo.decode(demo.encode("<s>hi<image></s>").ids()));
  }

  @Test
  void plainTextNeverGivesAControlToken() {
    for (String token : demo.controlTokens().keySet()) {
      for (String text : List.of(token, "a" + token + "b", "say " + token + " " + token)) {
        Tokens tokens = demo.encodePlain(text);
        assertTrue(Arrays.stream(tokens.ids()).noneMatch(demo::isControl), text);
        assertEquals(text, demo.decode(tokens.ids()));
        assertEquals(text.length(), tokens.end(tokens.size() - 1));
      }
    }
    assertEquals(demo.encode("a cup"), demo.encodePlain("a cup"));
  }

  @RepeatedTest(20)
  void plainTextsOfPiecesOfControlTokensSurvive() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    String text = Texts.random(new Random(seed), 30);
    Tokens tokens = demo.encodePlain(text);
    String message = "rerun with -Dtests.seed=" + seed;
    assertEquals(text, demo.decode(tokens.ids()), message);
    assertTrue(Arrays.stream(tokens.ids()).noneMatch(demo::isControl), message);
    for (int i = 1; i < tokens.size(); i++) {
      assertTrue(tokens.start(i) >= tokens.start(i - 1), message);
      assertTrue(tokens.end(i) >= tokens.end(i - 1), message);
    }
  }

  @RepeatedTest(20)
  void aDeltaIsWhatTheContinuationAdds() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    Random random = new Random(seed);
    String text = Texts.random(random, 10);
    int[] ids = demo.encodePlain(text).ids();
    int cut = random.nextInt(ids.length + 1);
    int[] prefix = Arrays.copyOf(ids, cut);
    String delta = demo.decodeDelta(prefix, Arrays.copyOfRange(ids, cut, ids.length));
    String before = demo.decode(prefix).replaceFirst("\uFFFD+$", "");
    assertEquals(text, before + delta, "rerun with -Dtests.seed=" + seed);
  }

  @Test
  void aCharacterFinishedByTheContinuationBelongsToTheDelta() {
    int[] ids = demo.encode("a\uD83D\uDE00b").ids();
    assertEquals(6, ids.length);
    assertEquals(
        "\uD83D\uDE00b",
        demo.decodeDelta(Arrays.copyOf(ids, 3), Arrays.copyOfRange(ids, 3, ids.length)));
  }

  @Test
  void halfASurrogatePairIsRefused() {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> demo.encode("ab\uD83Dc"));
    assertTrue(refusal.getMessage().contains("char 2 of 4"), refusal.getMessage());
  }

  @Test
  void threadsGetTheSameTokens() throws Exception {
    List<String> texts =
        IntStream.range(0, 400).mapToObj(i -> Texts.random(new Random(i), 20)).toList();
    List<Tokens> expected = texts.stream().map(demo::encodePlain).toList();
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Callable<Tokens>> tasks =
          texts.stream().<Callable<Tokens>>map(t -> () -> demo.encodePlain(t)).toList();
      List<Future<Tokens>> results = threads.invokeAll(tasks);
      for (int i = 0; i < results.size(); i++) {
        assertEquals(expected.get(i), results.get(i).get());
        assertEquals(texts.get(i), demo.decode(results.get(i).get().ids()));
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void aTokenizerThatPutsASpaceBeforeATextKeepsSpacesInDeltas(@TempDir Path folder)
      throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), Texts.METASPACE_TOKENIZER);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      int[] ids = tokenizer.encode("a cat a").ids();
      assertArrayEquals(new int[] {4, 5, 4}, ids);
      assertEquals("cat", tokenizer.decode(5));
      assertEquals(" cat a", tokenizer.decodeDelta(new int[] {4}, new int[] {5, 4}));
      assertEquals("a cat", tokenizer.decodeDelta(new int[0], new int[] {4, 5}));
      assertArrayEquals(new int[] {1}, tokenizer.promptPrefix());
      assertEquals("a </s>a", tokenizer.decode(tokenizer.encodePlain("a </s>a").ids()));
    }
  }

  @Test
  void tokensNamedInConfigsAndWhenOpeningAreControlTokens(@TempDir Path folder) throws IOException {
    Files.writeString(
        folder.resolve("tokenizer.json"),
        Texts.METASPACE_TOKENIZER.replace("\"special\": true", "\"special\": false"));
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      assertTrue(tokenizer.controlTokens().isEmpty());
    }
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"eos_token\": {\"content\": \"</s>\"}, \"additional_special_tokens\": [\"<s>\"]}");
    try (TextTokenizer tokenizer = TextTokenizer.open(folder, List.of("<unk>"))) {
      assertEquals(
          List.of("</s>", "<s>", "<unk>"), List.copyOf(tokenizer.controlTokens().keySet()));
      assertEquals("a", tokenizer.decode(tokenizer.encode("a</s>").ids()));
    }
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class, () -> TextTokenizer.open(folder, List.of("<image>")));
    assertTrue(refusal.getMessage().contains("Cannot use <image> as a control token"));
  }

  @Test
  void aFolderWithoutAUsableTokenizerIsRefused(@TempDir Path folder) throws IOException {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> TextTokenizer.open(folder));
    assertTrue(refusal.getMessage().contains("no tokenizer.json"), refusal.getMessage());
    Files.writeString(folder.resolve("tokenizer.json"), "{\"version\": \"1.0\"}");
    refusal = assertThrows(IllegalArgumentException.class, () -> TextTokenizer.open(folder));
    assertTrue(refusal.getMessage().startsWith("Cannot load"), refusal.getMessage());
  }
}

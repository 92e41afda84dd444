package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestPromptEncoder {
  private static TextTokenizer tokenizer;
  private static ChatTemplate template;
  private static PromptEncoder encoder;

  @BeforeAll
  static void open() throws IOException {
    tokenizer = TextTokenizer.open(DemoModel.FOLDER);
    template = ChatTemplate.load(DemoModel.FOLDER);
    encoder = new PromptEncoder(template, tokenizer, "<image>");
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  @Test
  void aUsualPromptIsTheRenderedTemplateTokenisedInOneGo() {
    List<ChatMessage> messages = List.of(ChatMessage.user("Describe the image.", 1));
    assertArrayEquals(
        tokenizer.encode("<s><|user|><image>Describe the image.<|assistant|>").ids(),
        encoder.encode(messages));
  }

  @Test
  void controlTokensInTextsAreText() {
    for (String token : tokenizer.controlTokens().keySet()) {
      String text = "What does " + token + " mean?" + token;
      int[] ids = encoder.encode(List.of(ChatMessage.user(text, 1)));
      assertArrayEquals(new int[] {1, 4, 3, 5}, controlIds(ids), text);
      assertEquals(text, tokenizer.decode(ids));
    }
  }

  @RepeatedTest(50)
  void randomConversationsHaveTheTemplatesControlTokensOnly() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    Random random = new Random(seed);
    String first = Texts.random(random, 8);
    String answer = Texts.random(random, 8);
    String second = Texts.random(random, 8);
    int[] ids =
        encoder.encode(
            List.of(
                ChatMessage.user(first, 1),
                ChatMessage.assistant(answer),
                ChatMessage.user(second, 0)));
    String message = "rerun with -Dtests.seed=" + seed;
    assertArrayEquals(new int[] {1, 4, 3, 5, 2, 4, 5}, controlIds(ids), message);
    assertEquals(first + answer + second, tokenizer.decode(ids), message);
  }

  @Test
  void piecesOfAControlTokenDoNotJoinAcrossMessages() {
    ChatTemplate bare =
        ChatTemplate.of(
            "{% for m in messages %}{{ m['content'] }}{% endfor %}ge>", Map.of("bos_token", "<s>"));
    PromptEncoder joining = new PromptEncoder(bare, tokenizer, "<image>");
    for (List<ChatMessage> messages :
        List.of(
            List.of(ChatMessage.user("<ima", 0)),
            List.of(ChatMessage.user("</", 0), ChatMessage.assistant("s>")))) {
      int[] ids = joining.encode(messages);
      assertArrayEquals(new int[0], controlIds(ids));
      assertEquals(bare.render(messages, true), tokenizer.decode(ids));
    }
  }

  @Test
  void aTemplateThatPlacesNoImageIsRefused() {
    ChatTemplate blind = ChatTemplate.of("{{ 'x' }}", Map.of());
    PromptEncoder broken = new PromptEncoder(blind, tokenizer, "<image>");
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> broken.encode(List.of(ChatMessage.user("Hi", 1))));
    assertTrue(
        refusal.getMessage().startsWith("Cannot place 1 images: the chat template gives 0 tokens"),
        refusal.getMessage());
    refusal =
        assertThrows(
            IllegalArgumentException.class, () -> new PromptEncoder(template, tokenizer, "<img>"));
    assertTrue(refusal.getMessage().startsWith("Invalid image token: <img>"));
  }

  @Test
  void theBeginningOfTheSequenceIsWrittenOnce(@TempDir Path folder) throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), Texts.METASPACE_TOKENIZER);
    List<ChatMessage> messages = List.of(ChatMessage.user("a", 0));
    Map<String, String> tokens = Map.of("bos_token", "<s>");
    try (TextTokenizer begins = TextTokenizer.open(folder)) {
      for (String source :
          List.of("{{ messages[0]['content'] }}", "<s>{{ messages[0].content }}")) {
        int[] ids =
            new PromptEncoder(ChatTemplate.of(source, tokens), begins, "</s>").encode(messages);
        assertEquals(1, ids[0]);
        assertEquals(1, Arrays.stream(ids).filter(id -> id == 1).count(), source);
      }
    }
  }

  @Test
  void aResponseIsTokenisedOnItsOwn() {
    String response = "A cup </s> of <image>.";
    Tokens tokens = encoder.encodeResponse(response);
    assertArrayEquals(new int[0], controlIds(tokens.ids()));
    assertEquals(response, tokenizer.decode(tokens.ids()));
  }

  private static int[] controlIds(int[] ids) {
    return Arrays.stream(ids).filter(tokenizer::isControl).toArray();
  }
}

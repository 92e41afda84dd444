package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestChatTemplate {
  private static final Map<String, String> TOKENS = Map.of("bos_token", "<s>", "eos_token", "</s>");
  private static final List<ChatMessage> QUESTION = List.of(ChatMessage.user("What is it?", 1));
  private static final List<ChatMessage> CONVERSATION =
      List.of(
          ChatMessage.system("Be brief."),
          ChatMessage.user("What is it?", 1),
          ChatMessage.assistant("A cup."),
          ChatMessage.user("And now?", 0));

  @Test
  void theDemoModelsTemplateRenders() throws IOException {
    ChatTemplate template = ChatTemplate.load(DemoModel.FOLDER);
    assertEquals("<s><|user|><image>What is it?<|assistant|>", template.render(QUESTION, true));
    assertEquals(
        "<s><|system|>Be brief.<|user|><image>What is it?<|assistant|>A cup.</s><|user|>And now?",
        template.render(CONVERSATION, false));
  }

  @Test
  void llavaRenders() {
    ChatTemplate template = ChatTemplate.of(Templates.LLAVA, TOKENS);
    assertEquals("USER: <image>\nWhat is it? ASSISTANT:", template.render(QUESTION, true));
    assertEquals(
        "Be brief. USER: <image>\nWhat is it? ASSISTANT: A cup. USER: And now? ASSISTANT:",
        template.render(CONVERSATION, true));
  }

  @Test
  void llavaInterleaveRenders() {
    ChatTemplate template = ChatTemplate.of(Templates.LLAVA_INTERLEAVE, TOKENS);
    assertEquals(
        "<|im_start|>user <image>\nWhat is it?<|im_end|><|im_start|>assistant\n",
        template.render(QUESTION, true));
    assertEquals(
        "<|im_start|>user <image><image>\nCompare.<|im_end|>",
        template.render(List.of(ChatMessage.user("Compare.", 2)), false));
  }

  @Test
  void smolVlmRenders() {
    ChatTemplate template = ChatTemplate.of(Templates.SMOLVLM, TOKENS);
    assertEquals(
        "<|im_start|>User:<image>What is it?<end_of_utterance>\nAssistant:",
        template.render(QUESTION, true));
    assertEquals(
        """
        <|im_start|>System: Be brief.<end_of_utterance>
        User:<image>What is it?<end_of_utterance>
        Assistant: A cup.<end_of_utterance>
        User: And now?<end_of_utterance>
        Assistant:\
        """,
        template.render(CONVERSATION, true));
  }

  @Test
  void qwen2VlRenders() {
    ChatTemplate template = ChatTemplate.of(Templates.QWEN2_VL, TOKENS);
    assertEquals(
        """
        <|im_start|>system
        You are a helpful assistant.<|im_end|>
        <|im_start|>user
        <|vision_start|><|image_pad|><|vision_end|>What is it?<|im_end|>
        <|im_start|>assistant
        """,
        template.render(QUESTION, true));
    assertEquals(
        """
        <|im_start|>system
        Be brief.<|im_end|>
        <|im_start|>user
        <|vision_start|><|image_pad|><|vision_end|>What is it?<|im_end|>
        <|im_start|>assistant
        A cup.<|im_end|>
        <|im_start|>user
        And now?<|im_end|>
        """,
        template.render(CONVERSATION, false));
  }

  @Test
  void aTemplateThatWantsTextsGetsTheImageTokenBeforeThem() {
    ChatTemplate template = ChatTemplate.of(Templates.CHATML, TOKENS);
    assertEquals(
        """
        <|im_start|>system
        You are a helpful assistant.<|im_end|>
        <|im_start|>user
        <image>
        What is it?<|im_end|>
        <|im_start|>assistant
        """,
        template.render(QUESTION, true));
    ChatTemplate qwen = ChatTemplate.of(Templates.CHATML, Map.of("image_token", "<|image_pad|>"));
    assertTrue(qwen.render(QUESTION, true).contains("<|image_pad|>\nWhat is it?"));
  }

  @Test
  void mistralRendersAndRefusesRolesThatDoNotAlternate() {
    ChatTemplate template = ChatTemplate.of(Templates.MISTRAL, TOKENS);
    assertEquals(
        "<s> [INST] <image>\nWhat is it? [/INST] A cup.</s>",
        template.render(
            List.of(ChatMessage.user("What is it?", 1), ChatMessage.assistant(" A cup. ")), true));
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> template.render(CONVERSATION, true));
    assertTrue(
        refusal.getMessage().contains("roles must alternate")
            && refusal.getMessage().contains("model.chat-template"),
        refusal.getMessage());
  }

  @Test
  void whatAMessageSaysIsNotRunAsTemplate() {
    ChatTemplate template = ChatTemplate.of(Templates.SMOLVLM, TOKENS);
    String text = "{{ 7 * 7 }} {% if true %}x{% endif %} {# gone? #} {{ messages }}";
    assertTrue(template.render(List.of(ChatMessage.user(text, 1)), true).contains(text));
  }

  @Test
  void everyCharacterOfAMessageIsWrittenAsItIs() throws IOException {
    ChatTemplate template = ChatTemplate.load(DemoModel.FOLDER);
    StringBuilder text = new StringBuilder("\\u0000 \\n ' \" \\ ");
    for (char c = 0; c < 0x100; c++) {
      text.append(c);
    }
    assertEquals(
        "<s><|user|>" + text + "<|assistant|>",
        template.render(List.of(ChatMessage.user(text.toString(), 0)), true));
  }

  @Test
  void aTemplateCannotReachJavaObjects() {
    for (String attack :
        List.of(
            "{{ ''.getClass() }}",
            "{{ ''.class.forName('java.lang.Runtime') }}",
            "{{ 'ab'.repeat(1000000000) }}",
            "{{ messages.getClass().getClassLoader() }}",
            "{{ messages.stream().count() }}",
            "{{ ____int3rpr3t3r____.config }}")) {
      ChatTemplate template = ChatTemplate.of(attack, TOKENS);
      try {
        String output = template.render(QUESTION, true);
        assertFalse(
            output.contains("class") || output.contains("java") || output.length() > 100,
            () -> attack + " gives " + output);
      } catch (IllegalArgumentException e) {
        assertTrue(e.getMessage().startsWith("Cannot render the chat template"), e.getMessage());
      }
    }
  }

  @Test
  void aTemplateThatGrowsWithoutBoundIsStopped() {
    String bomb =
        "{% for a in range(1000) %}{% for b in range(1000) %}{{ messages[0]['content'] }}"
            + "{% endfor %}{% endfor %}";
    ChatTemplate template = ChatTemplate.of(bomb, TOKENS);
    List<ChatMessage> messages = List.of(ChatMessage.user("0123456789".repeat(10_000), 0));
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> template.render(messages, true));
    assertTrue(
        refusal.getMessage().startsWith("Cannot render the chat template"), refusal.getMessage());
  }

  @Test
  void aTemplateThatDoesNotParseIsRefused() {
    ChatTemplate template = ChatTemplate.of("a\n{% for x in %}", TOKENS);
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> template.render(QUESTION, true));
    assertTrue(refusal.getMessage().contains("for x in"), refusal.getMessage());
    refusal =
        assertThrows(
            IllegalArgumentException.class, () -> ChatTemplate.of("a\n\n{{ 'b }}", TOKENS));
    assertTrue(
        refusal.getMessage().contains("a text in quotes of line 3 is not closed"),
        refusal.getMessage());
  }

  @Test
  void theTemplateIsFoundInEachOfItsPlaces(@TempDir Path folder) throws IOException {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> ChatTemplate.load(folder));
    assertTrue(refusal.getMessage().contains("Set model.chat-template"), refusal.getMessage());

    Path config = folder.resolve("tokenizer_config.json");
    Files.writeString(config, "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"x\"}]}");
    refusal = assertThrows(IllegalArgumentException.class, () -> ChatTemplate.load(folder));
    assertTrue(refusal.getMessage().contains("no template named default among [rag]"));
    Files.writeString(
        config,
        """
        {"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null,
         "chat_template": [{"name": "tool_use", "template": "tools"},
                           {"name": "default", "template": "{{ bos_token }}fourth{{ eos_token }}"}]}
        """);
    ChatTemplate template = ChatTemplate.load(folder);
    assertEquals("<s>fourth</s>", template.render(QUESTION, true));
    assertEquals("<s>", template.token("bos_token").orElseThrow());
    assertTrue(template.token("pad_token").isEmpty());

    Files.writeString(folder.resolve("processor_config.json"), "{\"chat_template\": \"third\"}");
    assertEquals("third", ChatTemplate.load(folder).source(), "the tokenizer's may know no images");
    Files.writeString(folder.resolve("chat_template.jinja"), "second");
    assertEquals("second", ChatTemplate.load(folder).source());
    Files.writeString(folder.resolve("chat_template.json"), "{\"chat_template\": \"first\"}");
    assertEquals("first", ChatTemplate.load(folder).source());

    Files.writeString(config, "{\"chat_template\": ");
    refusal = assertThrows(IllegalArgumentException.class, () -> ChatTemplate.load(folder));
    assertTrue(refusal.getMessage().contains("not JSON"), refusal.getMessage());
  }

  @Test
  void aTemplateThatIsNullIsNone(@TempDir Path folder) throws IOException {
    Files.writeString(folder.resolve("chat_template.json"), "{\"chat_template\": null}");
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"chat_template\": \"x\"}");
    assertEquals("x", ChatTemplate.load(folder).source());
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"chat_template\": null}");
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> ChatTemplate.load(folder));
    assertTrue(
        refusal.getMessage().startsWith("Cannot find a chat template"), refusal.getMessage());
  }

  @Test
  void theHashIsThatOfTheTemplatesText() {
    assertEquals(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ChatTemplate.of("abc", TOKENS).sha256());
  }

  @Test
  void threadsRenderTheSame() throws Exception {
    ChatTemplate template = ChatTemplate.of(Templates.QWEN2_VL, TOKENS);
    String expected = template.render(CONVERSATION, true);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      Callable<String> task = () -> template.render(CONVERSATION, true);
      for (Future<String> rendered :
          threads.invokeAll(IntStream.range(0, 200).mapToObj(i -> task).toList())) {
        assertEquals(expected, rendered.get());
      }
    } finally {
      threads.shutdown();
    }
  }
}

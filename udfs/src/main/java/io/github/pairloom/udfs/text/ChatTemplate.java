package io.github.pairloom.udfs.text;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.InterpreterFactory;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.interpret.TemplateError.ErrorType;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The chat template of a model: what turns a conversation into the one text the model was trained
 * on. Templates are Jinja as Hugging Face's {@code apply_chat_template} renders it: {@code
 * trim_blocks} and {@code lstrip_blocks} on, {@code raise_exception} defined, the methods of
 * Python's strings at hand.
 *
 * <p>A template that walks through the parts of a message's content gets parts: first {@code {type:
 * image}} once per image, then {@code {type: text, text: ..}}. One that takes content for a text
 * gets the text, and before it the image token and a newline per image, as LLaVA's own training
 * data has it. Which of the two it is, is found by rendering a probe.
 *
 * <p>A template is a program from someone else. It sees the messages and the spellings of the
 * tokens, can call nothing but Jinja's filters and harmless methods of strings, lists and maps, and
 * is stopped when its output grows beyond 8 million characters. What a message says is never
 * interpreted as template.
 *
 * <p>Safe for use by several threads at once; they render one after the other.
 */
public final class ChatTemplate {
  private static final long MAX_OUTPUT_CHARS = 8_000_000;
  private static final int MAX_ELEMENTS = 100_000;
  private static final String PROBE_TEXT = "\uFDD0";
  private static final String PROBE_LEAK = "\uFDD1";
  private static final String DEFAULT_IMAGE_TOKEN = "<image>";

  /** Files that may have the template, the first that has one counts. */
  private static final List<String> PLACES =
      List.of(
          "chat_template.json",
          "chat_template.jinja",
          "processor_config.json",
          "tokenizer_config.json");

  private final String source;
  private final String origin;
  private final Map<String, String> tokens;
  private final Jinjava jinjava;
  private final String resolvedSource;
  private final ContentForm contentForm;

  private enum ContentForm {
    PARTS,
    TEXT
  }

  private ChatTemplate(String source, String origin, Map<String, String> tokens) {
    this.source = requireNonNull(source, "source is null");
    this.origin = origin;
    this.tokens = Map.copyOf(tokens);
    if (source.isBlank()) {
      throw new IllegalArgumentException(
          "Invalid chat template (%s): blank. Set model.chat-template in the recipe."
              .formatted(origin));
    }
    if (Marked.hasMarks(source)) {
      throw new IllegalArgumentException(
          "Invalid chat template (%s): has characters of plane 15 (private use), which mark users' texts. Remove them."
              .formatted(origin));
    }
    this.resolvedSource = resolve(source, origin);
    this.jinjava = newJinjava();
    this.contentForm = takesParts() ? ContentForm.PARTS : ContentForm.TEXT;
  }

  /**
   * Returns the chat template of a model folder, as Hugging Face's processors find it: {@code
   * chat_template} of {@code chat_template.json} (a text, or a list of named ones of which {@code
   * default} is taken), else the text of {@code chat_template.jinja}, else {@code chat_template} of
   * {@code processor_config.json}, else of {@code tokenizer_config.json}, whose template may be
   * that of the language model alone, which knows no images.
   *
   * @throws IllegalArgumentException if the folder has none
   */
  public static ChatTemplate load(Path folder) throws IOException {
    for (String name : PLACES) {
      Path file = folder.resolve(name);
      Optional<String> source = read(file);
      if (source.isPresent()) {
        return new ChatTemplate(source.get(), file.toString(), tokens(folder));
      }
    }
    throw new IllegalArgumentException(
        "Cannot find a chat template in %s: there is no chat_template.jinja, and none of chat_template.json, processor_config.json and tokenizer_config.json has the key chat_template. Set model.chat-template in the recipe."
            .formatted(folder));
  }

  /** Returns a chat template given as text, with the token spellings of a model folder. */
  public static ChatTemplate of(String source, Path folder) throws IOException {
    return new ChatTemplate(source, "model.chat-template", tokens(folder));
  }

  /**
   * Returns a chat template given as text.
   *
   * @param tokens spellings of tokens by the names templates know them by, such as {@code
   *     bos_token}; {@code image_token} is what stands for an image before a plain text
   */
  public static ChatTemplate of(String source, Map<String, String> tokens) {
    return new ChatTemplate(source, "model.chat-template", tokens);
  }

  /**
   * Returns a conversation as the model is to read it.
   *
   * @param addGenerationPrompt whether the assistant's turn is opened at the end
   * @throws IllegalArgumentException if the template refuses the messages or cannot be rendered
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return render(
        messages.stream()
            .map(m -> message(m.role(), contentForm == ContentForm.PARTS ? parts(m) : text(m)))
            .toList(),
        Map.of(),
        addGenerationPrompt);
  }

  /** Returns the template's own text. */
  public String source() {
    return source;
  }

  /** Returns the SHA-256 (hex) of the template's text in UTF-8. */
  public String sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(digest.digest(source.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Returns the spelling of a token by its name, such as {@code bos_token}. */
  public Optional<String> token(String name) {
    return Optional.ofNullable(tokens.get(name));
  }

  private synchronized String render(
      List<Map<String, Object>> messages, Map<String, Object> more, boolean addGenerationPrompt) {
    Map<String, Object> variables = new HashMap<>(tokens);
    variables.putAll(more);
    variables.put("messages", messages);
    variables.put("add_generation_prompt", addGenerationPrompt);
    RenderResult result = jinjava.renderForResult(resolvedSource, variables);
    for (TemplateError error : result.getErrors()) {
      if (error.getSeverity() == ErrorType.FATAL) {
        throw new IllegalArgumentException(
            "Cannot render the chat template (%s): %s. Change the messages, or set model.chat-template in the recipe."
                .formatted(origin, reason(error)),
            error.getException());
      }
    }
    return result.getOutput();
  }

  private static String reason(TemplateError error) {
    for (Throwable t = error.getException(); t != null; t = t.getCause()) {
      if (t instanceof Refusal) {
        return "it refuses them, saying: " + t.getMessage();
      }
    }
    return error.getMessage();
  }

  private static String resolve(String source, String origin) {
    try {
      return JinjaSource.resolve(source);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "Invalid chat template (%s): %s. Change it, or set model.chat-template in the recipe."
              .formatted(origin, e.getMessage()),
          e);
    }
  }

  private boolean takesParts() {
    Map<String, Object> image = Map.of("type", "image");
    Map<String, Object> text = Map.of("type", "text", "text", PROBE_TEXT, "leak", PROBE_LEAK);
    try {
      String seen = render(List.of(message("user", List.of(image, text))), Map.of(), true);
      String blind = render(List.of(message("user", List.of(text))), Map.of(), true);
      // A template that takes the list for a text prints it, leak and all.
      return seen.contains(PROBE_TEXT) && !seen.contains(PROBE_LEAK) && !seen.equals(blind);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static Map<String, Object> message(String role, Object content) {
    return Map.of("role", role, "content", content);
  }

  private static List<Map<String, Object>> parts(ChatMessage message) {
    List<Map<String, Object>> parts = new ArrayList<>();
    for (int i = 0; i < message.imageCount(); i++) {
      parts.add(Map.of("type", "image"));
    }
    parts.add(Map.of("type", "text", "text", message.text()));
    return parts;
  }

  private String text(ChatMessage message) {
    String imageToken = tokens.getOrDefault("image_token", DEFAULT_IMAGE_TOKEN);
    return (imageToken + "\n").repeat(message.imageCount()) + message.text();
  }

  private static Optional<String> read(Path file) throws IOException {
    if (file.toString().endsWith(".jinja")) {
      return Files.exists(file) ? Optional.of(Files.readString(file)) : Optional.empty();
    }
    return ModelFolder.read(file)
        .filter(config -> config.hasNonNull("chat_template"))
        .map(config -> defaultTemplate(config.get("chat_template"), file));
  }

  private static String defaultTemplate(JsonNode value, Path file) {
    if (value.isTextual()) {
      return value.textValue();
    }
    List<String> names = new ArrayList<>();
    for (JsonNode named : value) {
      if (named.path("name").asText().equals("default") && named.path("template").isTextual()) {
        return named.path("template").textValue();
      }
      names.add(named.path("name").asText());
    }
    throw new IllegalArgumentException(
        "Cannot use chat_template of %s: no template named default among %s. Set model.chat-template in the recipe."
            .formatted(file, names));
  }

  private static Map<String, String> tokens(Path folder) throws IOException {
    Map<String, String> tokens = new HashMap<>();
    for (String name : List.of("processor_config.json", "tokenizer_config.json")) {
      Optional<JsonNode> config = ModelFolder.read(folder.resolve(name));
      if (config.isPresent()) {
        config
            .get()
            .properties()
            .forEach(
                e -> {
                  if (e.getKey().endsWith("_token")) {
                    ModelFolder.tokenText(e.getValue())
                        .ifPresent(token -> tokens.put(e.getKey(), token));
                  }
                });
      }
    }
    return tokens;
  }

  private static Jinjava newJinjava() {
    Jinjava jinjava =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withLegacyOverrides(
                    LegacyOverrides.newBuilder()
                        .withEvaluateMapKeys(true)
                        .withIterateOverMapKeys(true)
                        .withUsePyishObjectMapper(true)
                        .withUseNaturalOperatorPrecedence(true)
                        .withParseWhitespaceControlStrictly(true)
                        .withAllowAdjacentTextNodes(true)
                        .withKeepNullableLoopValues(true)
                        .build())
                .withInterperterFactory(new VerbatimTexts())
                // Or a message that has {{ or {% in it would be run.
                .withNestedInterpretationEnabled(false)
                .withElResolver(new TemplateResolver())
                .withMaxOutputSize(MAX_OUTPUT_CHARS)
                .withMaxStringLength(MAX_OUTPUT_CHARS)
                .withMaxListSize(MAX_ELEMENTS)
                .withMaxMapSize(MAX_ELEMENTS)
                .build());
    jinjava.registerFunction(
        new ELFunctionDefinition(
            "", "raise_exception", ChatTemplate.class, "raiseException", Object.class));
    jinjava.registerTag(new GenerationTag());
    return jinjava;
  }

  /** What templates call as {@code raise_exception}; looked up by name. */
  static String raiseException(Object message) {
    throw new Refusal(String.valueOf(message));
  }

  /** Writes a text as it is, where Jinjava would write control characters as JSON escapes. */
  private static final class VerbatimTexts implements InterpreterFactory {
    @Override
    public JinjavaInterpreter newInstance(JinjavaInterpreter original) {
      return new Interpreter(original);
    }

    @Override
    public JinjavaInterpreter newInstance(Jinjava jinjava, Context context, JinjavaConfig config) {
      return new Interpreter(jinjava, context, config);
    }

    private static final class Interpreter extends JinjavaInterpreter {
      Interpreter(JinjavaInterpreter original) {
        super(original);
      }

      Interpreter(Jinjava jinjava, Context context, JinjavaConfig config) {
        super(jinjava, context, config);
      }

      @Override
      public String getAsString(Object value) {
        return value instanceof String text ? text : super.getAsString(value);
      }
    }
  }

  private static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Refusal(String message) {
      super(message);
    }
  }
}

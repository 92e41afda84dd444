package io.github.pairloom.udfs.text;

import static java.util.Objects.requireNonNull;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;

/**
 * The tokenizer of a model folder ({@code tokenizer.json}), opened without a network. It neither
 * truncates nor pads nor adds tokens of its own.
 *
 * <p>Control tokens are those marked special in {@code tokenizer.json}, those that {@code
 * tokenizer_config.json}, {@code special_tokens_map.json} and {@code processor_config.json} name
 * (such as {@code eos_token} or {@code image_token}), and those named when opening. {@link
 * #encodePlain} never gives the id of one, whatever the text spells.
 *
 * <p>Safe for use by several threads at once, except {@link #close}: the native tokenizer is not
 * changed after loading.
 */
public final class TextTokenizer implements AutoCloseable {
  private static final Map<String, String> OPTIONS =
      Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false");
  private static final List<String> CONFIGS =
      List.of("tokenizer_config.json", "special_tokens_map.json", "processor_config.json");

  private final Path file;
  private final HuggingFaceTokenizer tokenizer;
  private final Map<String, Integer> vocabulary;
  private final Map<String, Integer> controlTokens;
  private final Map<Integer, String> controlTokensById = new HashMap<>();
  private final Map<Character, List<String>> controlTokensByFirstChar = new HashMap<>();
  private final String unknown;
  private final int[] promptPrefix;
  private HuggingFaceTokenizer disguised;

  private TextTokenizer(
      Path file,
      HuggingFaceTokenizer tokenizer,
      Map<String, Integer> vocabulary,
      Map<String, Integer> controlTokens,
      String unknown) {
    this.file = file;
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
    this.controlTokens = Collections.unmodifiableMap(controlTokens);
    controlTokens.forEach(
        (token, id) -> {
          controlTokensById.put(id, token);
          controlTokensByFirstChar
              .computeIfAbsent(token.charAt(0), c -> new ArrayList<>())
              .add(token);
        });
    this.unknown = unknown;
    this.promptPrefix = leadingTokens(tokenizer);
  }

  /** Opens the tokenizer of a model folder. */
  public static TextTokenizer open(Path folder) throws IOException {
    return open(folder, Set.of());
  }

  /**
   * Opens the tokenizer of a model folder.
   *
   * @param moreControlTokens spellings of further control tokens, such as the image token of a
   *     model whose files do not mark it
   * @throws IllegalArgumentException if there is no {@code tokenizer.json}, if it cannot be loaded,
   *     or if one of {@code moreControlTokens} is not in it
   */
  public static TextTokenizer open(Path folder, Collection<String> moreControlTokens)
      throws IOException {
    Path file = folder.resolve("tokenizer.json");
    JsonNode json =
        ModelFolder.read(file)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "Cannot open the tokenizer of %s: no tokenizer.json. Convert the model's own tokenizer with transformers' save_pretrained (use_fast=True)."
                            .formatted(folder)));
    Map<String, Integer> vocabulary = vocabulary(json);
    Set<String> named = new HashSet<>(moreControlTokens);
    for (String config : CONFIGS) {
      ModelFolder.read(folder.resolve(config)).ifPresent(c -> named.addAll(namedTokens(c)));
    }
    Map<String, Integer> controlTokens = new TreeMap<>();
    for (JsonNode added : json.path("added_tokens")) {
      String content = added.path("content").asText();
      if (!content.isEmpty() && (added.path("special").asBoolean() || named.contains(content))) {
        controlTokens.put(content, added.path("id").asInt());
      }
    }
    for (String token : moreControlTokens) {
      if (!controlTokens.containsKey(token)) {
        throw new IllegalArgumentException(
            "Cannot use %s as a control token: it is not among the added tokens of %s (%s). Name the token as the model's files spell it."
                .formatted(token, file, controlTokens.keySet()));
      }
    }
    JsonNode unknown = json.path("model").path("unk_token");
    try (InputStream stream = Files.newInputStream(file)) {
      return new TextTokenizer(
          file, load(stream, file), vocabulary, controlTokens, unknown.asText(""));
    }
  }

  /**
   * Returns the tokens of a text in which control tokens are what they spell.
   *
   * @throws IllegalArgumentException if the text has half of a surrogate pair
   */
  public Tokens encode(String text) {
    return encode(tokenizer, text);
  }

  /**
   * Returns the tokens of a text that is only text: none of them is a control token. A text that
   * spells no control token gives what {@link #encode} gives.
   *
   * @throws IllegalArgumentException if the text has half of a surrogate pair
   */
  public Tokens encodePlain(String text) {
    Tokens tokens = encode(text);
    if (controlTokensIn(text).isEmpty() && isPlain(tokens)) {
      return tokens;
    }
    return encodeDisguised(Marked.mark(text), text);
  }

  /**
   * Returns the tokens of a rendered chat template, in which the control tokens of the template are
   * control tokens and those that the marked text spells are not.
   *
   * @param rendered the rendering as the model's own processor would make it
   * @param marked the same with the characters of the users' texts {@linkplain Marked marked}
   */
  int[] encodeRendered(String rendered, String marked) {
    List<String> expected = controlTokensIn(marked);
    if (controlTokensIn(rendered).equals(expected)) {
      Tokens tokens = encode(rendered);
      if (controlTokensOf(tokens).equals(withoutUnknown(expected))) {
        return tokens.ids();
      }
    }
    return encodeDisguised(marked, Marked.unmark(marked)).ids();
  }

  /** Returns the text of a whole sequence of ids, without control tokens. */
  public String decode(int... ids) {
    return tokenizer.decode(
        Arrays.stream(ids).filter(id -> !isControl(id)).asLongStream().toArray(), true);
  }

  /**
   * Returns the text that {@code continuation} adds to that of {@code prefix}: what stands after
   * the longest common beginning of both decodings, as a token decoded alone may lose the space
   * before it or half of a character. A character begun in the prefix and finished by the
   * continuation belongs to the continuation, where the prefix alone shows U+FFFD.
   */
  public String decodeDelta(int[] prefix, int[] continuation) {
    int[] both = Arrays.copyOf(prefix, prefix.length + continuation.length);
    System.arraycopy(continuation, 0, both, prefix.length, continuation.length);
    String before = decode(prefix);
    String after = decode(both);
    int common = 0;
    while (common < Math.min(before.length(), after.length())
        && before.charAt(common) == after.charAt(common)) {
      common++;
    }
    if (common > 0
        && common < after.length()
        && Character.isSurrogatePair(after.charAt(common - 1), after.charAt(common))) {
      common--;
    }
    return after.substring(common);
  }

  /** Returns the id of a token as the vocabulary spells it, or empty if there is none. */
  public OptionalInt idOf(String token) {
    Integer id = vocabulary.get(requireNonNull(token, "token is null"));
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /** Returns the ids of the control tokens by their spelling. */
  public Map<String, Integer> controlTokens() {
    return controlTokens;
  }

  /** Returns whether {@code id} is that of a control token. */
  public boolean isControl(int id) {
    return controlTokensById.containsKey(id);
  }

  /** Returns the number of ids: the largest plus one. A model may have more rows than that. */
  public int vocabularySize() {
    return Collections.max(vocabulary.values()) + 1;
  }

  /**
   * Returns what the tokenizer puts before a text when asked to add its control tokens, such as the
   * beginning of the sequence. What it would put after the text is no part of a prompt that is to
   * be continued.
   */
  int[] promptPrefix() {
    return promptPrefix.clone();
  }

  /** Releases the native tokenizer. */
  @Override
  public synchronized void close() {
    tokenizer.close();
    if (disguised != null) {
      disguised.close();
    }
  }

  /**
   * Returns the control tokens spelled in a text, leftmost first, the longest where several fit.
   */
  private List<String> controlTokensIn(String text) {
    List<String> found = new ArrayList<>();
    forEachPiece(
        text,
        (piece, isControl) -> {
          if (isControl) {
            found.add(piece);
          }
        });
    return found;
  }

  private void forEachPiece(String text, PieceConsumer consumer) {
    int from = 0;
    int at = 0;
    while (at < text.length()) {
      String longest = "";
      for (String token : controlTokensByFirstChar.getOrDefault(text.charAt(at), List.of())) {
        if (token.length() > longest.length() && text.startsWith(token, at)) {
          longest = token;
        }
      }
      if (longest.isEmpty()) {
        at++;
      } else {
        consumer.accept(text.substring(from, at), false);
        consumer.accept(longest, true);
        at += longest.length();
        from = at;
      }
    }
    consumer.accept(text.substring(from), false);
  }

  private interface PieceConsumer {
    void accept(String piece, boolean isControl);
  }

  /** An unknown character gives the unknown token too, which is no sign of a spelled one. */
  private List<String> withoutUnknown(List<String> tokens) {
    return tokens.stream().filter(token -> !token.equals(unknown)).toList();
  }

  private List<String> controlTokensOf(Tokens tokens) {
    return withoutUnknown(
        Arrays.stream(tokens.ids())
            .filter(this::isControl)
            .mapToObj(controlTokensById::get)
            .toList());
  }

  private boolean isPlain(Tokens tokens) {
    return controlTokensOf(tokens).isEmpty();
  }

  /**
   * Encodes with a tokenizer to which control tokens have other spellings, made of noncharacters:
   * the template's are put in their disguise, the users' are left as they are and mean nothing.
   */
  private Tokens encodeDisguised(String marked, String text) {
    if (text.chars().anyMatch(Disguise::isReserved)) {
      throw new IllegalArgumentException(
          "Cannot encode a text that spells a control token and has a noncharacter (U+FDD0 to U+FDEF) too. Remove the noncharacter.");
    }
    StringBuilder input = new StringBuilder();
    List<String> expected = new ArrayList<>();
    forEachPiece(
        marked,
        (piece, isControl) -> {
          if (isControl) {
            expected.add(piece);
            input.append(Disguise.of(controlTokens.get(piece)));
          } else {
            input.append(Marked.unmark(piece));
          }
        });
    Tokens tokens = encode(disguised(), input.toString());
    Map<String, Integer> surplus = new HashMap<>();
    controlTokensOf(tokens).forEach(token -> surplus.merge(token, 1, Integer::sum));
    expected.forEach(token -> surplus.merge(token, -1, Integer::sum));
    if (surplus.values().stream().anyMatch(n -> n > 0)) {
      throw new IllegalStateException(
          "Tokenizer %s makes control tokens of plain text: %s more than the template has"
              .formatted(file, surplus));
    }
    return tokens;
  }

  private synchronized HuggingFaceTokenizer disguised() {
    if (disguised == null) {
      try {
        disguised = load(Disguise.read(file, controlTokens), file);
      } catch (IOException e) {
        throw new IllegalStateException("Cannot read %s again".formatted(file), e);
      }
      controlTokens.forEach(
          (token, id) -> {
            int[] ids = encode(disguised, Disguise.of(id)).ids();
            if (Arrays.stream(ids).noneMatch(found -> found == id)) {
              throw new IllegalStateException(
                  "Tokenizer %s gives %s for %s (must contain %s)"
                      .formatted(file, Arrays.toString(ids), token, id));
            }
          });
    }
    return disguised;
  }

  private static Tokens encode(HuggingFaceTokenizer tokenizer, String text) {
    int[] chars = charIndices(text);
    Encoding encoding = tokenizer.encode(text, false, false);
    CharSpan[] spans = encoding.getCharTokenSpans();
    int[] ids = toInts(encoding.getIds());
    int[] starts = new int[ids.length];
    int[] ends = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      // A token that stands for no character of the text (an added prefix) has no span.
      int before = i == 0 ? 0 : ends[i - 1];
      int start = spans[i] == null ? before : chars[spans[i].getStart()];
      int end = spans[i] == null ? before : chars[spans[i].getEnd()];
      starts[i] = firstNonSpace(text, start, end);
      ends[i] = end;
    }
    return new Tokens(ids, starts, ends);
  }

  private static int firstNonSpace(String text, int start, int end) {
    for (int i = start; i < end; i++) {
      if (!Character.isWhitespace(text.charAt(i))) {
        return i;
      }
    }
    return start;
  }

  /** The native tokenizer counts code points. */
  private static int[] charIndices(String text) {
    int[] indices = new int[text.length() + 1];
    int count = 0;
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      if (Character.isSurrogate(text.charAt(i))
          && !Character.isSupplementaryCodePoint(text.codePointAt(i))) {
        throw new IllegalArgumentException(
            "Cannot encode a text with half of a surrogate pair (char %s of %s). Replace it with U+FFFD."
                .formatted(i, text.length()));
      }
      indices[count++] = i;
    }
    indices[count] = text.length();
    return indices;
  }

  private static int[] toInts(long[] ids) {
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  private static int[] leadingTokens(HuggingFaceTokenizer tokenizer) {
    long[] bare = tokenizer.encode("a", false, false).getIds();
    long[] dressed = tokenizer.encode("a", true, false).getIds();
    for (int at = 0; at + bare.length <= dressed.length; at++) {
      if (Arrays.equals(bare, Arrays.copyOfRange(dressed, at, at + bare.length))) {
        return toInts(Arrays.copyOf(dressed, at));
      }
    }
    return new int[0];
  }

  private static Map<String, Integer> vocabulary(JsonNode json) {
    Map<String, Integer> vocabulary = new HashMap<>();
    JsonNode model = json.path("model").path("vocab");
    if (model.isArray()) {
      for (int id = 0; id < model.size(); id++) {
        vocabulary.put(model.get(id).path(0).asText(), id);
      }
    } else {
      model.properties().forEach(e -> vocabulary.put(e.getKey(), e.getValue().asInt()));
    }
    for (JsonNode added : json.path("added_tokens")) {
      vocabulary.put(added.path("content").asText(), added.path("id").asInt());
    }
    return vocabulary;
  }

  private static Set<String> namedTokens(JsonNode config) {
    Set<String> named = new HashSet<>();
    config
        .properties()
        .forEach(
            e -> {
              if (e.getKey().endsWith("_token")) {
                ModelFolder.tokenText(e.getValue()).ifPresent(named::add);
              } else if (e.getKey().endsWith("_special_tokens")) {
                e.getValue().forEach(v -> ModelFolder.tokenText(v).ifPresent(named::add));
              }
            });
    return named;
  }

  private static HuggingFaceTokenizer load(InputStream json, Path file) throws IOException {
    OnnxEngine.goOffline();
    try {
      return HuggingFaceTokenizer.newInstance(json, OPTIONS);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          "Cannot load %s: %s. Check that the file is complete and of a fast tokenizer."
              .formatted(file, e.getMessage()),
          e);
    }
  }
}

package io.github.pairloom.jobs.ingest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.jobs.recipe.SourceSettings;
import io.github.pairloom.schemas.Condition;
import io.github.pairloom.schemas.Turn;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Reads the text of a source row: a conversation as LLaVA ({@code from}, {@code value}) or chat
 * models ({@code role}, {@code content}) write it, or a prompt and a response. A response without a
 * prompt is a caption.
 *
 * <p>The image stands where the marker {@code <image>} stands. A conversation holds it once, in a
 * user turn; a bare prompt may leave it out. The marker is removed with the line break beside it:
 * wherever it stood, the image belongs to the first user turn.
 *
 * <p>Texts come without white space and byte order marks at their ends: rejected responses that a
 * model writes have none there, and it would tell the sides apart.
 */
final class ConversationParser {
  /** Each answer becomes a sample that repeats the turns before it: half a million of these. */
  private static final int MAX_TURNS = 1000;

  private static final String MARKER = "<image>";
  private static final char BYTE_ORDER_MARK = '\uFEFF';
  private static final String MESSAGES = "messages";

  /** A caption's name among further fields: the ending of its file. */
  private static final String CAPTION = "txt";

  private static final Map<String, String> ROLES =
      Map.of(
          "human", Turn.USER,
          "user", Turn.USER,
          "gpt", Turn.ASSISTANT,
          "assistant", Turn.ASSISTANT,
          "system", Turn.SYSTEM);

  private final SourceSettings settings;

  ConversationParser(SourceSettings settings) {
    this.settings = settings;
  }

  /**
   * Returns the conversation in {@code fields}.
   *
   * @param fields the row without its image; fields that are read are removed
   * @throws BadRowException if there is none, or it cannot be told who says what about the image
   */
  Conversation parse(ObjectNode fields) {
    checkText(fields);
    List<Turn> turns;
    if (isGiven(fields, settings.conversationsColumn())) {
      turns = turns(fields.remove(settings.conversationsColumn()));
      checkMarkers(turns, 1);
    } else if (isGiven(fields, MESSAGES)) {
      turns = turns(fields.remove(MESSAGES));
      checkMarkers(turns, 1);
    } else {
      turns = promptAndResponse(fields);
      checkMarkers(turns, 0);
    }
    Condition condition = condition(fields);
    return new Conversation(
        turns.stream()
            .map(turn -> new Turn(turn.role(), stripped(withoutMarker(turn.content()))))
            .toList(),
        condition,
        fields.isEmpty() ? null : fields.toString());
  }

  /** Takes the preferences of the row; blank ones are none. */
  private Condition condition(ObjectNode fields) {
    String provider = preference(fields, settings.providerPreferenceColumn());
    String user = preference(fields, settings.userPreferenceColumn());
    return provider == null && user == null ? null : new Condition(provider, user);
  }

  private static String preference(ObjectNode fields, String key) {
    JsonNode given = fields.remove(key);
    if (given == null || given.isNull()) {
      return null;
    }
    String text = stripped(plainText(key, given));
    return text.isEmpty() ? null : text;
  }

  /**
   * Adds a caption to {@code fields}: as the response, or as a further field where they hold one or
   * a conversation.
   *
   * @throws BadRowException if it is the response and not UTF-8
   */
  void addCaption(byte[] caption, ObjectNode fields) {
    if (!hasResponse(fields)) {
      fields.put(settings.responseColumn(), strictUtf8(caption));
    } else if (!fields.has(CAPTION)) {
      // Whatever it is, the row is good without it.
      fields.put(CAPTION, new String(caption, StandardCharsets.UTF_8));
    }
  }

  private static String strictUtf8(byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new BadRowException(RowDefect.NOT_UTF_8, "the caption is not UTF-8");
    }
  }

  private boolean hasResponse(ObjectNode fields) {
    return isGiven(fields, settings.conversationsColumn())
        || isGiven(fields, MESSAGES)
        || isGiven(fields, settings.responseColumn());
  }

  private List<Turn> promptAndResponse(ObjectNode fields) {
    if (!hasResponse(fields) && !isGiven(fields, settings.promptColumn())) {
      throw new BadRowException(
          RowDefect.CONVERSATION_NOT_GIVEN,
          "no field '%s', 'messages', '%s' or '%s'"
              .formatted(
                  settings.conversationsColumn(),
                  settings.promptColumn(),
                  settings.responseColumn()));
    }
    List<Turn> turns = new ArrayList<>();
    turns.add(
        new Turn(
            Turn.USER,
            isGiven(fields, settings.promptColumn())
                ? plainText(settings.promptColumn(), fields.get(settings.promptColumn()))
                : settings.captionPrompt()));
    if (isGiven(fields, settings.responseColumn())) {
      turns.add(
          new Turn(
              Turn.ASSISTANT,
              plainText(settings.responseColumn(), fields.get(settings.responseColumn()))));
    }
    fields.remove(List.of(settings.promptColumn(), settings.responseColumn()));
    return turns;
  }

  private static List<Turn> turns(JsonNode conversation) {
    if (!conversation.isArray()) {
      throw new BadRowException(
          RowDefect.CONVERSATION_MALFORMED, "not a list of turns but " + kind(conversation));
    }
    if (conversation.size() > MAX_TURNS) {
      throw new BadRowException(
          RowDefect.TOO_MANY_TURNS,
          "%s turns (limit %s)".formatted(conversation.size(), MAX_TURNS));
    }
    List<Turn> turns = new ArrayList<>();
    for (JsonNode turn : conversation) {
      turns.add(turn(turns.size(), turn));
    }
    checkOrder(turns);
    return turns;
  }

  private static Turn turn(int number, JsonNode turn) {
    if (!turn.isObject()) {
      throw new BadRowException(
          RowDefect.CONVERSATION_MALFORMED, "turn " + number + " is " + kind(turn));
    }
    String speaker = turn.path(turn.has("from") ? "from" : "role").asText("");
    String role = ROLES.get(speaker);
    if (role == null) {
      throw new BadRowException(
          RowDefect.UNKNOWN_ROLE,
          "turn %s is by '%s' (known: human, user, gpt, assistant, system)"
              .formatted(number, speaker));
    }
    JsonNode text = turn.path(turn.has("value") ? "value" : "content");
    if (text.isNull() && role.equals(Turn.ASSISTANT)) {
      return new Turn(role, "");
    }
    return new Turn(role, text.isArray() ? joinParts(number, text) : plainText(number, text));
  }

  /** Chat models' content in parts: {@code [{type: image}, {type: text, text: ...}]}. */
  private static String joinParts(int turn, JsonNode parts) {
    StringBuilder text = new StringBuilder();
    for (JsonNode part : parts) {
      switch (part.path("type").asText("")) {
        case "image", "image_url" -> text.append(MARKER);
        case "text" -> text.append(plainText(turn, part.path("text")));
        default ->
            throw new BadRowException(
                RowDefect.CONVERSATION_MALFORMED,
                "turn %s has a part that is neither text nor image".formatted(turn));
      }
    }
    return text.toString();
  }

  private static String plainText(Object where, JsonNode text) {
    if (!text.isTextual()) {
      throw new BadRowException(
          RowDefect.CONVERSATION_MALFORMED,
          "text of %s is %s"
              .formatted(where instanceof Integer n ? "turn " + n : where, kind(text)));
    }
    return text.textValue();
  }

  private static void checkOrder(List<Turn> turns) {
    int first = 0;
    while (first < turns.size() && turns.get(first).role().equals(Turn.SYSTEM)) {
      first++;
    }
    if (first == turns.size()) {
      throw new BadRowException(
          RowDefect.CONVERSATION_EMPTY, "the conversation has %s turns".formatted(turns.size()));
    }
    for (int i = first; i < turns.size(); i++) {
      String expected = (i - first) % 2 == 0 ? Turn.USER : Turn.ASSISTANT;
      if (!turns.get(i).role().equals(expected)) {
        throw new BadRowException(
            RowDefect.TURNS_DO_NOT_ALTERNATE,
            "turn %s is by the %s (expected: %s)".formatted(i, turns.get(i).role(), expected));
      }
    }
  }

  private static void checkMarkers(List<Turn> turns, int least) {
    int count = 0;
    for (Turn turn : turns) {
      int here = countMarkers(turn.content());
      if (here > 0 && !turn.role().equals(Turn.USER)) {
        throw new BadRowException(
            RowDefect.IMAGE_COUNT_MISMATCH, "<image> stands in a turn of the " + turn.role());
      }
      count += here;
    }
    if (count < least || count > 1) {
      throw new BadRowException(
          RowDefect.IMAGE_COUNT_MISMATCH, "<image> stands %s times, images: 1".formatted(count));
    }
  }

  private static int countMarkers(String text) {
    int count = 0;
    for (int at = text.indexOf(MARKER); at >= 0; at = text.indexOf(MARKER, at + 1)) {
      count++;
    }
    return count;
  }

  private static String withoutMarker(String text) {
    int at = text.indexOf(MARKER);
    if (at < 0) {
      return text;
    }
    String before = text.substring(0, at);
    String after = text.substring(at + MARKER.length());
    String rest = after.replaceFirst("^\\r?\\n", "");
    if (rest.equals(after)) {
      before = before.replaceFirst("\\r?\\n$", "");
    }
    return before + rest;
  }

  private static String stripped(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isMargin(text.charAt(from))) {
      from++;
    }
    while (to > from && isMargin(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  private static boolean isMargin(char c) {
    return Character.isWhitespace(c) || c == BYTE_ORDER_MARK;
  }

  private static void checkText(JsonNode node) {
    if (node.isTextual()) {
      checkSurrogates(node.textValue());
    }
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      checkSurrogates(field.getKey());
    }
    for (JsonNode child : node) {
      checkText(child);
    }
  }

  private static void checkSurrogates(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else {
        throw new BadRowException(
            RowDefect.LONE_SURROGATE, "U+%04X alone at character %s".formatted((int) c, i));
      }
    }
  }

  private static boolean isGiven(ObjectNode fields, String key) {
    return fields.hasNonNull(key);
  }

  private static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "a list";
      case OBJECT, POJO -> "an object";
      case STRING, BINARY -> "a text";
      case NUMBER -> "a number";
      case BOOLEAN -> "true or false";
      case NULL, MISSING -> "missing";
    };
  }
}

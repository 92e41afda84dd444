package io.github.pairloom.udfs.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Map;

/**
 * Other spellings for control tokens: U+FDD0, the id in base 16 with the digits U+FDD1 to U+FDE0,
 * U+FDEF. These are noncharacters, which texts for interchange do not have (Unicode 15, section
 * 23.7).
 */
final class Disguise {
  private static final char OPEN = '\uFDD0';
  private static final char ZERO = '\uFDD1';
  private static final char CLOSE = '\uFDEF';

  private Disguise() {}

  static boolean isReserved(int c) {
    return c >= OPEN && c <= CLOSE;
  }

  static String of(int id) {
    StringBuilder spelling = new StringBuilder().append(OPEN);
    for (char digit : Integer.toHexString(id).toCharArray()) {
      spelling.append((char) (ZERO + Character.digit(digit, 16)));
    }
    return spelling.append(CLOSE).toString();
  }

  /**
   * Returns the content of a {@code tokenizer.json} with other spellings for the control tokens.
   * Ids, and the tokens of all other texts, stay as they are.
   */
  static InputStream read(Path file, Map<String, Integer> controlTokens) throws IOException {
    JsonNode json = ModelFolder.read(file).orElseThrow();
    for (JsonNode added : json.path("added_tokens")) {
      Integer id = controlTokens.get(added.path("content").asText());
      if (id != null) {
        ((ObjectNode) added).put("content", of(id));
      }
    }
    if (json.path("model") instanceof ObjectNode model) {
      rename(model, controlTokens);
    }
    return new ByteArrayInputStream(ModelFolder.JSON.writeValueAsBytes(json));
  }

  private static void rename(ObjectNode model, Map<String, Integer> controlTokens) {
    JsonNode vocabulary = model.path("vocab");
    if (vocabulary instanceof ObjectNode ids) {
      controlTokens.forEach(
          (token, id) -> {
            JsonNode value = ids.remove(token);
            if (value != null) {
              ids.set(of(id), value);
            }
          });
    } else {
      for (JsonNode piece : vocabulary) {
        Integer id = controlTokens.get(piece.path(0).asText());
        if (id != null) {
          ((ArrayNode) piece).set(0, TextNode.valueOf(of(id)));
        }
      }
    }
    Integer unknown = controlTokens.get(model.path("unk_token").asText());
    if (unknown != null) {
      model.put("unk_token", of(unknown));
    }
    if (model.path("merges") instanceof ArrayNode merges) {
      for (int i = merges.size() - 1; i >= 0; i--) {
        if (touches(merges.get(i), controlTokens)) {
          merges.remove(i);
        }
      }
    }
  }

  /** A merge is a pair of tokens, or one text with a space between them. */
  private static boolean touches(JsonNode merge, Map<String, Integer> controlTokens) {
    String left = merge.path(0).asText();
    String right = merge.path(1).asText();
    if (merge.isTextual()) {
      int space = merge.textValue().indexOf(' ');
      left = merge.textValue().substring(0, space);
      right = merge.textValue().substring(space + 1);
    }
    return controlTokens.containsKey(left)
        || controlTokens.containsKey(right)
        || controlTokens.containsKey(left + right);
  }
}

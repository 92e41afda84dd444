package io.github.pairloom.jobs.ingest;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;

/** JSON as data sets hold it: numbers kept digit by digit, Python's NaN allowed. */
final class Json {
  /** Text of a row above this is not a conversation. */
  static final int MAX_ROW_BYTES = 64 << 20;

  static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  private static final ObjectReader WHOLE =
      MAPPER.reader().with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private Json() {}

  /**
   * Returns the object that {@code bytes} hold.
   *
   * @throws BadRowException if they are not JSON, or not one object
   */
  static ObjectNode object(byte[] bytes) {
    try {
      return object(WHOLE.readTree(bytes));
    } catch (IOException e) {
      throw new BadRowException(RowDefect.BROKEN_JSON, message(e));
    }
  }

  /** Returns {@code node}, which must be an object. */
  static ObjectNode object(JsonNode node) {
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new BadRowException(
        RowDefect.ROW_NOT_AN_OBJECT, "the row is " + node.getNodeType().name());
  }

  /** Returns what is wrong and where, without a copy of the source. */
  static String message(IOException e) {
    if (e instanceof JsonProcessingException json) {
      return json.getLocation() == null
          ? json.getOriginalMessage()
          : "%s (line %s, column %s)"
              .formatted(
                  json.getOriginalMessage(),
                  json.getLocation().getLineNr(),
                  json.getLocation().getColumnNr());
    }
    return e.toString();
  }
}

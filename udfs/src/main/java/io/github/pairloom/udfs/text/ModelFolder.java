package io.github.pairloom.udfs.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The JSON files of a model folder. */
final class ModelFolder {
  static final ObjectMapper JSON = new ObjectMapper();

  private ModelFolder() {}

  /** Returns the content of a file, or empty if there is no such file. */
  static Optional<JsonNode> read(Path file) throws IOException {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.readTree(file.toFile()));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "Cannot read %s: not JSON, line %s. Fetch the file again."
              .formatted(file, e.getLocation() == null ? "?" : e.getLocation().getLineNr()),
          e);
    }
  }

  /**
   * Returns the spelling of a token that a config gives as a string or as {@code {content: ..}}.
   */
  static Optional<String> tokenText(JsonNode value) {
    JsonNode text = value.isObject() ? value.path("content") : value;
    return text.isTextual() && !text.textValue().isEmpty()
        ? Optional.of(text.textValue())
        : Optional.empty();
  }
}

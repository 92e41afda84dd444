package io.github.pairloom.udfs.strategy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;

/** Further fields of a source's row, as samples keep them. */
final class Extra {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Extra() {}

  /**
   * Returns the texts and numbers at a dotted path, going through every list on the way; none where
   * there is no such path.
   *
   * @param extra one JSON object, or empty
   */
  static List<String> values(String extra, String path) {
    if (extra.isEmpty()) {
      return List.of();
    }
    List<JsonNode> nodes = List.of(parse(extra));
    for (String key : path.split("\\.", -1)) {
      nodes = flat(nodes).stream().map(node -> node.path(key)).toList();
    }
    return flat(nodes).stream().filter(JsonNode::isValueNode).map(JsonNode::asText).toList();
  }

  private static List<JsonNode> flat(List<JsonNode> nodes) {
    List<JsonNode> flat = new ArrayList<>();
    for (JsonNode node : nodes) {
      if (node.isArray()) {
        List<JsonNode> elements = new ArrayList<>();
        node.forEach(elements::add);
        flat.addAll(flat(elements));
      } else if (!node.isNull() && !node.isMissingNode()) {
        flat.add(node);
      }
    }
    return flat;
  }

  private static JsonNode parse(String extra) {
    try {
      return JSON.readTree(extra);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("Invalid extra fields of a sample: no JSON object", e);
    }
  }
}

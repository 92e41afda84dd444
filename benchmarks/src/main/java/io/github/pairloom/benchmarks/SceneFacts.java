package io.github.pairloom.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What is true of a drawn scene, from key {@code facts} of the demo set.
 *
 * @param place where it is, such as beach
 * @param objects the groups of like objects in it
 */
record SceneFacts(String place, List<Thing> objects) {
  /**
   * A group of like objects.
   *
   * @param kind such as boat
   * @param colour such as white
   * @param count how many, from 1
   * @param big whether it is the main subject, drawn big
   * @param position such as left; empty for groups of several
   */
  record Thing(String kind, String colour, int count, boolean big, Optional<String> position) {}

  static SceneFacts of(JsonNode json) {
    List<Thing> objects = new ArrayList<>();
    for (JsonNode object : json.get("objects")) {
      objects.add(
          new Thing(
              object.get("kind").asText(),
              object.get("colour").asText(),
              object.get("count").asInt(),
              object.get("big").asBoolean(),
              Optional.ofNullable(object.get("position").textValue())));
    }
    return new SceneFacts(json.get("place").asText(), objects);
  }

  /** Returns the number of objects in all groups. */
  int total() {
    return objects.stream().mapToInt(Thing::count).sum();
  }
}

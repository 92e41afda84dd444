package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.Condition;
import io.github.pairloom.schemas.Turn;
import java.util.List;

/**
 * The text of a source row.
 *
 * @param turns system turns if any, then user and assistant by turns, from the user on; image
 *     markers removed
 * @param condition preferences under which the responses are good; null where none are stated
 * @param extra fields that are not read, as a JSON object; null where there are none
 */
record Conversation(List<Turn> turns, Condition condition, String extra) {
  Conversation {
    turns = List.copyOf(turns);
  }
}

package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static java.util.Objects.requireNonNull;

/**
 * One turn of a conversation.
 *
 * @param role {@code system}, {@code user} or {@code assistant}
 * @param content the text, without image markers
 */
public record Turn(String role, String content) {
  public static final String SYSTEM = "system";
  public static final String USER = "user";
  public static final String ASSISTANT = "assistant";

  public Turn {
    check(
        SYSTEM.equals(role) || USER.equals(role) || ASSISTANT.equals(role),
        "Invalid role: %s (must be system, user or assistant)",
        role);
    requireNonNull(content, "content is null");
  }
}

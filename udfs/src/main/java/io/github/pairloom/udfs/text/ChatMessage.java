package io.github.pairloom.udfs.text;

import static io.github.pairloom.schemas.Check.check;
import static java.util.Objects.requireNonNull;

import java.util.regex.Pattern;

/**
 * One turn of a conversation. Images come before the text, as the vision-language models of the
 * LLaVA, Idefics and Qwen families were trained.
 *
 * @param role who speaks: {@code user}, {@code assistant}, {@code system} or another name the chat
 *     template knows
 * @param text what is said; plain text, in which the spelling of a control token means nothing
 * @param imageCount number of images shown before the text
 */
public record ChatMessage(String role, String text, int imageCount) {
  private static final Pattern ROLE = Pattern.compile("[a-z]+");

  public ChatMessage {
    requireNonNull(role, "role is null");
    requireNonNull(text, "text is null");
    check(
        ROLE.matcher(role).matches(),
        "Invalid role: %s (must be lower-case letters, such as user or assistant)",
        role);
    check(imageCount >= 0, "Invalid imageCount: %s (must be at least 0)", imageCount);
  }

  /** Returns a user's turn that shows {@code imageCount} images. */
  public static ChatMessage user(String text, int imageCount) {
    return new ChatMessage("user", text, imageCount);
  }

  /** Returns an assistant's turn. */
  public static ChatMessage assistant(String text) {
    return new ChatMessage("assistant", text, 0);
  }

  /** Returns a system turn. */
  public static ChatMessage system(String text) {
    return new ChatMessage("system", text, 0);
  }

  ChatMessage withText(String otherText) {
    return new ChatMessage(role, otherText, imageCount);
  }
}

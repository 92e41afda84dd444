package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;

/**
 * What the parties of a conversation prefer (MetaAlign, arXiv 2410.14184): under another condition
 * another response may be the better one.
 *
 * @param provider what the provider of the model prefers; null where it says nothing
 * @param user what the user prefers; null where the user says nothing
 */
public record Condition(String provider, String user) {
  public Condition {
    check(
        isGiven(provider) || isGiven(user),
        "Invalid condition: neither a provider's nor a user's preference (null stands for none)");
    check(provider == null || isGiven(provider), "Invalid provider preference: blank (or null)");
    check(user == null || isGiven(user), "Invalid user preference: blank (or null)");
  }

  private static boolean isGiven(String text) {
    return text != null && !text.isBlank();
  }
}

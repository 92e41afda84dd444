package io.github.pairloom.udfs.text;

import static io.github.pairloom.schemas.Check.check;

import java.util.Arrays;
import java.util.OptionalInt;

/**
 * A text as tokens: their ids, and where in the text each of them stands.
 *
 * <p>Positions are indices of Java chars, half-open. A span starts at the token's first character
 * that is not whitespace, whatever the tokenizer does with the space before a word; a token of
 * nothing but whitespace covers that. The bytes of one character may be spread over several tokens,
 * all of which then have the span of that character.
 */
public final class Tokens {
  private final int[] ids;
  private final int[] starts;
  private final int[] ends;

  Tokens(int[] ids, int[] starts, int[] ends) {
    check(
        ids.length == starts.length && ids.length == ends.length,
        "Invalid tokens: %s ids, %s starts, %s ends (must be as many)",
        ids.length,
        starts.length,
        ends.length);
    this.ids = ids;
    this.starts = starts;
    this.ends = ends;
  }

  /** Returns the number of tokens. */
  public int size() {
    return ids.length;
  }

  /** Returns the ids, in a new array. */
  public int[] ids() {
    return ids.clone();
  }

  /** Returns the id of token {@code index}. */
  public int id(int index) {
    return ids[index];
  }

  /** Returns the index of the first char of token {@code index}. */
  public int start(int index) {
    return starts[index];
  }

  /** Returns the index after the last char of token {@code index}. */
  public int end(int index) {
    return ends[index];
  }

  /**
   * Returns the index of the token that begins at {@code position}, so that the tokens before it
   * cover the text before it and nothing else; empty if a token covers the seam or if no token
   * begins there. Space between {@code position} and the token before it may belong to either side.
   */
  public OptionalInt beginningAt(int position) {
    for (int i = 0; i < ids.length; i++) {
      if (starts[i] == position) {
        return OptionalInt.of(i);
      }
      if (ends[i] > position) {
        return OptionalInt.empty();
      }
    }
    return OptionalInt.empty();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Tokens tokens
        && Arrays.equals(ids, tokens.ids)
        && Arrays.equals(starts, tokens.starts)
        && Arrays.equals(ends, tokens.ends);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(ids);
  }

  @Override
  public String toString() {
    return Arrays.toString(ids);
  }
}

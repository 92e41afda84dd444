package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;
import static java.util.Objects.requireNonNull;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.text.Sentences;
import java.util.Arrays;
import java.util.Optional;

/**
 * A place in a response from which a model is to go on by itself. The tokens after the place are
 * what stood there before: a guess of what the model will write, which costs next to nothing where
 * it is right and changes nothing where it is wrong.
 */
public final class Cut {
  private final int[] tokens;
  private final int kept;
  private final Optional<String> begun;
  private final KeyedRandom key;

  private Cut(int[] tokens, int kept, Optional<String> begun, KeyedRandom key) {
    check(
        kept >= 0 && kept <= tokens.length,
        "Invalid cut: %s tokens kept of %s",
        kept,
        tokens.length);
    this.tokens = tokens.clone();
    this.kept = kept;
    this.begun = requireNonNull(begun, "begun is null");
    this.key = requireNonNull(key, "key is null");
  }

  /** Returns the cut of a response that the model writes alone, with nothing to guess from. */
  public static Cut free(KeyedRandom key) {
    return ofResponse(new int[0], 0, key);
  }

  /**
   * Returns a cut from which the model goes on to its own end of sequence or the token limit.
   *
   * @param tokens of a response, kept and guessed ones
   * @param kept how many of them are given, from 0
   * @param key root of the draws; each is addressed by its token's position in the response
   */
  public static Cut ofResponse(int[] tokens, int kept, KeyedRandom key) {
    return new Cut(tokens, kept, Optional.empty(), key);
  }

  /**
   * Returns a cut from which the model goes on to the first full stop too (arXiv 2407.02477,
   * appendix D), or whatever else ends a sentence where responses are split into theirs ({@link
   * Sentences#completion}).
   *
   * @param tokens of a response, kept and guessed ones
   * @param kept how many of them are given, from 0
   * @param begun text of the sentence as far as it is given
   * @param key root of the draws; each is addressed by its token's position in the response
   */
  public static Cut ofSentence(int[] tokens, int kept, String begun, KeyedRandom key) {
    return new Cut(tokens, kept, Optional.of(begun), key);
  }

  /** Returns the tokens, kept and guessed ones; not to be written to. */
  int[] tokens() {
    return tokens;
  }

  int kept() {
    return kept;
  }

  /** Returns this cut without the guess: only kept tokens are left. */
  public Cut withoutDraft() {
    return new Cut(Arrays.copyOf(tokens, kept), kept, begun, key);
  }

  /** Returns the given text of the sentence that is to be completed, if no more is to be. */
  Optional<String> begun() {
    return begun;
  }

  KeyedRandom key() {
    return key;
  }
}

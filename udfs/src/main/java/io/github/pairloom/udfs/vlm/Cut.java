package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;
import static java.util.Objects.requireNonNull;

import io.github.pairloom.udfs.KeyedRandom;
import java.util.Arrays;

/**
 * A place in a response from which a model is to go on by itself. The tokens after the place are
 * what stood there before: a guess of what the model will write, which costs next to nothing where
 * it is right and changes nothing where it is wrong.
 */
public final class Cut {
  private final int[] tokens;
  private final int kept;
  private final Continuation continuation;
  private final KeyedRandom key;

  /**
   * @param tokens of a response, kept and guessed ones
   * @param kept how many of them are given, from 0
   * @param continuation when to stop
   * @param key root of the draws; each is addressed by its token's position in the response
   */
  public Cut(int[] tokens, int kept, Continuation continuation, KeyedRandom key) {
    check(
        kept >= 0 && kept <= tokens.length,
        "Invalid cut: %s tokens kept of %s",
        kept,
        tokens.length);
    this.tokens = tokens.clone();
    this.kept = kept;
    this.continuation = requireNonNull(continuation, "continuation is null");
    this.key = requireNonNull(key, "key is null");
  }

  /** Returns the cut of a response that the model writes alone, with nothing to guess from. */
  public static Cut free(KeyedRandom key) {
    return new Cut(new int[0], 0, Continuation.OF_RESPONSE, key);
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
    return new Cut(Arrays.copyOf(tokens, kept), kept, continuation, key);
  }

  Continuation continuation() {
    return continuation;
  }

  KeyedRandom key() {
    return key;
  }
}

package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;
import static java.util.Objects.requireNonNull;

import io.github.pairloom.schemas.Judgement;
import io.github.pairloom.schemas.Transform;
import java.util.Optional;

/**
 * A rejected response and how it came about.
 *
 * @param chosen the better side, where the strategy has found one other than the reference
 * @param text the response
 * @param iteration the attempt that was kept, from 1
 * @param similarity its cosine with the chosen response
 * @param cutOff whether the token limit ended any part of it
 * @param transform what was done to the image in that attempt
 * @param judgement why one side is the worse, where somebody judged
 */
public record Rejection(
    Optional<Better> chosen,
    String text,
    int iteration,
    double similarity,
    boolean cutOff,
    Transform transform,
    Optional<Judgement> judgement) {
  /**
   * A chosen response that is not the reference.
   *
   * @param origin {@link #SAMPLED} or {@link #OFFLINE}
   */
  public record Better(String text, String origin) {
    /** Written by the model for this pair. */
    public static final String SAMPLED = "sampled";

    /** Given by the source together with its rejected side. */
    public static final String OFFLINE = "offline";
  }

  public Rejection {
    requireNonNull(chosen, "chosen is null");
    requireNonNull(text, "text is null");
    check(iteration >= 1, "Invalid iteration: %s (must be at least 1)", iteration);
    check(Math.abs(similarity) <= 1.0001, "Invalid similarity: %s (not a cosine)", similarity);
    requireNonNull(transform, "transform is null");
    requireNonNull(judgement, "judgement is null");
  }

  /** A response that is worse than the reference by the way it was made, with nobody to judge. */
  public Rejection(
      String text, int iteration, double similarity, boolean cutOff, Transform transform) {
    this(Optional.empty(), text, iteration, similarity, cutOff, transform, Optional.empty());
  }
}

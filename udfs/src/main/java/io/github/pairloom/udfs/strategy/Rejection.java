package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;
import static java.util.Objects.requireNonNull;

import io.github.pairloom.schemas.Transform;

/**
 * A rejected response and how it came about.
 *
 * @param text the response
 * @param iteration the attempt that was kept, from 1
 * @param similarity its cosine with the chosen response
 * @param cutOff whether the token limit ended any part of it
 * @param transform what was done to the image in that attempt
 */
public record Rejection(
    String text, int iteration, double similarity, boolean cutOff, Transform transform) {
  public Rejection {
    requireNonNull(text, "text is null");
    check(iteration >= 1, "Invalid iteration: %s (must be at least 1)", iteration);
    check(Math.abs(similarity) <= 1.0001, "Invalid similarity: %s (not a cosine)", similarity);
    requireNonNull(transform, "transform is null");
  }
}

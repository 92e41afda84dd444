package io.github.pairloom.udfs.dedup;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * When two images are duplicates of each other, and which is kept.
 *
 * @param radius most bits in which the perceptual hashes of duplicates differ
 * @param keep which of several duplicates is kept
 */
public record ImageDedup(
    @Setting(
            value =
                "Most bits of 256 in which the perceptual hashes of duplicates differ, 0 to 64, and"
                    + " of the 64 lowest frequencies at most 7; -1: pixels must be equal",
            defaults = "24")
        int radius,
    @Setting(
            value =
                "Which of several duplicates is kept: largest (most pixels), or source (the source"
                    + " first by name); then the other of the two, then the lowest image_id",
            defaults = "largest")
        Keep keep)
    implements Serializable {
  /** Which of several duplicates is kept. */
  public enum Keep {
    LARGEST,
    SOURCE
  }

  public ImageDedup {
    check(radius >= -1 && radius <= 64, "Invalid radius: %s (must be in [-1, 64])", radius);
  }
}

package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What a model may see of an image: its tokens, or some of them. A hidden token is attended to by
 * nobody, so leaving it out while all others keep their positions gives the same logits as an
 * attention mask, for less.
 */
public final class ImageView {
  private final ImageFeatures features;
  private final int[] visible;
  private final boolean absent;

  private ImageView(ImageFeatures features, int[] visible, boolean absent) {
    this.features = features;
    this.visible = visible;
    this.absent = absent;
  }

  /** Returns full sight. */
  public static ImageView full(ImageFeatures features) {
    return new ImageView(features, IntStream.range(0, features.tokens()).toArray(), false);
  }

  /**
   * Returns no sight of an image that the prompt does not have either: it takes no positions, as a
   * hidden one does. Any model can be shown this.
   */
  public static ImageView absent(ImageFeatures features) {
    return new ImageView(features, new int[0], true);
  }

  /**
   * Returns sight of some tokens.
   *
   * @param visible their indices from 0, ascending; may be empty
   */
  public static ImageView of(ImageFeatures features, int... visible) {
    for (int i = 0; i < visible.length; i++) {
      int previous = i == 0 ? -1 : visible[i - 1];
      check(
          visible[i] > previous && visible[i] < features.tokens(),
          "Invalid visible tokens: %s (must ascend from 0 to %s)",
          Arrays.toString(visible),
          features.tokens() - 1);
    }
    return new ImageView(features, visible.clone(), false);
  }

  /** Returns the encoded image. */
  public ImageFeatures features() {
    return features;
  }

  /** Returns the indices of the visible tokens, ascending. */
  public int[] visible() {
    return visible.clone();
  }

  /** Returns whether the prompt is one without the image. */
  public boolean isAbsent() {
    return absent;
  }

  /** Returns whether nothing is hidden. */
  public boolean isFull() {
    return visible.length == features.tokens();
  }
}

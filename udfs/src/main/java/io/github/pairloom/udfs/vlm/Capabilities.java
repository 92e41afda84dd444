package io.github.pairloom.udfs.vlm;

/**
 * What a loaded decoder does right, found by {@link ModelProbe}: graphs of one family differ from
 * export to export, and some silently compute something else.
 *
 * @param masks whether a zero in the attention mask hides a token
 * @param gaps whether tokens keep the positions they are told, so that leaving out hidden tokens is
 *     the same as masking them
 * @param pads whether sequences of several lengths may be run together, the shorter ones filled up
 *     in front
 * @param rounding by how many logits the ways above were seen to differ at most
 */
record Capabilities(boolean masks, boolean gaps, boolean pads, double rounding) {
  /** Least margin between two tokens, in logits, that is taken for more than rounding. */
  private static final double LEAST_MARGIN = 2e-4;

  /** How far from the largest difference seen a real model's may be. */
  private static final double SAFETY = 16;

  /** Returns how hidden image tokens are kept from the model. */
  Masking masking() {
    return gaps ? Masking.DROP : Masking.ATTENTION;
  }

  /** Returns these without the one that lets hidden image tokens be left out. */
  Capabilities withoutGaps() {
    return new Capabilities(masks, false, pads, rounding);
  }

  /** Returns whether a model can be kept from seeing parts of an image. */
  boolean hides() {
    return gaps || masks;
  }

  /**
   * Returns the margin in logits below which a choice between two tokens is made again from the
   * sequence alone, so that it does not depend on what else was in the batch.
   */
  double margin() {
    return Math.max(LEAST_MARGIN, SAFETY * rounding);
  }
}

package io.github.pairloom.udfs.vlm;

import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * A prompt with what may be seen of its image, and the places in responses to it from which the
 * model is to go on, each on its own. Cuts whose tokens begin alike are served by one pass over
 * them.
 */
public final class Passage {
  private final int[] prompt;
  private final ImageView view;
  private final List<Cut> cuts;
  private final Sampling sampling;

  /**
   * @param prompt ids up to where the assistant speaks, one of them the image token
   * @param view what may be seen of the image
   * @param cuts where to go on; may be empty
   * @param sampling how tokens are chosen
   */
  public Passage(int[] prompt, ImageView view, List<Cut> cuts, Sampling sampling) {
    this.prompt = prompt.clone();
    this.view = requireNonNull(view, "view is null");
    this.cuts = List.copyOf(cuts);
    this.sampling = requireNonNull(sampling, "sampling is null");
  }

  /** Returns this passage with other cuts. */
  public Passage with(List<Cut> others) {
    return new Passage(prompt, view, others, sampling);
  }

  int[] prompt() {
    return prompt;
  }

  ImageView view() {
    return view;
  }

  /** Returns where to go on. */
  public List<Cut> cuts() {
    return cuts;
  }

  Sampling sampling() {
    return sampling;
  }
}

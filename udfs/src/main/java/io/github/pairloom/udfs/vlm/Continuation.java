package io.github.pairloom.udfs.vlm;

/** When a continuation ends, apart from the model's own end of sequence and the token limit. */
public enum Continuation {
  /** Only there. */
  OF_RESPONSE,
  /** At the first full stop (arXiv 2407.02477, appendix D). */
  OF_SENTENCE
}

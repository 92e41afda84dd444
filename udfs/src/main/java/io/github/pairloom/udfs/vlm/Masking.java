package io.github.pairloom.udfs.vlm;

/** How hidden image tokens are kept from the model. */
public enum Masking {
  /** They are left out; all other tokens keep their positions. Needs a position_ids input. */
  DROP,
  /** They are fed, with zeros in the attention mask. */
  ATTENTION
}

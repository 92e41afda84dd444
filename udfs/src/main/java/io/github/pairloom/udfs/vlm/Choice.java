package io.github.pairloom.udfs.vlm;

/**
 * A chosen token.
 *
 * @param token its id
 * @param margin by how many logits the second best would have had to be higher to be chosen in its
 *     place; infinite if there was no second
 */
record Choice(int token, double margin) {}

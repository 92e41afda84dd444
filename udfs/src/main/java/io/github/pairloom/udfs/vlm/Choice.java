package io.github.pairloom.udfs.vlm;

/**
 * A chosen token.
 *
 * @param token its id
 * @param close whether rounding might have let another token be chosen: one that would have been if
 *     its logit were higher by less than the chooser's margin
 */
record Choice(int token, boolean close) {}

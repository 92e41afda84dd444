package io.github.pairloom.udfs.vlm;

/**
 * What a model wrote.
 *
 * @param text the text that the new tokens add to the prefix
 * @param tokens number of new tokens, the one that ended it included
 * @param cutOff whether the token limit ended it
 */
public record Generation(String text, int tokens, boolean cutOff) {}

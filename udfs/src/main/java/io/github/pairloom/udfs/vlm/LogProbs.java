package io.github.pairloom.udfs.vlm;

/**
 * Some rows of logits, each with a token that is asked about.
 *
 * @param values the log-probability of each row's token, in nats
 * @param likeliest each row's most likely token, the lowest id among equals
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared: a way out of a method.
record LogProbs(float[] values, long[] likeliest) {}

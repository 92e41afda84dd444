package io.github.pairloom.udfs.vlm;

/**
 * The largest logits of some rows, in falling order, the lower id first among equals.
 *
 * <p>Only these leave the native side: whole rows would be the vocabulary's size each.
 */
final class TopLogits {
  private final float[] values;
  private final long[] tokens;
  private final float[] logSums;
  private final int count;
  private final int vocabulary;

  /**
   * @param values [rows, count]
   * @param tokens [rows, count]
   * @param logSums [rows], log(sum(exp(logits / temperature))); empty if nobody asks for them
   * @param count logits per row
   * @param vocabulary logits that a whole row has
   */
  TopLogits(float[] values, long[] tokens, float[] logSums, int count, int vocabulary) {
    this.values = values;
    this.tokens = tokens;
    this.logSums = logSums;
    this.count = count;
    this.vocabulary = vocabulary;
  }

  int count() {
    return count;
  }

  int vocabulary() {
    return vocabulary;
  }

  float value(int row, int rank) {
    return values[row * count + rank];
  }

  int token(int row, int rank) {
    return (int) tokens[row * count + rank];
  }

  boolean contains(int row, int token) {
    for (int i = 0; i < count; i++) {
      if (token(row, i) == token) {
        return true;
      }
    }
    return false;
  }

  float logSum(int row) {
    return logSums[row];
  }
}

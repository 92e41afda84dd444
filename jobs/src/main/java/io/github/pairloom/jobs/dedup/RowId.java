package io.github.pairloom.jobs.dedup;

import java.util.HexFormat;

/**
 * The SHA-256 that is a row's id, as two longs: its first 128 bits but for the last bit of the
 * first long, which marks whether an earlier run has seen the row.
 */
final class RowId {
  private static final int HEX_DIGITS = 16;

  private RowId() {}

  /** Returns the first long, even. */
  static long high(String id) {
    return HexFormat.fromHexDigitsToLong(id, 0, HEX_DIGITS) & ~1L;
  }

  /** Returns the second long. */
  static long low(String id) {
    return HexFormat.fromHexDigitsToLong(id, HEX_DIGITS, 2 * HEX_DIGITS);
  }

  /** Returns the first long as an earlier run's, whatever it was. */
  static long unmarked(long high) {
    return high & ~1L;
  }
}

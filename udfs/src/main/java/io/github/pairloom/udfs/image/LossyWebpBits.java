package io.github.pairloom.udfs.image;

/** The boolean entropy decoder of VP8 (RFC 6386, section 7): bits of unequal probability. */
final class LossyWebpBits {
  private static final int EVEN = 128;

  private final byte[] bytes;
  private final int end;
  private int at;

  /** The window that is compared, 8 bits above {@link #spare} unused ones. */
  private int value;

  private int spare = -8;
  private int range = 255;

  LossyWebpBits(byte[] bytes, int from, int end) {
    this.bytes = bytes;
    this.at = from;
    this.end = end;
  }

  /** Returns a bit that is 0 with a probability of {@code probability} in 256. */
  int bit(int probability) {
    if (spare < 0) {
      load();
    }
    int split = 1 + (((range - 1) * probability) >> 8);
    int bit = 0;
    if (value >> spare >= split) {
      value -= split << spare;
      range -= split;
      bit = 1;
    } else {
      range = split;
    }
    int shift = Integer.numberOfLeadingZeros(range) - 24;
    range <<= shift;
    spare -= shift;
    return bit;
  }

  /** Returns whether the next bit, of even probability, is set. */
  boolean flag() {
    return bit(EVEN) == 1;
  }

  /** Returns a number of so many bits, the highest first. */
  int number(int bits) {
    int number = 0;
    for (int i = 0; i < bits; i++) {
      number = number << 1 | bit(EVEN);
    }
    return number;
  }

  /** Returns a number that is followed by its sign. */
  int signed(int bits) {
    int magnitude = number(bits);
    return flag() ? -magnitude : magnitude;
  }

  /** Returns a signed number if the flag before it is set, else 0. */
  int optionalSigned(int bits) {
    return flag() ? signed(bits) : 0;
  }

  private void load() {
    if (at >= end) {
      throw BadImageException.truncated(
          "WebP has less picture data than its header promises. Fetch the file again.");
    }
    value = value << 8 | (bytes[at++] & 0xFF);
    spare += 8;
  }
}

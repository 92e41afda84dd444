package io.github.pairloom.udfs.image;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HexFormat;

/**
 * Decodes the lossless bitstream of WebP (VP8L; RFC 9649, section 3), which also carries the alpha
 * of lossy pictures.
 *
 * <p>Written here because TwelveMonkeys 3.12.0 reads on past the end of the data, so that one
 * changed bit in a file of 156 bytes kept it busy for 40 minutes, until memory ran out. Here each
 * bit is read once and never past the end, each transform may occur once as the RFC demands, and
 * all memory is bounded by the size of the picture.
 */
final class LosslessWebp {
  private static final int SIGNATURE_AND_SIZE_BITS = 8 + 14 + 14;

  private static final int PREDICTOR = 0;
  private static final int CROSS_COLOUR = 1;
  private static final int SUBTRACT_GREEN = 2;
  private static final int TRANSFORMS = 4;

  private static final int OPAQUE_BLACK = 0xFF000000;
  private static final int LITERALS = 256;
  private static final int LENGTH_PREFIXES = 24;
  private static final int DISTANCE_PREFIXES = 40;
  private static final int CACHE_MULTIPLIER = 0x1E35A7BD;

  /** Codes of a group: green with lengths and cache, red, blue, alpha, distance. */
  private static final int CODES = 5;

  /**
   * What the distance codes from 1 stand for (RFC 9649, section 3.6.2.2): the upper four bits count
   * rows up, the lower four are 8 less the columns to the left.
   */
  private static final byte[] NEAR =
      HexFormat.of()
          .parseHex(
              "1807171928062729161a262a38053739151b363a252b48044749141c353b464a242c58454b343c03"
                  + "5759131d565a232d444c555b333d68026769121e666a222e545c434d656b323e78017779535d111f"
                  + "646c424e767a212f757b313f636d525e00747c414f1020626e30737d515f40727e616f50717f6070");

  private final Bits bits;

  private LosslessWebp(Bits bits) {
    this.bits = bits;
  }

  /**
   * Returns the pixels of a picture with its header as ARGB, rows from the top.
   *
   * @param from offset of the signature; it and the size that follows have been checked
   */
  static int[] decodePicture(byte[] bytes, int from, int to, int width, int height) {
    Bits bits = new Bits(bytes, from, to);
    bits.skip(SIGNATURE_AND_SIZE_BITS);
    boolean hasAlpha = bits.read(1) == 1;
    if (bits.read(3) != 0) {
      throw corrupt("a version other than 0");
    }
    int[] argb = new LosslessWebp(bits).picture(width, height);
    if (!hasAlpha) {
      for (int i = 0; i < argb.length; i++) {
        argb[i] |= OPAQUE_BLACK;
      }
    }
    return argb;
  }

  /** Returns a plane that is stored as the green of a picture without a header. */
  static byte[] decodePlane(byte[] bytes, int from, int to, int width, int height) {
    int[] argb = new LosslessWebp(new Bits(bytes, from, to)).picture(width, height);
    byte[] plane = new byte[argb.length];
    for (int i = 0; i < plane.length; i++) {
      plane[i] = (byte) (argb[i] >> 8);
    }
    return plane;
  }

  private int[] picture(int width, int height) {
    Deque<Transform> transforms = new ArrayDeque<>();
    boolean[] seen = new boolean[TRANSFORMS];
    int storedWidth = width;
    while (bits.read(1) == 1) {
      int type = bits.read(2);
      if (seen[type]) {
        throw corrupt("a transform twice");
      }
      seen[type] = true;
      Transform transform = transform(type, storedWidth, height);
      storedWidth = transform.storedWidth();
      transforms.push(transform);
    }
    int[] argb = pixels(storedWidth, height, true);
    for (Transform transform : transforms) {
      argb = transform.undo(argb);
    }
    return argb;
  }

  // ---- Entropy coding

  private int[] pixels(int width, int height, boolean mayHaveGroups) {
    int cacheBits = 0;
    if (bits.read(1) == 1) {
      cacheBits = bits.read(4);
      if (cacheBits < 1 || cacheBits > 11) {
        throw corrupt("a colour cache of " + cacheBits + " bits");
      }
    }
    int blockBits = 0;
    int[] groupOfBlock = {0};
    if (mayHaveGroups && bits.read(1) == 1) {
      blockBits = bits.read(3) + 2;
      groupOfBlock = pixels(blocks(width, blockBits), blocks(height, blockBits), false);
      for (int i = 0; i < groupOfBlock.length; i++) {
        groupOfBlock[i] = groupOfBlock[i] >> 8 & 0xFFFF;
      }
    }
    PrefixCode[][] groups = groups(groupOfBlock, cacheBits);
    return pixels(width, height, cacheBits, blockBits, groupOfBlock, groups);
  }

  /** Reads the codes of all groups and keeps those of groups that have a block. */
  private PrefixCode[][] groups(int[] groupOfBlock, int cacheBits) {
    int count = Arrays.stream(groupOfBlock).max().getAsInt() + 1;
    boolean[] used = new boolean[count];
    for (int group : groupOfBlock) {
      used[group] = true;
    }
    int cacheSize = cacheBits == 0 ? 0 : 1 << cacheBits;
    int[] alphabets = {
      LITERALS + LENGTH_PREFIXES + cacheSize, LITERALS, LITERALS, LITERALS, DISTANCE_PREFIXES
    };
    PrefixCode[][] groups = new PrefixCode[count][];
    for (int group = 0; group < count; group++) {
      PrefixCode[] codes = new PrefixCode[CODES];
      for (int i = 0; i < CODES; i++) {
        codes[i] = PrefixCode.read(bits, alphabets[i]);
      }
      groups[group] = used[group] ? codes : null;
    }
    return groups;
  }

  private int[] pixels(
      int width,
      int height,
      int cacheBits,
      int blockBits,
      int[] groupOfBlock,
      PrefixCode[][] groups) {
    int[] argb = new int[Math.multiplyExact(width, height)];
    int[] cache = new int[cacheBits == 0 ? 0 : 1 << cacheBits];
    int blocksPerRow = groups.length == 1 ? 0 : blocks(width, blockBits);
    int at = 0;
    while (at < argb.length) {
      PrefixCode[] codes = groups[0];
      if (blocksPerRow > 0) {
        int block = ((at / width) >> blockBits) * blocksPerRow + ((at % width) >> blockBits);
        codes = groups[groupOfBlock[block]];
      }
      int start = at;
      int symbol = codes[0].read(bits);
      if (symbol < LITERALS) {
        int red = codes[1].read(bits);
        int blue = codes[2].read(bits);
        int alpha = codes[3].read(bits);
        argb[at++] = alpha << 24 | red << 16 | symbol << 8 | blue;
      } else if (symbol < LITERALS + LENGTH_PREFIXES) {
        int length = number(symbol - LITERALS);
        int distance = distance(number(codes[4].read(bits)), width);
        if (distance > at || length > argb.length - at) {
          throw corrupt("a copy from or to outside the picture");
        }
        for (int end = at + length; at < end; at++) {
          argb[at] = argb[at - distance];
        }
      } else {
        argb[at++] = cache[symbol - LITERALS - LENGTH_PREFIXES];
      }
      if (cacheBits > 0) {
        for (int i = start; i < at; i++) {
          cache[(argb[i] * CACHE_MULTIPLIER) >>> (32 - cacheBits)] = argb[i];
        }
      }
    }
    return argb;
  }

  /** A length or a distance code: a prefix and, for larger ones, extra bits. */
  private int number(int prefix) {
    if (prefix < 4) {
      return prefix + 1;
    }
    int extraBits = (prefix - 2) >> 1;
    return ((2 + (prefix & 1)) << extraBits) + bits.read(extraBits) + 1;
  }

  private static int distance(int code, int width) {
    if (code > NEAR.length) {
      return code - NEAR.length;
    }
    int near = NEAR[code - 1];
    return Math.max(1, (near >> 4) * width + 8 - (near & 0xF));
  }

  private static int blocks(int size, int blockBits) {
    return (size + (1 << blockBits) - 1) >> blockBits;
  }

  private static BadImageException corrupt(String what) {
    return BadImageException.corrupt("WebP has %s in its data. Replace the file.", what);
  }

  // ---- Transforms

  private Transform transform(int type, int width, int height) {
    if (type == SUBTRACT_GREEN) {
      return new AddGreen(width);
    }
    if (type == PREDICTOR || type == CROSS_COLOUR) {
      int blockBits = bits.read(3) + 2;
      int[] data = pixels(blocks(width, blockBits), blocks(height, blockBits), false);
      return type == PREDICTOR
          ? new Predict(width, blockBits, data)
          : new AddColours(width, blockBits, data);
    }
    int[] palette = pixels(bits.read(8) + 1, 1, false);
    for (int i = 1; i < palette.length; i++) {
      palette[i] = sum(palette[i], palette[i - 1]);
    }
    int packing = palette.length > 16 ? 0 : palette.length > 4 ? 1 : palette.length > 2 ? 2 : 3;
    return new LookUp(width, packing, palette);
  }

  /** What an encoder did to the pixels. */
  private interface Transform {
    /** Returns the width of the rows that {@link #undo} takes. */
    int storedWidth();

    /** Returns the pixels before the transform; may change and return its argument. */
    int[] undo(int[] argb);
  }

  private record AddGreen(int storedWidth) implements Transform {
    @Override
    public int[] undo(int[] argb) {
      for (int i = 0; i < argb.length; i++) {
        int green = argb[i] >> 8 & 0xFF;
        argb[i] = sum(argb[i], green << 16 | green);
      }
      return argb;
    }
  }

  /** Several pixels may share the green of one. */
  private static final class LookUp implements Transform {
    private final int width;
    private final int packing;
    private final int[] palette;

    LookUp(int width, int packing, int[] palette) {
      this.width = width;
      this.packing = packing;
      this.palette = palette;
    }

    @Override
    public int storedWidth() {
      return blocks(width, packing);
    }

    @Override
    public int[] undo(int[] argb) {
      int height = argb.length / storedWidth();
      int pixelBits = 8 >> packing;
      int[] result = new int[width * height];
      int at = 0;
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          int green = argb[y * storedWidth() + (x >> packing)] >> 8 & 0xFF;
          int shift = pixelBits * (x & ((1 << packing) - 1));
          int index = green >> shift & ((1 << pixelBits) - 1);
          result[at++] = index < palette.length ? palette[index] : 0;
        }
      }
      return result;
    }
  }

  /** Red and blue were stored less a share of green, and blue less a share of red. */
  private static final class AddColours implements Transform {
    private final int width;
    private final int blockBits;
    private final int[] shares;

    AddColours(int width, int blockBits, int[] shares) {
      this.width = width;
      this.blockBits = blockBits;
      this.shares = shares;
    }

    @Override
    public int storedWidth() {
      return width;
    }

    @Override
    public int[] undo(int[] argb) {
      int blocksPerRow = blocks(width, blockBits);
      for (int i = 0; i < argb.length; i++) {
        int share = shares[((i / width) >> blockBits) * blocksPerRow + ((i % width) >> blockBits)];
        int green = argb[i] >> 8;
        int red = (argb[i] >> 16) + product(share, green);
        int blue = argb[i] + product(share >> 8, green) + product(share >> 16, red);
        argb[i] = (argb[i] & 0xFF00FF00) | (red & 0xFF) << 16 | (blue & 0xFF);
      }
      return argb;
    }

    /** The lowest bytes count, with their signs, in steps of 1/32. */
    private static int product(int share, int colour) {
      return ((byte) share * (byte) colour) >> 5;
    }
  }

  /** Each pixel was stored less what its neighbours to the left and above let expect. */
  private static final class Predict implements Transform {
    private final int width;
    private final int blockBits;
    private final int[] modes;

    Predict(int width, int blockBits, int[] modes) {
      this.width = width;
      this.blockBits = blockBits;
      this.modes = modes;
    }

    @Override
    public int storedWidth() {
      return width;
    }

    @Override
    public int[] undo(int[] argb) {
      int blocksPerRow = blocks(width, blockBits);
      argb[0] = sum(argb[0], OPAQUE_BLACK);
      for (int x = 1; x < width; x++) {
        argb[x] = sum(argb[x], argb[x - 1]);
      }
      for (int row = width; row < argb.length; row += width) {
        argb[row] = sum(argb[row], argb[row - width]);
        int blockRow = ((row / width) >> blockBits) * blocksPerRow;
        for (int x = 1; x < width; x++) {
          int mode = modes[blockRow + (x >> blockBits)] >> 8 & 0xF;
          argb[row + x] = sum(argb[row + x], expected(mode, argb, row + x));
        }
      }
      return argb;
    }

    private int expected(int mode, int[] argb, int at) {
      int left = argb[at - 1];
      int above = argb[at - width];
      int aboveLeft = argb[at - width - 1];
      // For the last column this is the first of the same row, as the RFC has it.
      int aboveRight = argb[at - width + 1];
      return switch (mode) {
        case 1 -> left;
        case 2 -> above;
        case 3 -> aboveRight;
        case 4 -> aboveLeft;
        case 5 -> mean(mean(left, aboveRight), above);
        case 6 -> mean(left, aboveLeft);
        case 7 -> mean(left, above);
        case 8 -> mean(aboveLeft, above);
        case 9 -> mean(above, aboveRight);
        case 10 -> mean(mean(left, aboveLeft), mean(above, aboveRight));
        case 11 -> closer(left, above, aboveLeft);
        case 12 -> gradient(left, above, aboveLeft);
        case 13 -> halfGradient(mean(left, above), aboveLeft);
        default -> OPAQUE_BLACK;
      };
    }

    private static int mean(int a, int b) {
      return (((a ^ b) & 0xFEFEFEFE) >>> 1) + (a & b);
    }

    private static int closer(int left, int above, int aboveLeft) {
      int toLeft = 0;
      int toAbove = 0;
      for (int shift = 0; shift < 32; shift += 8) {
        int corner = aboveLeft >> shift & 0xFF;
        toLeft += Math.abs((above >> shift & 0xFF) - corner);
        toAbove += Math.abs((left >> shift & 0xFF) - corner);
      }
      return toLeft < toAbove ? left : above;
    }

    private static int gradient(int left, int above, int aboveLeft) {
      int result = 0;
      for (int shift = 0; shift < 32; shift += 8) {
        int value = (left >> shift & 0xFF) + (above >> shift & 0xFF) - (aboveLeft >> shift & 0xFF);
        result |= clamp(value) << shift;
      }
      return result;
    }

    private static int halfGradient(int mean, int aboveLeft) {
      int result = 0;
      for (int shift = 0; shift < 32; shift += 8) {
        int value = mean >> shift & 0xFF;
        result |= clamp(value + (value - (aboveLeft >> shift & 0xFF)) / 2) << shift;
      }
      return result;
    }

    private static int clamp(int value) {
      return Math.max(0, Math.min(0xFF, value));
    }
  }

  /** Adds each of the four bytes, without carry. */
  private static int sum(int a, int b) {
    int alphaAndGreen = (a & 0xFF00FF00) + (b & 0xFF00FF00);
    int redAndBlue = (a & 0x00FF00FF) + (b & 0x00FF00FF);
    return (alphaAndGreen & 0xFF00FF00) | (redAndBlue & 0x00FF00FF);
  }

  // ---- Bits

  /** Bits of each byte from the lowest. */
  private static final class Bits {
    private final byte[] bytes;
    private final long end;
    private long at;

    Bits(byte[] bytes, int from, int to) {
      this.bytes = bytes;
      this.at = from * 8L;
      this.end = to * 8L;
    }

    void skip(int count) {
      at += count;
    }

    /** Returns up to 18 bits, the first of them lowest. */
    int read(int count) {
      int value = 0;
      for (int i = 0; i < count; i++) {
        value |= bit() << i;
      }
      return value;
    }

    int bit() {
      if (at >= end) {
        throw BadImageException.truncated(
            "WebP has less picture data than its header promises. Fetch the file again.");
      }
      int bit = bytes[(int) (at >> 3)] >> (int) (at & 7) & 1;
      at++;
      return bit;
    }
  }

  /** A canonical prefix code, read bit by bit; a code of one symbol takes no bits. */
  private static final class PrefixCode {
    private static final int MAX_LENGTH = 15;

    /**
     * In this order the lengths of the code of lengths are stored (RFC 9649, section 3.7.2.1.2).
     */
    private static final int[] LENGTH_ORDER = {
      17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    };

    private static final int REPEAT_PREVIOUS = 16;
    private static final int REPEAT_ZERO = 17;

    /** How many codes have each length. */
    private final int[] counts = new int[MAX_LENGTH + 1];

    /** By length, then by value. */
    private final short[] symbols;

    private PrefixCode(int[] lengths) {
      for (int length : lengths) {
        counts[length]++;
      }
      int used = lengths.length - counts[0];
      counts[0] = 0;
      int free = 1;
      for (int length = 1; length <= MAX_LENGTH; length++) {
        free = 2 * free - counts[length];
        if (free < 0) {
          break;
        }
      }
      if (used == 0 || (free != 0 && used > 1)) {
        throw corrupt("a prefix code that is not complete");
      }
      int[] next = new int[MAX_LENGTH + 2];
      for (int length = 1; length <= MAX_LENGTH; length++) {
        next[length + 1] = next[length] + counts[length];
      }
      symbols = new short[used];
      for (int symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] > 0) {
          symbols[next[lengths[symbol]]++] = (short) symbol;
        }
      }
    }

    static PrefixCode read(Bits bits, int alphabet) {
      return new PrefixCode(
          bits.read(1) == 1 ? simpleLengths(bits, alphabet) : lengths(bits, alphabet));
    }

    int read(Bits bits) {
      if (symbols.length == 1) {
        return symbols[0];
      }
      int code = 0;
      int first = 0;
      int index = 0;
      for (int length = 1; length <= MAX_LENGTH; length++) {
        code |= bits.bit();
        if (code < first + counts[length]) {
          return symbols[index + code - first];
        }
        index += counts[length];
        first = (first + counts[length]) << 1;
        code <<= 1;
      }
      throw corrupt("an unknown prefix");
    }

    private static int[] simpleLengths(Bits bits, int alphabet) {
      int count = bits.read(1) + 1;
      int[] lengths = new int[alphabet];
      for (int i = 0; i < count; i++) {
        int symbol = bits.read(i == 0 && bits.read(1) == 0 ? 1 : 8);
        if (symbol >= alphabet) {
          throw corrupt("a symbol outside its alphabet");
        }
        lengths[symbol] = 1;
      }
      return lengths;
    }

    private static int[] lengths(Bits bits, int alphabet) {
      int[] lengthsOfLengths = new int[LENGTH_ORDER.length];
      int stored = 4 + bits.read(4);
      for (int i = 0; i < stored; i++) {
        lengthsOfLengths[LENGTH_ORDER[i]] = bits.read(3);
      }
      PrefixCode code = new PrefixCode(lengthsOfLengths);
      int left = bits.read(1) == 0 ? alphabet : 2 + bits.read(2 + 2 * bits.read(3));
      if (left > alphabet) {
        throw corrupt("more lengths than symbols");
      }
      int[] lengths = new int[alphabet];
      int previous = 8;
      for (int symbol = 0; symbol < alphabet && left > 0; left--) {
        int length = code.read(bits);
        if (length < REPEAT_PREVIOUS) {
          lengths[symbol++] = length;
          previous = length == 0 ? previous : length;
          continue;
        }
        int repeats =
            length == REPEAT_PREVIOUS
                ? 3 + bits.read(2)
                : length == REPEAT_ZERO ? 3 + bits.read(3) : 11 + bits.read(7);
        if (symbol + repeats > alphabet) {
          throw corrupt("more lengths than symbols");
        }
        if (length == REPEAT_PREVIOUS) {
          Arrays.fill(lengths, symbol, symbol + repeats, previous);
        }
        symbol += repeats;
      }
      return lengths;
    }
  }
}

package io.github.pairloom.udfs.image;

import java.util.Arrays;

/**
 * Decodes the lossy bitstream of WebP, a key frame of VP8 (RFC 6386), to the same pixels as
 * libwebp.
 *
 * <p>Written here because TwelveMonkeys 3.12.0 returns pictures that are wrong without saying so:
 * black ones for some files that libwebp wrote with its fastest method, and differences of 12
 * levels on average at quality 30.
 */
final class LossyWebp {
  private static final int HEADER_BYTES = 10;
  private static final int SEGMENTS = 4;

  /** Places of the coefficients of a block, in the order they are stored (RFC 6386, section 13). */
  private static final int[] ZIGZAG = {0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15};

  /** Band of each coefficient; the last follows the end. */
  private static final int[] BAND = {0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0};

  /** Probabilities of the extra bits of large coefficients, by category (section 13.2). */
  private static final int[][] EXTRA_BITS = {
    {173, 148, 140},
    {176, 155, 140, 135},
    {180, 157, 141, 134, 130},
    {254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}
  };

  /** Pairs of branches; what is not positive is a mode, negated. */
  private static final int[] BLOCK_MODE_TREE = {
    0, 1, -1, 2, -2, 3, 4, 6, -3, 5, -4, -5, -6, 7, -7, 8, -8, -9
  };

  /** Kinds of blocks, which have probabilities of their own. */
  private static final int LUMA_AFTER_DC = 0;

  private static final int DC_OF_LUMA = 1;
  private static final int CHROMA = 2;
  private static final int LUMA = 3;

  private final int columns;
  private final int rows;
  private final LossyWebpPlane luma;
  private final LossyWebpPlane blue;
  private final LossyWebpPlane red;
  private final LossyWebpBits header;
  private final LossyWebpBits[] tokens;
  private final LossyWebpFilter filter;

  private boolean hasSegments;
  private boolean hasSegmentMap;
  private boolean segmentsAreAbsolute;
  private final int[] segmentQuantiser = new int[SEGMENTS];
  private final int[] segmentLevel = new int[SEGMENTS];
  private final int[] segmentProbability = {255, 255, 255};

  private final int filterLevel;
  private int levelOfKeyFrames;
  private int levelOfSplitModes;

  private final Steps[] steps = new Steps[SEGMENTS];
  private final int[] tokenProbability = new int[LossyWebpTables.TOKEN_TABLE_SIZE];
  private final boolean mayOmitTokens;
  private final int omitProbability;

  /** Modes of the blocks above, by column, and to the left, by row in the macroblock. */
  private final int[] modesAbove;

  private final int[] modesLeft = new int[4];

  /** Whether blocks above and to the left had tokens: 4 of luma, 2 and 2 of chroma, 1 of DC. */
  private final boolean[][] tokensAbove;

  private final boolean[] tokensLeft = new boolean[9];

  private final byte[] levels;
  private final boolean[] filtersInner;
  private final short[] coefficients = new short[16];
  private final short[] dcs = new short[16];

  private LossyWebp(byte[] bytes, int from, int to, int width, int height) {
    FileBytes file = new FileBytes(ImageFormat.WEBP, bytes);
    int tag = file.u24le(from);
    if ((tag & 1) != 0 || (tag >> 1 & 7) > 3 || (tag >> 4 & 1) == 0) {
      throw BadImageException.corrupt(
          "WebP picture at byte %d is not a visible key frame. Replace the file.", from);
    }
    int start = from + HEADER_BYTES;
    int sizes = requireInside(start + (tag >> 5), to);
    columns = (width + 15) / 16;
    rows = (height + 15) / 16;
    luma = new LossyWebpPlane(columns * 16, rows * 16);
    blue = new LossyWebpPlane(columns * 8, rows * 8);
    red = new LossyWebpPlane(columns * 8, rows * 8);
    modesAbove = new int[columns * 4];
    tokensAbove = new boolean[columns][9];
    levels = new byte[columns * rows];
    filtersInner = new boolean[columns * rows];

    header = new LossyWebpBits(bytes, start, sizes);
    header.number(2); // colour space and clamping, which change nothing
    readSegments();
    boolean simpleFilter = header.flag();
    filterLevel = header.number(6);
    int sharpness = header.number(3);
    readFilterDeltas();
    filter = new LossyWebpFilter(simpleFilter, sharpness, new LossyWebpPlane[] {luma, blue, red});
    tokens = new LossyWebpBits[1 << header.number(2)];
    readPartitions(file, bytes, sizes, to);
    readSteps();
    header.flag(); // whether the probabilities outlive this frame
    for (int i = 0; i < tokenProbability.length; i++) {
      tokenProbability[i] =
          header.bit(LossyWebpTables.tokenUpdateProbability(i)) == 1
              ? header.number(8)
              : LossyWebpTables.tokenProbabilityAtStart(i);
    }
    mayOmitTokens = header.flag();
    omitProbability = mayOmitTokens ? header.number(8) : 0;
  }

  /**
   * Returns the pixels as opaque ARGB, rows from the top.
   *
   * @param from offset of the frame tag; the start code and the size behind it have been checked
   */
  static int[] decode(byte[] bytes, int from, int to, int width, int height) {
    LossyWebp frame = new LossyWebp(bytes, from, to, width, height);
    frame.decodeMacroblocks();
    return frame.toArgb(width, height);
  }

  private static int requireInside(int offset, int end) {
    if (offset < 0 || offset > end) {
      throw BadImageException.truncated(
          "WebP has less picture data than its header promises. Fetch the file again.");
    }
    return offset;
  }

  // ---- Frame header (RFC 6386, section 9)

  private void readSegments() {
    hasSegments = header.flag();
    if (!hasSegments) {
      return;
    }
    hasSegmentMap = header.flag();
    if (header.flag()) {
      segmentsAreAbsolute = header.flag();
      for (int i = 0; i < SEGMENTS; i++) {
        segmentQuantiser[i] = header.optionalSigned(7);
      }
      for (int i = 0; i < SEGMENTS; i++) {
        segmentLevel[i] = header.optionalSigned(6);
      }
    }
    for (int i = 0; hasSegmentMap && i < segmentProbability.length; i++) {
      segmentProbability[i] = header.flag() ? header.number(8) : 255;
    }
  }

  private void readFilterDeltas() {
    if (!header.flag()) {
      return;
    }
    if (header.flag()) {
      int[] deltas = new int[8];
      for (int i = 0; i < deltas.length; i++) {
        deltas[i] = header.optionalSigned(6);
      }
      // Of four kinds of frames and four of modes, a still picture has the first.
      levelOfKeyFrames = deltas[0];
      levelOfSplitModes = deltas[4];
    }
  }

  private void readPartitions(FileBytes file, byte[] bytes, int sizes, int end) {
    int start = requireInside(sizes + 3 * (tokens.length - 1), end);
    for (int i = 0; i < tokens.length - 1; i++) {
      int next = requireInside(start + file.u24le(sizes + 3L * i), end);
      tokens[i] = new LossyWebpBits(bytes, start, next);
      start = next;
    }
    tokens[tokens.length - 1] = new LossyWebpBits(bytes, start, end);
  }

  private void readSteps() {
    int base = header.number(7);
    int lumaDc = header.optionalSigned(4);
    int secondDc = header.optionalSigned(4);
    int secondAc = header.optionalSigned(4);
    int chromaDc = header.optionalSigned(4);
    int chromaAc = header.optionalSigned(4);
    for (int i = 0; i < SEGMENTS; i++) {
      int quantiser = hasSegments ? segmentQuantiser[i] : base;
      if (hasSegments && !segmentsAreAbsolute) {
        quantiser += base;
      }
      steps[i] =
          new Steps(
              LossyWebpTables.dcStep(clamp(quantiser + lumaDc, 127)),
              LossyWebpTables.acStep(clamp(quantiser, 127)),
              LossyWebpTables.dcStep(clamp(quantiser + secondDc, 127)) * 2,
              Math.max(8, LossyWebpTables.acStep(clamp(quantiser + secondAc, 127)) * 155 / 100),
              LossyWebpTables.dcStep(clamp(quantiser + chromaDc, 117)),
              LossyWebpTables.acStep(clamp(quantiser + chromaAc, 127)));
    }
  }

  private static int clamp(int value, int max) {
    return Math.max(0, Math.min(max, value));
  }

  /** Sizes of the quantiser's steps: of luma, of the DCs of luma, of chroma. */
  private record Steps(
      int lumaDc, int lumaAc, int secondDc, int secondAc, int chromaDc, int chromaAc) {}

  // ---- Macroblocks

  private void decodeMacroblocks() {
    for (int row = 0; row < rows; row++) {
      Arrays.fill(modesLeft, LossyWebpPrediction.DC);
      Arrays.fill(tokensLeft, false);
      for (int column = 0; column < columns; column++) {
        decodeMacroblock(column, row);
      }
    }
    if (filterLevel == 0) {
      return;
    }
    for (int i = 0; i < levels.length; i++) {
      filter.apply(i % columns, i / columns, levels[i], filtersInner[i]);
    }
  }

  private void decodeMacroblock(int column, int row) {
    int segment = 0;
    if (hasSegmentMap) {
      segment =
          header.bit(segmentProbability[0]) == 0
              ? header.bit(segmentProbability[1])
              : 2 + header.bit(segmentProbability[2]);
    }
    boolean omitsTokens = mayOmitTokens && header.bit(omitProbability) == 1;
    boolean split = header.bit(145) == 0;
    int[] modes = split ? readBlockModes(column) : readMode(column);
    int chromaMode = readChromaMode();

    boolean[] above = tokensAbove[column];
    if (omitsTokens) {
      Arrays.fill(above, 0, 8, false);
      Arrays.fill(tokensLeft, 0, 8, false);
      if (!split) {
        above[8] = false;
        tokensLeft[8] = false;
      }
    }
    LossyWebpBits bits = omitsTokens ? null : tokens[row & (tokens.length - 1)];
    boolean anyToken = decodeLuma(bits, column, row, split, modes, steps[segment]);
    anyToken |= decodeChroma(bits, column, row, chromaMode, steps[segment]);

    int at = row * columns + column;
    levels[at] = (byte) level(segment, split);
    filtersInner[at] = split || anyToken;
  }

  private int level(int segment, boolean split) {
    int level = hasSegments ? segmentLevel[segment] : filterLevel;
    if (hasSegments && !segmentsAreAbsolute) {
      level += filterLevel;
    }
    return clamp(level + levelOfKeyFrames + (split ? levelOfSplitModes : 0), 63);
  }

  private int[] readMode(int column) {
    int mode;
    if (header.bit(156) == 1) {
      mode = header.flag() ? LossyWebpPrediction.TRUE_MOTION : LossyWebpPrediction.HORIZONTAL;
    } else {
      mode = header.bit(163) == 1 ? LossyWebpPrediction.VERTICAL : LossyWebpPrediction.DC;
    }
    Arrays.fill(modesAbove, column * 4, column * 4 + 4, mode);
    Arrays.fill(modesLeft, mode);
    return new int[] {mode};
  }

  private int[] readBlockModes(int column) {
    int[] modes = new int[16];
    for (int i = 0; i < modes.length; i++) {
      int above = column * 4 + i % 4;
      int node = 0;
      do {
        int probability =
            LossyWebpTables.blockModeProbability(modesAbove[above], modesLeft[i / 4], node);
        node = BLOCK_MODE_TREE[2 * node + header.bit(probability)];
      } while (node > 0);
      modes[i] = -node;
      modesAbove[above] = -node;
      modesLeft[i / 4] = -node;
    }
    return modes;
  }

  private int readChromaMode() {
    if (header.bit(142) == 0) {
      return LossyWebpPrediction.DC;
    }
    if (header.bit(114) == 0) {
      return LossyWebpPrediction.VERTICAL;
    }
    return header.bit(183) == 1 ? LossyWebpPrediction.TRUE_MOTION : LossyWebpPrediction.HORIZONTAL;
  }

  /** Returns whether any coefficient was stored; {@code bits} is null where they are omitted. */
  private boolean decodeLuma(
      LossyWebpBits bits, int column, int row, boolean split, int[] modes, Steps step) {
    boolean[] above = tokensAbove[column];
    Arrays.fill(dcs, (short) 0);
    if (!split) {
      LossyWebpPrediction.predict(luma, column * 16, row * 16, 16, modes[0]);
      if (bits != null) {
        int context = (above[8] ? 1 : 0) + (tokensLeft[8] ? 1 : 0);
        Arrays.fill(coefficients, (short) 0);
        int end = readTokens(bits, DC_OF_LUMA, context, 0, step.secondDc, step.secondAc);
        above[8] = end > 0;
        tokensLeft[8] = end > 0;
        spreadDcs();
      }
    }
    int[] right = split ? rightOf(column, row) : null;
    boolean anyToken = false;
    for (int i = 0; i < 16; i++) {
      int x = column * 16 + i % 4 * 4;
      int y = row * 16 + i / 4 * 4;
      if (split) {
        int[] upperRight = i % 4 == 3 ? right : samplesRightOf(x, y);
        LossyWebpPrediction.predictBlock(luma, x, y, modes[i], upperRight);
      }
      if (bits == null) {
        continue;
      }
      int first = split ? 0 : 1;
      int context = (above[i % 4] ? 1 : 0) + (tokensLeft[i / 4] ? 1 : 0);
      Arrays.fill(coefficients, (short) 0);
      coefficients[0] = dcs[i];
      int kind = split ? LUMA : LUMA_AFTER_DC;
      int end = readTokens(bits, kind, context, first, step.lumaDc, step.lumaAc);
      above[i % 4] = end > first;
      tokensLeft[i / 4] = end > first;
      anyToken |= addBlock(luma, x, y, end);
    }
    return anyToken;
  }

  private boolean decodeChroma(LossyWebpBits bits, int column, int row, int mode, Steps step) {
    boolean[] above = tokensAbove[column];
    boolean anyToken = false;
    for (int plane = 0; plane < 2; plane++) {
      LossyWebpPlane samples = plane == 0 ? blue : red;
      LossyWebpPrediction.predict(samples, column * 8, row * 8, 8, mode);
      for (int i = 0; bits != null && i < 4; i++) {
        int up = 4 + 2 * plane + i % 2;
        int left = 4 + 2 * plane + i / 2;
        int context = (above[up] ? 1 : 0) + (tokensLeft[left] ? 1 : 0);
        Arrays.fill(coefficients, (short) 0);
        int end = readTokens(bits, CHROMA, context, 0, step.chromaDc, step.chromaAc);
        above[up] = end > 0;
        tokensLeft[left] = end > 0;
        anyToken |= addBlock(samples, column * 8 + i % 2 * 4, row * 8 + i / 2 * 4, end);
      }
    }
    return anyToken;
  }

  /**
   * Returns what the blocks of the last column see to their upper right, in all four rows: the
   * samples below the macroblock above and to the right, or its neighbour's last where there is
   * none.
   */
  private int[] rightOf(int column, int row) {
    if (row > 0 && column == columns - 1) {
      int[] right = new int[4];
      Arrays.fill(right, luma.sample(luma.index(column * 16 + 15, row * 16 - 1)));
      return right;
    }
    return samplesRightOf(column * 16 + 12, row * 16);
  }

  private int[] samplesRightOf(int x, int y) {
    int at = luma.index(x + 4, y - 1);
    return new int[] {
      luma.sample(at), luma.sample(at + 1), luma.sample(at + 2), luma.sample(at + 3)
    };
  }

  // ---- Coefficients (RFC 6386, sections 13 and 14)

  /** Returns the index behind the last coefficient that was stored. */
  private int readTokens(
      LossyWebpBits bits, int kind, int contextAtStart, int first, int dcStep, int acStep) {
    int context = contextAtStart;
    int i = first;
    while (i < 16) {
      int at = probabilities(kind, i, context);
      if (bits.bit(tokenProbability[at]) == 0) {
        return i;
      }
      while (bits.bit(tokenProbability[at + 1]) == 0) {
        i++;
        if (i == 16) {
          return 16;
        }
        at = probabilities(kind, i, 0);
      }
      int value = 1;
      context = 1;
      if (bits.bit(tokenProbability[at + 2]) == 1) {
        value = largeValue(bits, at);
        context = 2;
      }
      int signed = bits.flag() ? -value : value;
      coefficients[ZIGZAG[i]] = (short) (signed * (i == 0 ? dcStep : acStep));
      i++;
    }
    return 16;
  }

  private static int probabilities(int kind, int index, int context) {
    int band = kind * LossyWebpTables.BANDS + BAND[index];
    return (band * LossyWebpTables.CONTEXTS + context) * LossyWebpTables.TOKEN_PROBABILITIES;
  }

  private int largeValue(LossyWebpBits bits, int at) {
    if (bits.bit(tokenProbability[at + 3]) == 0) {
      if (bits.bit(tokenProbability[at + 4]) == 0) {
        return 2;
      }
      return 3 + bits.bit(tokenProbability[at + 5]);
    }
    if (bits.bit(tokenProbability[at + 6]) == 0) {
      if (bits.bit(tokenProbability[at + 7]) == 0) {
        return 5 + bits.bit(159);
      }
      int upper = bits.bit(165);
      return 7 + 2 * upper + bits.bit(145);
    }
    int upper = bits.bit(tokenProbability[at + 8]);
    int category = 2 * upper + bits.bit(tokenProbability[at + 9 + upper]);
    int extra = 0;
    for (int probability : EXTRA_BITS[category]) {
      extra = 2 * extra + bits.bit(probability);
    }
    return 3 + (8 << category) + extra;
  }

  /** The inverse Walsh-Hadamard transform of {@link #coefficients} to the DCs of 16 blocks. */
  private void spreadDcs() {
    int[] sums = new int[16];
    for (int i = 0; i < 4; i++) {
      int outer = coefficients[i] + coefficients[12 + i];
      int inner = coefficients[4 + i] + coefficients[8 + i];
      int innerDifference = coefficients[4 + i] - coefficients[8 + i];
      int outerDifference = coefficients[i] - coefficients[12 + i];
      sums[i] = outer + inner;
      sums[8 + i] = outer - inner;
      sums[4 + i] = outerDifference + innerDifference;
      sums[12 + i] = outerDifference - innerDifference;
    }
    for (int i = 0; i < 16; i += 4) {
      int first = sums[i] + 3;
      int outer = first + sums[i + 3];
      int inner = sums[i + 1] + sums[i + 2];
      int innerDifference = sums[i + 1] - sums[i + 2];
      int outerDifference = first - sums[i + 3];
      dcs[i] = (short) ((outer + inner) >> 3);
      dcs[i + 1] = (short) ((outerDifference + innerDifference) >> 3);
      dcs[i + 2] = (short) ((outer - inner) >> 3);
      dcs[i + 3] = (short) ((outerDifference - innerDifference) >> 3);
    }
  }

  /** Adds the inverse cosine transform of a block; returns whether it had coefficients. */
  private boolean addBlock(LossyWebpPlane plane, int x, int y, int end) {
    if (end <= 1 && coefficients[0] == 0) {
      return false;
    }
    int[] columnwise = new int[16];
    for (int i = 0; i < 4; i++) {
      int sum = coefficients[i] + coefficients[8 + i];
      int difference = coefficients[i] - coefficients[8 + i];
      int low = timesSine(coefficients[4 + i]) - timesCosine(coefficients[12 + i]);
      int high = timesCosine(coefficients[4 + i]) + timesSine(coefficients[12 + i]);
      columnwise[i] = sum + high;
      columnwise[4 + i] = difference + low;
      columnwise[8 + i] = difference - low;
      columnwise[12 + i] = sum - high;
    }
    for (int i = 0; i < 4; i++) {
      int row = 4 * i;
      int sum = columnwise[row] + 4 + columnwise[row + 2];
      int difference = columnwise[row] + 4 - columnwise[row + 2];
      int low = timesSine(columnwise[row + 1]) - timesCosine(columnwise[row + 3]);
      int high = timesCosine(columnwise[row + 1]) + timesSine(columnwise[row + 3]);
      int at = plane.index(x, y + i);
      plane.set(at, plane.sample(at) + ((sum + high) >> 3));
      plane.set(at + 1, plane.sample(at + 1) + ((difference + low) >> 3));
      plane.set(at + 2, plane.sample(at + 2) + ((difference - low) >> 3));
      plane.set(at + 3, plane.sample(at + 3) + ((sum - high) >> 3));
    }
    return true;
  }

  /** Times sqrt(2) cos(pi / 8), in 16 bits. */
  private static int timesCosine(int value) {
    return value + ((value * 20091) >> 16);
  }

  /** Times sqrt(2) sin(pi / 8), in 16 bits. */
  private static int timesSine(int value) {
    return (value * 35468) >> 16;
  }

  // ---- Colours

  /**
   * Chroma is stored at half the size; each pixel takes 9/16 of its own and 7/16 of three others.
   */
  private int[] toArgb(int width, int height) {
    int[] argb = new int[Math.multiplyExact(width, height)];
    int chromaWidth = (width + 1) / 2;
    int chromaHeight = (height + 1) / 2;
    int at = 0;
    for (int y = 0; y < height; y++) {
      int near = y / 2;
      int far = y % 2 == 0 ? Math.max(0, near - 1) : Math.min(chromaHeight - 1, near + 1);
      for (int x = 0; x < width; x++) {
        int own = x / 2;
        int beside = x % 2 == 0 ? own - 1 : own + 1;
        boolean atSide = beside < 0 || beside == chromaWidth;
        argb[at++] =
            argb(
                luma.sample(luma.index(x, y)),
                chroma(blue, own, atSide ? own : beside, near, far, atSide),
                chroma(red, own, atSide ? own : beside, near, far, atSide));
      }
    }
    return argb;
  }

  /** In libwebp's order of rounding. */
  private static int chroma(
      LossyWebpPlane plane, int own, int beside, int near, int far, boolean atSide) {
    int ownNear = plane.sample(plane.index(own, near));
    int ownFar = plane.sample(plane.index(own, far));
    if (atSide) {
      return (3 * ownNear + ownFar + 2) >> 2;
    }
    int besideNear = plane.sample(plane.index(beside, near));
    int besideFar = plane.sample(plane.index(beside, far));
    int diagonal = (ownNear + besideFar + 3 * (besideNear + ownFar) + 8) >> 3;
    return (diagonal + ownNear) >> 1;
  }

  /** BT.601 with luma 16 to 235, in libwebp's fixed point. */
  private static int argb(int y, int u, int v) {
    int light = (y * 19077) >> 8;
    int red = light + ((v * 26149) >> 8) - 14234;
    int green = light - ((u * 6419) >> 8) - ((v * 13320) >> 8) + 8708;
    int blue = light + ((u * 33050) >> 8) - 17685;
    return 0xFF000000
        | clamp(red >> 6, 0xFF) << 16
        | clamp(green >> 6, 0xFF) << 8
        | clamp(blue >> 6, 0xFF);
  }
}

package io.github.pairloom.udfs.image;

import java.util.Arrays;

/**
 * Reads WebP (RFC 9649): lossy, lossless, with alpha, and the first frame of an animation on its
 * canvas. Metadata but orientation, profiles and later frames are not read.
 */
final class WebpFile {
  private static final int RIFF_HEADER_BYTES = 12;
  private static final int CHUNK_HEADER_BYTES = 8;
  private static final int FRAME_HEADER_BYTES = 16;
  private static final int EXTENDED_BYTES = 10;
  private static final int LOSSLESS_SIGNATURE = 0x2F;
  private static final int LOSSY_START_CODE = 0x2A019D;

  private final byte[] bytes;
  private final FileBytes file;
  private final ImageLimits limits;

  private int width;
  private int height;
  private int left;
  private int top;
  private int frameWidth;
  private int frameHeight;
  private int orientation = ExifOrientation.UPRIGHT;

  /** Offsets of chunk headers; -1 until found. */
  private long pixels = -1;

  private long alpha = -1;

  private WebpFile(byte[] bytes, ImageLimits limits) {
    this.bytes = bytes;
    this.file = new FileBytes(ImageFormat.WEBP, bytes);
    this.limits = limits;
  }

  static DecodedImage decode(byte[] bytes, ImageLimits limits) {
    WebpFile webp = new WebpFile(bytes, limits);
    webp.walk();
    return webp.read();
  }

  private void walk() {
    long end = CHUNK_HEADER_BYTES + file.u32le(4);
    file.require(end, "container");
    boolean extended = file.fourCc(RIFF_HEADER_BYTES).equals("VP8X");
    if (extended) {
      file.require(RIFF_HEADER_BYTES + CHUNK_HEADER_BYTES + EXTENDED_BYTES, "header");
      setCanvas(file.u24le(24) + 1, file.u24le(27) + 1);
    }
    walkChunks(RIFF_HEADER_BYTES, end);
    if (pixels < 0) {
      throw BadImageException.corrupt("WebP has no picture in it. Replace the file.");
    }
    boolean lossy = file.fourCc(pixels).equals("VP8 ");
    long data = pixels + CHUNK_HEADER_BYTES;
    if (lossy ? file.u24le(data + 3) != LOSSY_START_CODE : file.u8(data) != LOSSLESS_SIGNATURE) {
      throw BadImageException.corrupt(
          "WebP picture at byte %d has no start code. Replace the file.", data);
    }
    int dataWidth = lossy ? file.u16le(data + 6) & 0x3FFF : (file.u16le(data + 1) & 0x3FFF) + 1;
    int dataHeight =
        lossy ? file.u16le(data + 8) & 0x3FFF : (file.u24le(data + 2) >> 6 & 0x3FFF) + 1;
    if (!extended) {
      setCanvas(dataWidth, dataHeight);
    } else if (dataWidth != frameWidth || dataHeight != frameHeight) {
      throw BadImageException.corrupt(
          "WebP picture is %dx%d, but its frame %dx%d. Replace the file.",
          dataWidth, dataHeight, frameWidth, frameHeight);
    }
  }

  private void setCanvas(int canvasWidth, int canvasHeight) {
    limits.checkSize(ImageFormat.WEBP, canvasWidth, canvasHeight);
    width = canvasWidth;
    height = canvasHeight;
    frameWidth = canvasWidth;
    frameHeight = canvasHeight;
  }

  private void walkChunks(long from, long to) {
    for (long at = from; at + CHUNK_HEADER_BYTES <= to; ) {
      long data = at + CHUNK_HEADER_BYTES;
      long length = file.u32le(at + 4);
      file.require(data + length, "chunk");
      if (data + length > to) {
        throw BadImageException.corrupt(
            "WebP chunk at %d ends at %d, what it lies in at %d. Replace the file.",
            at, data + length, to);
      }
      switch (file.fourCc(at)) {
        case "VP8 ", "VP8L" -> pixels = pixels < 0 ? at : pixels;
        case "ALPH" -> alpha = alpha < 0 ? at : alpha;
        case "EXIF" -> {
          // Some writers keep the prefix that EXIF has in JPEG.
          long start = file.startsWith(data, "Exif\0\0") ? data + 6 : data;
          orientation = ExifOrientation.read(bytes, (int) start, (int) (data + length));
        }
        case "ANMF" -> {
          // A frame holds no frames.
          if (pixels < 0 && from == RIFF_HEADER_BYTES) {
            left = 2 * file.u24le(data);
            top = 2 * file.u24le(data + 3);
            frameWidth = file.u24le(data + 6) + 1;
            frameHeight = file.u24le(data + 9) + 1;
            walkChunks(data + FRAME_HEADER_BYTES, data + length);
          }
        }
        default -> {}
      }
      at = data + length + (length & 1);
    }
  }

  private DecodedImage read() {
    if ((long) left + frameWidth > width || (long) top + frameHeight > height) {
      throw BadImageException.corrupt(
          "WebP frame of %dx%d at (%d, %d) is outside the canvas of %dx%d. Replace the file.",
          frameWidth, frameHeight, left, top, width, height);
    }
    int data = (int) pixels + CHUNK_HEADER_BYTES;
    int[] argb;
    if (file.fourCc(pixels).equals("VP8L")) {
      argb = LosslessWebp.decodePicture(bytes, data, end(pixels), frameWidth, frameHeight);
    } else {
      argb = LossyWebp.decode(bytes, data, end(pixels), frameWidth, frameHeight);
      if (alpha >= 0) {
        setAlpha(argb, alphaPlane());
      }
    }
    return new WhiteCanvas(width, height)
        .paint(argb, frameWidth, left, top)
        .toImage(ImageFormat.WEBP, orientation);
  }

  private static void setAlpha(int[] argb, byte[] plane) {
    for (int i = 0; i < argb.length; i++) {
      argb[i] = plane[i] << 24 | (argb[i] & 0xFFFFFF);
    }
  }

  /** Returns the offset behind the data of a chunk. */
  private int end(long chunk) {
    return (int) (chunk + CHUNK_HEADER_BYTES + file.u32le(chunk + 4));
  }

  /**
   * Alpha is plain or lossless, and each value was stored less a neighbour (RFC 9649, section
   * 2.7.1.2).
   */
  private byte[] alphaPlane() {
    int from = (int) alpha + CHUNK_HEADER_BYTES + 1;
    int flags = file.u8(from - 1L);
    byte[] plane =
        switch (flags & 3) {
          case 0 -> plainAlpha(from);
          case 1 -> LosslessWebp.decodePlane(bytes, from, end(alpha), frameWidth, frameHeight);
          default ->
              throw BadImageException.corrupt(
                  "WebP has alpha of unknown compression %d. Replace the file.", flags & 3);
        };
    for (int i = 0; i < plane.length; i++) {
      plane[i] = (byte) (plane[i] + predict(plane, i, flags >> 2 & 3));
    }
    return plane;
  }

  private byte[] plainAlpha(int from) {
    int needed = frameWidth * frameHeight;
    if (end(alpha) - from < needed) {
      throw BadImageException.truncated(
          "WebP has %d bytes of alpha; its frame of %dx%d needs %d. Fetch the file again.",
          end(alpha) - from, frameWidth, frameHeight, needed);
    }
    return Arrays.copyOfRange(bytes, from, from + needed);
  }

  private int predict(byte[] plane, int i, int filter) {
    int x = i % frameWidth;
    int toLeft = x > 0 ? plane[i - 1] & 0xFF : 0;
    int above = i >= frameWidth ? plane[i - frameWidth] & 0xFF : 0;
    if (x == 0) {
      return filter == 0 ? 0 : above;
    }
    if (i < frameWidth) {
      return filter == 0 ? 0 : toLeft;
    }
    return switch (filter) {
      case 0 -> 0;
      case 1 -> toLeft;
      case 2 -> above;
      default -> Math.max(0, Math.min(0xFF, toLeft + above - (plane[i - frameWidth - 1] & 0xFF)));
    };
  }
}

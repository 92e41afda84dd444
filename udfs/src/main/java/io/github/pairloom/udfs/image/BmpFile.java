package io.github.pairloom.udfs.image;

import java.io.IOException;

/**
 * Reads Windows bitmaps. The sizes in the header are held against the file before the codec, which
 * trusts them, allocates by them; a colour profile, which may be a path, is switched off.
 */
final class BmpFile {
  private static final int FILE_HEADER_BYTES = 14;
  private static final int CORE_HEADER_BYTES = 12;
  private static final int INFO_HEADER_BYTES = 40;
  private static final int V4_HEADER_BYTES = 108;
  private static final int V5_HEADER_BYTES = 124;

  private static final int RGB = 0;
  private static final int RLE8 = 1;
  private static final int RLE4 = 2;
  private static final int BIT_FIELDS = 3;

  private BmpFile() {}

  static DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
    FileBytes file = new FileBytes(ImageFormat.BMP, bytes);
    long headerBytes = file.u32le(FILE_HEADER_BYTES);
    boolean core = headerBytes == CORE_HEADER_BYTES;
    if (!core
        && headerBytes != INFO_HEADER_BYTES
        && headerBytes != V4_HEADER_BYTES
        && headerBytes != V5_HEADER_BYTES) {
      throw BadImageException.unsupported(
          "BMP has a header of %d bytes; 12, 40, 108 and 124 can be read. Save it as PNG.",
          headerBytes);
    }
    long pixels = file.u32le(10);
    file.require(FILE_HEADER_BYTES + headerBytes, "header");
    file.require(pixels, "header");
    if (pixels < FILE_HEADER_BYTES + headerBytes) {
      throw BadImageException.corrupt(
          "BMP states that its pixels start at byte %d, inside the header. Replace the file.",
          pixels);
    }
    long width = core ? file.u16le(18) : (int) file.u32le(18);
    // A negative height means rows from the top.
    long height = core ? file.u16le(20) : Math.abs((long) (int) file.u32le(22));
    int bitsPerPixel = core ? file.u16le(24) : file.u16le(28);
    limits.checkSize(ImageFormat.BMP, width, height);

    long compression = core ? RGB : file.u32le(30);
    if (compression == RLE8 || compression == RLE4) {
      long stated = file.u32le(34);
      file.require(stated == 0 ? file.u32le(2) : pixels + stated, "picture");
    } else if (compression == RGB || compression == BIT_FIELDS) {
      long rowBytes = (width * bitsPerPixel + 31) / 32 * 4;
      file.require(pixels + rowBytes * height, "picture");
    } else {
      throw BadImageException.unsupported(
          "BMP uses compression %d (embedded JPEG or PNG, or unknown). Save it as PNG.",
          compression);
    }

    byte[] kept = bytes.clone();
    if (headerBytes >= V4_HEADER_BYTES) {
      // "sRGB", the standard colour space, in little endian.
      System.arraycopy(new byte[] {'B', 'G', 'R', 's'}, 0, kept, 70, 4);
    }
    return new WhiteCanvas((int) width, (int) height)
        .paint(Codec.BMP.read(kept, warning -> {}), 0, 0)
        .toImage(ImageFormat.BMP, ExifOrientation.UPRIGHT);
  }
}

package io.github.pairloom.udfs.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Set;
import java.util.zip.CRC32;

/**
 * Reads PNG (ISO/IEC 15948). Chunks are walked to IEND, and the checksums of those that matter to
 * the pixels are checked. The codec gets only these: text, profiles and animation frames, some of
 * them compressed, are never inflated.
 */
final class PngFile {
  private static final int SIGNATURE_BYTES = 8;

  /** Length, name and checksum. */
  private static final int CHUNK_OVERHEAD = 12;

  private static final Set<String> KEPT = Set.of("IHDR", "PLTE", "tRNS", "IDAT", "IEND");

  private PngFile() {}

  static DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
    FileBytes file = new FileBytes(ImageFormat.PNG, bytes);
    if (!file.fourCc(SIGNATURE_BYTES + 4).equals("IHDR")) {
      throw BadImageException.corrupt("PNG does not start with its header. Replace the file.");
    }
    int width = (int) Math.min(Integer.MAX_VALUE, file.u32be(16));
    int height = (int) Math.min(Integer.MAX_VALUE, file.u32be(20));
    limits.checkSize(ImageFormat.PNG, file.u32be(16), file.u32be(20));

    ByteArrayOutputStream kept = new ByteArrayOutputStream(bytes.length);
    kept.write(bytes, 0, SIGNATURE_BYTES);
    int orientation = ExifOrientation.UPRIGHT;
    String name = "";
    for (long at = SIGNATURE_BYTES; !name.equals("IEND"); ) {
      long length = file.u32be(at);
      name = file.fourCc(at + 4);
      long end = at + CHUNK_OVERHEAD + length;
      file.require(end, "chunk");
      if (KEPT.contains(name)) {
        checkSum(bytes, file, name, at, length);
        kept.write(bytes, (int) at, (int) (end - at));
      } else if (name.equals("eXIf")) {
        orientation = ExifOrientation.read(bytes, (int) at + 8, (int) end - 4);
      }
      at = end;
    }
    return new WhiteCanvas(width, height)
        .paint(Codec.PNG.read(kept.toByteArray(), warning -> {}), 0, 0)
        .toImage(ImageFormat.PNG, orientation);
  }

  private static void checkSum(byte[] bytes, FileBytes file, String name, long at, long length) {
    CRC32 crc = new CRC32();
    crc.update(bytes, (int) at + 4, (int) length + 4);
    if (crc.getValue() != file.u32be(at + 8 + length)) {
      throw BadImageException.corrupt(
          "PNG chunk %s at byte %d does not match its checksum. Fetch the file again.", name, at);
    }
  }
}

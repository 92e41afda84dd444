package io.github.pairloom.udfs.image;

import java.awt.image.Raster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Reads JPEG (ITU-T T.81). The markers are walked from start to end of image; what follows the end
 * is ignored, as cameras and phones append previews and videos there.
 *
 * <p>The codec gets the tables, the frame and the scans, and clean copies of the two application
 * segments that say how colours are stored (JFIF and Adobe). EXIF, thumbnails and colour profiles
 * do not reach it.
 */
final class JpegFile {
  private static final int APP0 = 0xE0;
  private static final int APP1 = 0xE1;
  private static final int APP14 = 0xEE;
  private static final int APP15 = 0xEF;
  private static final int COMMENT = 0xFE;
  private static final int DHT = 0xC4;
  private static final int DAC = 0xCC;
  private static final int EOI = 0xD9;
  private static final int JPG = 0xC8;
  private static final int RST0 = 0xD0;
  private static final int SOF0 = 0xC0;
  private static final int SOF2 = 0xC2;
  private static final int SOF15 = 0xCF;
  private static final int SOI = 0xD8;
  private static final int SOS = 0xDA;
  private static final int TEM = 0x01;

  /**
   * Each scan goes over the whole picture, so thousands of empty ones make a small file slow.
   * Encoders write about ten.
   */
  private static final int MAX_SCANS = 100;

  /** Adobe's transform: the stored components are Y, Cb, Cr and K. */
  private static final int YCCK = 2;

  private final byte[] bytes;
  private final FileBytes file;
  private final ImageLimits limits;
  private final ByteArrayOutputStream kept;

  private int components;
  private int width;
  private int height;
  private int adobeTransform;
  private int orientation = ExifOrientation.UPRIGHT;
  private boolean hasJfif;
  private int scans;

  private JpegFile(byte[] bytes, ImageLimits limits) {
    this.bytes = bytes;
    this.file = new FileBytes(ImageFormat.JPEG, bytes);
    this.limits = limits;
    this.kept = new ByteArrayOutputStream(bytes.length);
  }

  static DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
    JpegFile jpeg = new JpegFile(bytes, limits);
    jpeg.walk();
    return jpeg.components == 4 ? jpeg.readInk() : jpeg.readColours();
  }

  /** Returns whether the picture is stored as it is to be seen. */
  static boolean isUpright(byte[] bytes, ImageLimits limits) {
    JpegFile jpeg = new JpegFile(bytes, limits);
    jpeg.walk();
    return jpeg.orientation == ExifOrientation.UPRIGHT;
  }

  private void walk() {
    writeMarker(SOI);
    long at = 2;
    while (true) {
      at = nextMarker(at);
      int marker = file.u8(at - 1);
      if (marker == EOI) {
        break;
      }
      if (marker == SOI || marker == TEM || (marker >= RST0 && marker < SOI)) {
        continue; // without content, and without meaning here
      }
      int length = file.u16be(at);
      if (length < 2) {
        throw BadImageException.corrupt(
            "JPEG segment at byte %d states a length of %d; at least 2 is needed. Replace the file.",
            at, length);
      }
      file.require(at + length, "segment");
      at = marker == SOS ? scan(at, length) : segment(marker, at, length);
    }
    if (scans == 0) {
      throw BadImageException.corrupt("JPEG has no picture in it. Replace the file.");
    }
    writeMarker(EOI);
  }

  /** Returns the offset behind the next marker. Junk before it is skipped, as libjpeg does. */
  private long nextMarker(long at) {
    long end = at;
    while (file.u8(end) != 0xFF || file.u8(end + 1) == 0xFF || file.u8(end + 1) == 0) {
      end++;
    }
    return end + 2;
  }

  private long segment(int marker, long at, int length) {
    if (marker == APP0 && file.startsWith(at + 2, "JFIF\0")) {
      keepJfif();
    } else if (marker == APP1 && file.startsWith(at + 2, "Exif\0")) {
      if (orientation == ExifOrientation.UPRIGHT) {
        orientation = ExifOrientation.read(bytes, (int) at + 8, (int) at + length);
      }
    } else if (marker == APP14 && length >= 14 && file.startsWith(at + 2, "Adobe")) {
      keepAdobe(file.u8(at + 13));
    } else if (isFrame(marker)) {
      frame(marker, at, length);
      keep(at - 2, at + length);
    } else if ((marker < APP0 || marker > APP15) && marker != COMMENT) {
      keep(at - 2, at + length);
    }
    return at + length;
  }

  private static boolean isFrame(int marker) {
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC;
  }

  private void frame(int marker, long at, int length) {
    if (marker > SOF2) {
      throw BadImageException.unsupported(
          "JPEG uses coding process SOF%d (lossless, hierarchical or arithmetic). Save it as baseline"
              + " JPEG.",
          marker - SOF0);
    }
    if (components != 0 || length < 8) {
      throw BadImageException.corrupt(
          "JPEG has a second or a short frame header at byte %d. Replace the file.", at);
    }
    if (file.u8(at + 2) != 8) {
      throw BadImageException.unsupported(
          "JPEG has %d bits per sample; only 8 can be decoded. Save it as baseline JPEG.",
          file.u8(at + 2));
    }
    height = file.u16be(at + 3);
    width = file.u16be(at + 5);
    components = file.u8(at + 7);
    if (components != 1 && components != 3 && components != 4) {
      throw BadImageException.unsupported(
          "JPEG has %d components; 1, 3 or 4 can be decoded. Save it as an RGB JPEG.", components);
    }
    limits.checkSize(ImageFormat.JPEG, width, height);
  }

  /** Returns the offset of the marker that ends the entropy-coded data. */
  private long scan(long at, int length) {
    if (components == 0) {
      throw BadImageException.corrupt(
          "JPEG has a scan before any frame header, at byte %d. Replace the file.", at);
    }
    scans++;
    if (scans > MAX_SCANS) {
      throw BadImageException.unsupported(
          "JPEG has more than %d scans. Save it as baseline JPEG.", MAX_SCANS);
    }
    int end = (int) at + length;
    while (true) {
      if (end + 1 >= bytes.length) {
        throw BadImageException.truncated(
            "JPEG ends at byte %d inside its picture, without an end marker. Fetch the file again.",
            bytes.length);
      }
      int second = bytes[end + 1] & 0xFF;
      if (bytes[end] == (byte) 0xFF
          && second != 0
          && second != 0xFF
          && (second < RST0 || second >= SOI)) {
        break;
      }
      end++;
    }
    keep(at - 2, end);
    return end;
  }

  private void keep(long from, long to) {
    kept.write(bytes, (int) from, (int) (to - from));
  }

  private void writeMarker(int marker) {
    kept.write(0xFF);
    kept.write(marker);
  }

  /** Version 1.1, square pixels, no thumbnail. */
  private void keepJfif() {
    if (!hasJfif) {
      hasJfif = true;
      writeMarker(APP0);
      kept.writeBytes("\0\20JFIF\0\1\1\0\0\1\0\1\0\0".getBytes(StandardCharsets.ISO_8859_1));
    }
  }

  /** Version 100, no flags. */
  private void keepAdobe(int transform) {
    adobeTransform = transform;
    writeMarker(APP14);
    kept.writeBytes("\0\16Adobe\0d\0\0\0\0".getBytes(StandardCharsets.ISO_8859_1));
    kept.write(transform);
  }

  private DecodedImage readColours() throws IOException {
    return new WhiteCanvas(width, height)
        .paint(Codec.JPEG.read(kept.toByteArray(), JpegFile::judge), 0, 0)
        .toImage(ImageFormat.JPEG, orientation);
  }

  /**
   * CMYK and YCCK to RGB by Pillow's formula. All four-component files in the wild store ink
   * inverted, as Adobe does, so a stored sample is 255 less the ink. Going through a CMYK profile
   * instead would give other colours on machines with other profiles installed.
   */
  private DecodedImage readInk() throws IOException {
    Raster raster = Codec.JPEG.readRaster(kept.toByteArray(), JpegFile::judge);
    if (raster.getNumBands() != 4 || raster.getWidth() != width || raster.getHeight() != height) {
      throw BadImageException.corrupt(
          "JPEG data holds %dx%d with %d components, its header %dx%d with 4. Replace the file.",
          raster.getWidth(), raster.getHeight(), raster.getNumBands(), width, height);
    }
    byte[] rgb = new byte[width * height * RgbImage.CHANNELS];
    int at = 0;
    for (int y = 0; y < height; y++) {
      int[] row = raster.getPixels(0, y, width, 1, (int[]) null);
      for (int i = 0; i < row.length; i += 4) {
        int paperOfBlack = row[i + 3];
        if (adobeTransform == YCCK) {
          toPaper(row, i);
        }
        for (int c = 0; c < RgbImage.CHANNELS; c++) {
          rgb[at++] = (byte) (paperOfBlack - scaled(0xFF - row[i + c], paperOfBlack));
        }
      }
    }
    return new DecodedImage(
        ImageFormat.JPEG,
        ExifOrientation.apply(RgbImage.wrap(width, height, rgb), orientation),
        orientation == ExifOrientation.UPRIGHT);
  }

  /** YCbCr to 255 less RGB, in libjpeg's fixed point ({@code ycck_cmyk_convert}). */
  private static void toPaper(int[] row, int i) {
    int y = row[i];
    int cb = row[i + 1] - 128;
    int cr = row[i + 2] - 128;
    row[i] = 0xFF - clamp(y + ((91881 * cr + 32768) >> 16));
    row[i + 1] = 0xFF - clamp(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
    row[i + 2] = 0xFF - clamp(y + ((116130 * cb + 32768) >> 16));
  }

  private static int clamp(int value) {
    return Math.max(0, Math.min(0xFF, value));
  }

  /** Returns a * b / 255, rounded (Pillow's {@code MULDIV255}). */
  private static int scaled(int a, int b) {
    int product = a * b + 128;
    return ((product >> 8) + product) >> 8;
  }

  /**
   * libjpeg repairs what it can and only warns. Extra bytes between scans change no pixel and are
   * common; data that ends early or does not decode leaves grey or shifted blocks.
   */
  private static void judge(String warning) {
    if (warning.contains("remature end")) {
      throw BadImageException.truncated(
          "JPEG has less picture data than its header promises. Fetch the file again.");
    }
    if (warning.startsWith("Corrupt JPEG data") && !warning.contains("extraneous bytes")) {
      throw BadImageException.corrupt(
          "JPEG has picture data that does not decode. Replace the file.");
    }
  }
}

package io.github.pairloom.udfs.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The formats that may be decoded. Everything else is refused by name: formats with scripts,
 * entities or external references (SVG, PDF, EPS) and formats whose decoders are not shipped (TIFF,
 * HEIC, AVIF).
 */
public enum ImageFormat {
  /** JPEG: baseline, extended sequential and progressive; grey, YCbCr, RGB, CMYK and YCCK. */
  JPEG("\u00FF\u00D8\u00FF") {
    @Override
    DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
      return JpegFile.decode(bytes, limits);
    }
  },
  /** PNG of every colour type and depth; of an animation, its default image. */
  PNG("\u0089PNG\r\n\u001A\n") {
    @Override
    DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
      return PngFile.decode(bytes, limits);
    }
  },
  /** GIF, first frame. */
  GIF("GIF8") {
    @Override
    DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
      return GifFile.decode(bytes, limits);
    }
  },
  /** BMP: uncompressed, bit fields and run lengths. */
  BMP("BM") {
    @Override
    DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
      return BmpFile.decode(bytes, limits);
    }
  },
  /** WebP: lossy and lossless, first frame. */
  WEBP("RIFF") {
    @Override
    boolean matches(String head) {
      return super.matches(head) && head.startsWith("WEBP", 8);
    }

    @Override
    DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException {
      return WebpFile.decode(bytes, limits);
    }
  };

  /** How far a web page or a drawing is searched for its tag. */
  private static final int SNIFF_LENGTH = 1024;

  /** First characters of what people put where an image should be; the first match counts. */
  private static final List<Map.Entry<String, String>> REFUSED =
      List.of(
          Map.entry("%PDF", "a PDF document"),
          Map.entry("%!PS", "PostScript"),
          Map.entry("\u00C5\u00D0\u00D3\u00C6", "PostScript"),
          Map.entry("II*\0", "a TIFF image"),
          Map.entry("MM\0*", "a TIFF image"),
          Map.entry("II+\0", "a TIFF image"),
          Map.entry("MM\0+", "a TIFF image"),
          Map.entry("8BPS", "a Photoshop document"),
          Map.entry("\0\0\1\0", "an icon"),
          Map.entry("\u00FF\n", "a JPEG XL image"),
          Map.entry("\0\0\0\fJXL ", "a JPEG XL image"),
          Map.entry("\0\0\0\fjP  ", "a JPEG 2000 image"),
          Map.entry("PK\3\4", "a ZIP archive"),
          Map.entry("\u001F\u008B", "a gzip file"),
          Map.entry("version https://git-lfs", "a Git LFS pointer, not the file it points to"));

  private final String magic;

  ImageFormat(String magic) {
    this.magic = magic;
  }

  /** Returns the allowed format that {@code bytes} starts as, whatever the file is called. */
  public static Optional<ImageFormat> of(byte[] bytes) {
    String head = head(bytes);
    return Arrays.stream(values()).filter(format -> format.matches(head)).findFirst();
  }

  /**
   * Returns the first picture of a file of this format, upright and on white. The structure is
   * walked first; a codec sees only a file rebuilt from the parts that make up that picture.
   *
   * @throws BadImageException if the file breaks a limit, is truncated or is malformed
   * @throws IOException if the codec cannot read the data
   */
  abstract DecodedImage decode(byte[] bytes, ImageLimits limits) throws IOException;

  boolean matches(String head) {
    return head.startsWith(magic);
  }

  static BadImageException refuse(byte[] bytes) {
    String head = head(bytes);
    return BadImageException.of(
        ImageDefect.NOT_AN_IMAGE,
        "File is %s (first bytes %s). Allowed formats: JPEG, PNG, GIF, BMP, WebP.",
        describe(head),
        HexFormat.ofDelimiter(" ").formatHex(bytes, 0, Math.min(8, bytes.length)));
  }

  private static String describe(String head) {
    for (Map.Entry<String, String> refused : REFUSED) {
      if (head.startsWith(refused.getKey())) {
        return refused.getValue();
      }
    }
    if (head.startsWith("ftyp", 4)) {
      return "an ISO media file, such as HEIC, AVIF or MP4";
    }
    String text = head.toLowerCase(Locale.ROOT);
    if (text.contains("<svg")) {
      return "an SVG drawing";
    }
    if (text.contains("<html") || text.contains("<!doctype html")) {
      return "a web page";
    }
    boolean printable = head.chars().allMatch(c -> c >= ' ' || c == '\n' || c == '\r' || c == '\t');
    return printable ? "text" : "of an unknown format";
  }

  /** One character per byte. */
  private static String head(byte[] bytes) {
    return new String(bytes, 0, Math.min(bytes.length, SNIFF_LENGTH), StandardCharsets.ISO_8859_1);
  }
}

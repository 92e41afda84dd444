package io.github.pairloom.udfs.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TestImageDecoder {
  /** Lets every size through, so that small pictures can show what else happens. */
  private static final ImageDecoder DECODER =
      new ImageDecoder(new ImageLimits(1 << 20, 1 << 20, 1, 1 << 20));

  private static final String JPEG = "baseline-420.jpg";

  // ---- What decodes, and to what

  static Stream<String> decoded() {
    return GoldenImages.rows("decoded.txt").stream().map(row -> String.join(" ", row));
  }

  @ParameterizedTest
  @MethodSource("decoded")
  void everyByteIsPillows(String golden) {
    String[] row = golden.split(" ", -1);
    RgbImage image = DECODER.decode(GoldenImages.bytes(row[0])).image();
    assertEquals(row[1] + "x" + row[2], image.width() + "x" + image.height());
    assertEquals(row[3], GoldenImages.sha256(image), golden);
  }

  @ParameterizedTest
  @CsvSource({
    "baseline-420.jpg, JPEG",
    "palette-alpha.png, PNG",
    "lossless.webp, WEBP",
    "lossy.webp, WEBP"
  })
  void formatIsToldByContent(String file, ImageFormat format) {
    assertEquals(format, DECODER.decode(GoldenImages.bytes(file)).format());
  }

  @ParameterizedTest
  @ValueSource(strings = {"png", "bmp"})
  void losslessFormatsGiveBackEveryPixel(String format) throws IOException {
    BufferedImage written = gradient(BufferedImage.TYPE_INT_RGB, 31, 17);
    assertEquals(pixels(written), DECODER.decode(written(written, format)).image());
  }

  @Test
  void greyIsNotBrightened() throws IOException {
    BufferedImage grey = new BufferedImage(256, 1, BufferedImage.TYPE_BYTE_GRAY);
    for (int x = 0; x < 256; x++) {
      grey.getRaster().setSample(x, 0, 0, x);
    }
    RgbImage image = DECODER.decode(written(grey, "png")).image();
    for (int x = 0; x < 256; x++) {
      assertEquals(List.of(x, x, x), rgb(image, x, 0));
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 255", "2, 85", "4, 17"})
  void greyOfFewBitsIsSpreadOverTheRange(int bits, int step) throws IOException {
    int levels = 1 << bits;
    ByteArrayOutputStream row = new ByteArrayOutputStream();
    row.write(0); // no filter
    int packed = 0;
    int perByte = 8 / bits;
    for (int level = 0; level < Math.max(levels, perByte); level++) {
      packed = (packed << bits) | (level % levels);
      if (level % perByte == perByte - 1) {
        row.write(packed);
        packed = 0;
      }
    }
    byte[] png = png(levels, 1, bits, 0, new byte[0], new byte[0], row.toByteArray());
    RgbImage image = DECODER.decode(png).image();
    for (int x = 0; x < levels; x++) {
      assertEquals(List.of(x * step, x * step, x * step), rgb(image, x, 0));
    }
  }

  @Test
  void sixteenBitsKeepTheUpperEight() throws IOException {
    byte[] rows = {0, 0x12, (byte) 0xFF, (byte) 0x80, 0, (byte) 0xFF, (byte) 0xFF};
    RgbImage rgb = DECODER.decode(png(1, 1, 16, 2, new byte[0], new byte[0], rows)).image();
    assertEquals(List.of(0x12, 0x80, 0xFF), rgb(rgb, 0, 0));
    RgbImage grey =
        DECODER
            .decode(png(1, 1, 16, 0, new byte[0], new byte[0], new byte[] {0, 0x40, 0x7F}))
            .image();
    assertEquals(List.of(0x40, 0x40, 0x40), rgb(grey, 0, 0));
  }

  @Test
  void sixteenBitAlphaIsOnWhite() throws IOException {
    byte[] greyAlpha = {0, 0, 0, 0, 0};
    RgbImage image = DECODER.decode(png(1, 1, 16, 4, new byte[0], new byte[0], greyAlpha)).image();
    assertEquals(List.of(255, 255, 255), rgb(image, 0, 0));
  }

  @Test
  void hiddenColoursOfTransparentPixelsAreWhite() throws IOException {
    BufferedImage argb = new BufferedImage(3, 1, BufferedImage.TYPE_INT_ARGB);
    argb.setRGB(0, 0, 0x00FF0000);
    argb.setRGB(1, 0, 0x80000000);
    argb.setRGB(2, 0, 0xFF0000FF);
    RgbImage image = DECODER.decode(written(argb, "png")).image();
    assertEquals(List.of(255, 255, 255), rgb(image, 0, 0));
    assertEquals(List.of(127, 127, 127), rgb(image, 1, 0));
    assertEquals(List.of(0, 0, 255), rgb(image, 2, 0));
  }

  @Test
  void transparentPaletteEntryIsWhite() throws IOException {
    byte[] palette = {10, 20, 30, 40, 50, 60};
    byte[] png = png(2, 1, 8, 3, palette, new byte[] {0}, new byte[] {0, 0, 1});
    RgbImage image = DECODER.decode(png).image();
    assertEquals(List.of(255, 255, 255), rgb(image, 0, 0));
    assertEquals(List.of(40, 50, 60), rgb(image, 1, 0));
  }

  @Test
  void transparentColourWithoutPaletteIsWhite() throws IOException {
    byte[] rgbRows = {0, 10, 20, 30, 40, 50, 60};
    RgbImage rgb =
        DECODER
            .decode(png(2, 1, 8, 2, new byte[0], new byte[] {0, 10, 0, 20, 0, 30}, rgbRows))
            .image();
    assertEquals(List.of(255, 255, 255), rgb(rgb, 0, 0));
    assertEquals(List.of(40, 50, 60), rgb(rgb, 1, 0));
    byte[] greyRows = {0, 10, 40};
    RgbImage grey =
        DECODER.decode(png(2, 1, 8, 0, new byte[0], new byte[] {0, 10}, greyRows)).image();
    assertEquals(List.of(255, 255, 255), rgb(grey, 0, 0));
    assertEquals(List.of(40, 40, 40), rgb(grey, 1, 0));
  }

  @Test
  void firstFrameOfAnAnimatedGifIsOnItsWhiteScreen() throws IOException {
    byte[] gif = animatedGif();
    RgbImage image = DECODER.decode(gif).image();
    assertEquals("20x12", image.width() + "x" + image.height());
    assertEquals(List.of(255, 255, 255), rgb(image, 0, 0));
    assertEquals(List.of(200, 0, 0), rgb(image, 3, 2));
    assertEquals(List.of(255, 255, 255), rgb(image, 19, 11));
  }

  @Test
  void gifThatEndsAfterItsFirstFrameIsWhole() throws IOException {
    byte[] gif = animatedGif();
    byte[] cut = Arrays.copyOf(gif, gif.length - 10);
    assertEquals(DECODER.decode(gif).image(), DECODER.decode(cut).image());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void exifOrientationTurnsThePictureUpright(int orientation) throws IOException {
    // One bright quarter: where it must end up, by the table of the EXIF standard.
    BufferedImage stored = new BufferedImage(64, 32, BufferedImage.TYPE_INT_RGB);
    Graphics2D pen = stored.createGraphics();
    pen.setColor(Color.WHITE);
    pen.fillRect(0, 0, 32, 16); // row 0, column 0 of what is stored
    pen.dispose();
    RgbImage image = DECODER.decode(withExif(written(stored, "jpg"), orientation)).image();
    boolean swapped = orientation >= 5;
    assertEquals(swapped ? "32x64" : "64x32", image.width() + "x" + image.height());
    boolean atRight = List.of(2, 3, 6, 7).contains(orientation);
    boolean atBottom = List.of(3, 4, 7, 8).contains(orientation);
    for (boolean right : new boolean[] {false, true}) {
      for (boolean bottom : new boolean[] {false, true}) {
        int x = image.width() * (right ? 3 : 1) / 4;
        int y = image.height() * (bottom ? 3 : 1) / 4;
        boolean bright = right == atRight && bottom == atBottom;
        assertEquals(bright ? 255 : 0, image.sample(x, y, 0), 20, "at " + x + "," + y);
      }
    }
  }

  @Test
  void turningSwapsRowsForColumnsWithoutMirroring() {
    RgbImage stored = RgbImage.copyOf(2, 1, new byte[] {1, 1, 1, 2, 2, 2});
    RgbImage oneUpper = RgbImage.copyOf(1, 2, new byte[] {1, 1, 1, 2, 2, 2});
    RgbImage oneLower = RgbImage.copyOf(1, 2, new byte[] {2, 2, 2, 1, 1, 1});
    assertEquals(oneUpper, ExifOrientation.apply(stored, 6));
    assertEquals(oneLower, ExifOrientation.apply(stored, 8));
    RgbImage column = RgbImage.copyOf(1, 2, new byte[] {1, 1, 1, 2, 2, 2});
    RgbImage oneRight = RgbImage.copyOf(2, 1, new byte[] {2, 2, 2, 1, 1, 1});
    assertEquals(oneRight, ExifOrientation.apply(column, 6));
    assertEquals(stored, ExifOrientation.apply(column, 8));
  }

  @Test
  void pngAndWebpAreTurnedToo() throws IOException {
    RgbImage stored = DECODER.decode(GoldenImages.bytes("grey-alpha.png")).image();
    byte[] png = GoldenImages.bytes("grey-alpha.png");
    byte[] turned = spliced(png, 33, chunk("eXIf", tiff(6)));
    assertEquals(ExifOrientation.apply(stored, 6), DECODER.decode(turned).image());

    RgbImage webp = DECODER.decode(GoldenImages.bytes("animated.webp")).image();
    assertEquals(
        ExifOrientation.apply(webp, 8),
        DECODER.decode(withWebpExif(GoldenImages.bytes("animated.webp"), tiff(8))).image());
  }

  @Test
  void whatIsTurnedOrShowsWhiteBehindItIsNotAsStored() throws IOException {
    byte[] jpeg = written(new BufferedImage(64, 32, BufferedImage.TYPE_INT_RGB), "jpg");
    assertTrue(DECODER.decode(withExif(jpeg, 1)).asStored());
    assertFalse(DECODER.decode(withExif(jpeg, 6)).asStored());
    BufferedImage argb = new BufferedImage(1, 1, BufferedImage.TYPE_INT_ARGB);
    argb.setRGB(0, 0, 0xFF000000);
    assertTrue(DECODER.decode(written(argb, "png")).asStored());
    argb.setRGB(0, 0, 0xFE000000);
    assertFalse(DECODER.decode(written(argb, "png")).asStored());
    assertFalse(DECODER.decode(animatedGif()).asStored());
  }

  @RepeatedTest(20)
  void brokenExifDoesNotBreakThePicture() throws IOException {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    Random random = new Random(seed);
    byte[] tiff = tiff(1);
    byte[] broken = Arrays.copyOf(tiff, random.nextInt(tiff.length));
    for (int i = 0; i < broken.length; i += 1 + random.nextInt(6)) {
      broken[i] = (byte) random.nextInt();
    }
    byte[] jpeg = withExif(GoldenImages.bytes(JPEG), broken);
    RgbImage image = DECODER.decode(jpeg).image();
    assertEquals(33 * 21, image.width() * image.height(), "rerun with -Dtests.seed=" + seed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"baseline-420.jpg", "progressive.jpg", "palette-alpha.png", "lossless.webp"})
  void bytesBehindTheEndAreIgnored(String file) {
    byte[] whole = GoldenImages.bytes(file);
    byte[] longer = Arrays.copyOf(whole, whole.length + 1000);
    Arrays.fill(longer, whole.length, longer.length, (byte) 0x41);
    assertEquals(DECODER.decode(whole), DECODER.decode(longer));
  }

  @Test
  void colourProfileIsIgnored() throws IOException {
    byte[] jpeg = GoldenImages.bytes(JPEG);
    byte[] profile = "ICC_PROFILE\0\1\1not a profile".getBytes(StandardCharsets.ISO_8859_1);
    byte[] withProfile = spliced(jpeg, 2, segment(0xE2, profile));
    assertEquals(DECODER.decode(jpeg).image(), DECODER.decode(withProfile).image());
  }

  @Test
  void textInPngIsNeverInflated() throws IOException {
    byte[] png = GoldenImages.bytes("palette-alpha.png");
    byte[] bomb = chunk("zTXt", deflated("k\0\0", new byte[50_000_000]));
    assertEquals(DECODER.decode(png), DECODER.decode(spliced(png, 33, bomb)));
  }

  @Test
  void inputIsNotChanged() throws IOException {
    for (byte[] file :
        List.of(
            GoldenImages.bytes(JPEG), written(gradient(BufferedImage.TYPE_INT_RGB, 5, 5), "bmp"))) {
      byte[] before = file.clone();
      DECODER.decode(file);
      assertArrayEquals(before, file);
    }
  }

  // ---- What is refused, and why

  @Test
  void noBytesAreEmpty() {
    assertBad(ImageDefect.EMPTY, "Image file has no bytes. Fetch the file again.", new byte[0]);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "A plain sentence, saved as photo.jpg.|text",
        "<!DOCTYPE html><html><body>404</body></html>|a web page",
        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>|an SVG drawing",
        "%PDF-1.7|a PDF document",
        "%!PS-Adobe-3.0 EPSF-3.0|PostScript",
        "II*\\0\\10\\0\\0\\0|a TIFF image",
        "version https://git-lfs.github.com/spec/v1|a Git LFS pointer, not the file it points to",
        "\\0\\0\\0\\40ftypavif|an ISO media file, such as HEIC, AVIF or MP4",
        "RIFF\\4\\0\\0\\0WAVE|of an unknown format"
      })
  void otherFilesAreNamed(String content, String name) {
    assertBad(
        ImageDefect.NOT_AN_IMAGE,
        "File is " + name + " (first bytes ",
        content.translateEscapes().getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void messageShowsBytesAsHexAndTheAllowedFormats() {
    BadImageException e =
        assertThrows(
            BadImageException.class,
            () -> DECODER.decode("<html>".getBytes(StandardCharsets.ISO_8859_1)));
    assertEquals(
        "File is a web page (first bytes 3c 68 74 6d 6c 3e). Allowed formats: JPEG, PNG, GIF, BMP,"
            + " WebP.",
        e.getMessage());
  }

  static Stream<String> wholeFiles() {
    return Stream.concat(
        GoldenImages.rows("decoded.txt").stream().map(row -> row[0]),
        Stream.of("written.bmp", "written.gif"));
  }

  @ParameterizedTest
  @MethodSource("wholeFiles")
  void everyCutIsTruncated(String file) throws IOException {
    byte[] whole =
        file.startsWith("written")
            ? written(gradient(BufferedImage.TYPE_INT_RGB, 31, 17), file.substring(8))
            : GoldenImages.bytes(file);
    // A GIF's last byte follows its picture; before 12 bytes no format is recognised for sure.
    int last = file.endsWith("gif") ? whole.length - 2 : whole.length - 1;
    for (int length = 12; length <= last; length++) {
      assertBad(ImageDefect.TRUNCATED, "", Arrays.copyOf(whole, length));
    }
  }

  @Test
  void jpegWithoutItsEndSaysWhereItStops() {
    byte[] jpeg = GoldenImages.bytes(JPEG);
    assertBad(
        ImageDefect.TRUNCATED,
        "JPEG ends at byte 954 inside its picture, without an end marker. Fetch the file again.",
        Arrays.copyOf(jpeg, jpeg.length - 2));
  }

  @ParameterizedTest
  @ValueSource(strings = {"baseline-420.jpg", "baseline-444.jpg", "grey.jpg", "cmyk.jpg"})
  void jpegThatWasCutAndClosedIsTruncated(String file) {
    byte[] jpeg = GoldenImages.bytes(file);
    byte[] closed = Arrays.copyOf(jpeg, jpeg.length - 60);
    closed[closed.length - 3] = 0;
    closed[closed.length - 2] = (byte) 0xFF;
    closed[closed.length - 1] = (byte) 0xD9;
    assertBad(
        ImageDefect.TRUNCATED,
        "JPEG has less picture data than its header promises. Fetch the file again.",
        closed);
  }

  @Test
  void pngWithTooFewRowsIsTruncated() throws IOException {
    byte[] oneRowOfTwo = png(1, 2, 8, 0, new byte[0], new byte[0], new byte[] {0, 7});
    assertBad(ImageDefect.TRUNCATED, "PNG has less picture data", oneRowOfTwo);
  }

  @Test
  void gifWithTooFewCodesIsTruncated() throws IOException {
    // 31x17 of one palette entry, its data replaced by: clear, one pixel, end.
    byte[] gif = {
      'G',
      'I',
      'F',
      '8',
      '9',
      'a',
      31,
      0,
      17,
      0,
      (byte) 0x80,
      0,
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      0x2C,
      0,
      0,
      0,
      0,
      31,
      0,
      17,
      0,
      0,
      2,
      2,
      0x44,
      0x01,
      0,
      0x3B
    };
    assertBad(ImageDefect.TRUNCATED, "GIF has less picture data", gif);
  }

  @Test
  void pngWithAChangedByteIsCorrupt() {
    byte[] png = GoldenImages.bytes("palette-alpha.png");
    png[png.length - 30] ^= 1;
    assertBad(ImageDefect.CORRUPT, "PNG chunk IDAT at byte ", png);
  }

  @Test
  void bombIsRefusedByItsHeader() throws IOException {
    byte[] header =
        ByteBuffer.allocate(13)
            .putInt(20_000)
            .putInt(20_000)
            .put(new byte[] {8, 2, 0, 0, 0})
            .array();
    byte[] bomb = spliced(PNG_SIGNATURE, PNG_SIGNATURE.length, chunk("IHDR", header));
    BadImageException e =
        assertThrows(
            BadImageException.class, () -> new ImageDecoder(ImageLimits.DEFAULTS).decode(bomb));
    assertEquals(ImageDefect.TOO_LARGE, e.defect());
    assertEquals(
        "PNG header states 20000x20000, 400000000 pixels (limit 89478485). Shrink it.",
        e.getMessage());
  }

  @Test
  void hugeSidesDoNotOverflow() throws IOException {
    byte[] header =
        ByteBuffer.allocate(13).putInt(-1).putInt(-1).put(new byte[] {8, 2, 0, 0, 0}).array();
    assertBad(
        ImageDefect.TOO_LARGE,
        "PNG header states 4294967295x4294967295",
        spliced(PNG_SIGNATURE, PNG_SIGNATURE.length, chunk("IHDR", header)));
  }

  @Test
  void fileAboveTheLimitOfBytesIsRefused() {
    byte[] jpeg = GoldenImages.bytes(JPEG);
    ImageDecoder strict = new ImageDecoder(new ImageLimits(900, 1 << 20, 1, 9));
    BadImageException e = assertThrows(BadImageException.class, () -> strict.decode(jpeg));
    assertEquals(ImageDefect.TOO_LARGE, e.defect());
    assertEquals("Image file has 956 bytes (limit 900). Shrink it.", e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"27, 40", "40, 27", "28, 5601", "1, 1"})
  void smallAndExtremeImagesAreRefused(int width, int height) throws IOException {
    byte[] png = written(gradient(BufferedImage.TYPE_INT_RGB, width, height), "png");
    BadImageException e =
        assertThrows(
            BadImageException.class, () -> new ImageDecoder(ImageLimits.DEFAULTS).decode(png));
    assertEquals(ImageDefect.TOO_SMALL_OR_EXTREME, e.defect());
    assertTrue(e.getMessage().startsWith("PNG is " + width + "x" + height), e.getMessage());
  }

  @Test
  void imageAtTheLimitsIsDecoded() throws IOException {
    byte[] png = written(gradient(BufferedImage.TYPE_INT_RGB, 28, 5600), "png");
    assertEquals(5600, new ImageDecoder(ImageLimits.DEFAULTS).decode(png).image().height());
  }

  @ParameterizedTest
  @CsvSource({"3, SOF3", "9, SOF9", "13, SOF13"})
  void rareKindsOfJpegAreUnsupported(int process, String name) {
    byte[] jpeg = GoldenImages.bytes(JPEG);
    jpeg[indexOf(jpeg, 0xFF, 0xC0) + 1] = (byte) (0xC0 + process);
    assertBad(ImageDefect.UNSUPPORTED, "JPEG uses coding process " + name, jpeg);
  }

  @Test
  void jpegOfVeryManyScansIsUnsupported() {
    byte[] jpeg = GoldenImages.bytes("progressive.jpg");
    byte[] emptyScan = segment(0xDA, new byte[] {1, 1, 0, 1, 1, 0});
    ByteBuffer scans = ByteBuffer.allocate(100 * emptyScan.length);
    for (int i = 0; i < 100; i++) {
      scans.put(emptyScan);
    }
    assertBad(
        ImageDefect.UNSUPPORTED,
        "JPEG has more than 100 scans.",
        spliced(jpeg, jpeg.length - 2, scans.array()));
  }

  @Test
  void bitmapWithAFileInsideIsUnsupported() throws IOException {
    byte[] bmp = written(gradient(BufferedImage.TYPE_INT_RGB, 8, 8), "bmp");
    bmp[30] = 4;
    assertBad(ImageDefect.UNSUPPORTED, "BMP uses compression 4", bmp);
  }

  @Test
  void webpWhosePartsDisagreeIsCorrupt() throws IOException {
    byte[] webp = GoldenImages.bytes("lossy-alpha.webp");
    webp[24]++;
    assertBad(ImageDefect.CORRUPT, "WebP picture is 33x21, but its frame 34x21.", webp);
  }

  @Test
  void framesThatReachOutOfTheirFramesAreCorruptAndNotWalkedAgainAndAgain() {
    int units = 60;
    ByteBuffer webp =
        ByteBuffer.allocate(30 + units * 48)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put("RIFF".getBytes(StandardCharsets.ISO_8859_1))
            .putInt(22 + units * 48)
            .put("WEBPVP8X".getBytes(StandardCharsets.ISO_8859_1))
            .putInt(10)
            .put(new byte[10]);
    for (int i = 0; i < units; i++) {
      // Each holds the head of one that reaches to the end of the file.
      webp.put("ANMF".getBytes(StandardCharsets.ISO_8859_1)).putInt(40).put(new byte[16]);
      webp.put("ANMF".getBytes(StandardCharsets.ISO_8859_1));
      webp.putInt(webp.capacity() - webp.position() - 4).put(new byte[16]);
    }
    assertBad(ImageDefect.CORRUPT, "WebP chunk at 54 ends at", webp.array());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lossless.webp",
        "lossless-slow.webp",
        "lossy.webp",
        "lossy-fast.webp",
        "lossy-simple.webp"
      })
  void webpThatWasCutAndClosedIsTruncated(String file) {
    byte[] webp = GoldenImages.bytes(file);
    ByteBuffer closed =
        ByteBuffer.wrap(Arrays.copyOf(webp, webp.length - 60)).order(ByteOrder.LITTLE_ENDIAN);
    closed.putInt(4, closed.capacity() - 8).putInt(16, closed.capacity() - 20);
    assertBad(
        ImageDefect.TRUNCATED,
        "WebP has less picture data than its header promises. Fetch the file again.",
        closed.array());
  }

  @Test
  void webpThatTransformsWithoutEndIsCorrupt() {
    // 1x1, then "one more transform: subtract green" (101, lowest bit first) over and over.
    byte[] loop = new byte[5 + 999];
    loop[0] = 0x2F;
    for (int bit = 0; bit < 999 * 8; bit++) {
      loop[5 + bit / 8] |= (byte) (bit % 3 == 1 ? 0 : 1 << (bit % 8));
    }
    byte[] webp =
        ByteBuffer.allocate(20 + loop.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put("RIFF".getBytes(StandardCharsets.ISO_8859_1))
            .putInt(12 + loop.length)
            .put("WEBPVP8L".getBytes(StandardCharsets.ISO_8859_1))
            .putInt(loop.length)
            .put(loop)
            .array();
    assertBad(
        ImageDefect.CORRUPT, "WebP has a transform twice in its data. Replace the file.", webp);
  }

  @Timeout(10)
  @RepeatedTest(200)
  void damagedFilesDecodeOrAreRefused() throws IOException {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    Random random = new Random(seed);
    List<String> files = wholeFiles().toList();
    String file = files.get(random.nextInt(files.size()));
    byte[] bytes =
        file.startsWith("written")
            ? written(gradient(BufferedImage.TYPE_INT_RGB, 31, 17), file.substring(8))
            : GoldenImages.bytes(file);
    for (int i = 0; i < 1 + random.nextInt(8); i++) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
    }
    try {
      RgbImage image = DECODER.decode(bytes).image();
      assertTrue((long) image.width() * image.height() <= 1 << 20);
    } catch (BadImageException e) {
      assertFalse(e.getMessage().contains("Exception@"), e.getMessage());
    } catch (RuntimeException e) {
      throw new AssertionError(file + ": rerun with -Dtests.seed=" + seed, e);
    }
  }

  @Test
  void manyThreadsDecodeTheSame() {
    List<String[]> rows = GoldenImages.rows("decoded.txt");
    long same =
        IntStream.range(0, 10 * rows.size())
            .parallel()
            .mapToObj(i -> rows.get(i % rows.size()))
            .filter(
                row ->
                    GoldenImages.sha256(DECODER.decode(GoldenImages.bytes(row[0])).image())
                        .equals(row[3]))
            .count();
    assertEquals(10L * rows.size(), same);
  }

  @Test
  void travelsToExecutors() throws IOException, ClassNotFoundException {
    ByteArrayOutputStream wire = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(wire)) {
      out.writeObject(DECODER);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(wire.toByteArray()))) {
      byte[] jpeg = GoldenImages.bytes(JPEG);
      assertEquals(DECODER.decode(jpeg), ((ImageDecoder) in.readObject()).decode(jpeg));
    }
  }

  // ---- Files made by hand

  private static final byte[] PNG_SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 26, '\n'};

  private static void assertBad(ImageDefect defect, String message, byte[] bytes) {
    BadImageException e =
        assertThrows(
            BadImageException.class,
            () -> DECODER.decode(bytes),
            () -> bytes.length + " bytes decoded");
    assertEquals(defect, e.defect(), () -> bytes.length + " bytes: " + e.getMessage());
    assertTrue(e.getMessage().startsWith(message), e.getMessage());
  }

  private static List<Integer> rgb(RgbImage image, int x, int y) {
    return List.of(image.sample(x, y, 0), image.sample(x, y, 1), image.sample(x, y, 2));
  }

  private static BufferedImage gradient(int type, int width, int height) {
    BufferedImage image = new BufferedImage(width, height, type);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, new Color(x * 255 / width, y * 255 / height, (x + y) & 0xFF).getRGB());
      }
    }
    return image;
  }

  private static RgbImage pixels(BufferedImage image) {
    byte[] rgb = new byte[image.getWidth() * image.getHeight() * RgbImage.CHANNELS];
    int at = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        int colour = image.getRGB(x, y);
        rgb[at++] = (byte) (colour >> 16);
        rgb[at++] = (byte) (colour >> 8);
        rgb[at++] = (byte) colour;
      }
    }
    return RgbImage.copyOf(image.getWidth(), image.getHeight(), rgb);
  }

  private static byte[] written(BufferedImage image, String format) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (MemoryCacheImageOutputStream stream = new MemoryCacheImageOutputStream(out)) {
      assertTrue(ImageIO.write(image, format, stream), "no writer for " + format);
    }
    return out.toByteArray();
  }

  /** Two frames of 8x6 at (3, 2) on a screen of 20x12. */
  private static byte[] animatedGif() throws IOException {
    byte[] palette = {(byte) 200, 1};
    BufferedImage frame =
        new BufferedImage(
            8,
            6,
            BufferedImage.TYPE_BYTE_INDEXED,
            new IndexColorModel(8, 2, palette, new byte[2], new byte[2]));
    ByteBuffer still = ByteBuffer.wrap(written(frame, "gif")).order(ByteOrder.LITTLE_ENDIAN);
    still.putShort(6, (short) 20).putShort(8, (short) 12);
    int start = 13 + (3 << ((still.get(10) & 7) + 1));
    int descriptor = start + (still.get(start) == 0x21 ? 8 : 0);
    assertEquals(0x2C, still.get(descriptor));
    still.putShort(descriptor + 1, (short) 3).putShort(descriptor + 3, (short) 2);
    byte[] second = Arrays.copyOfRange(still.array(), start, still.capacity() - 1);
    return spliced(still.array(), still.capacity() - 1, second);
  }

  /** A PNG of raw rows, each after its filter byte. */
  private static byte[] png(
      int width,
      int height,
      int bits,
      int colourType,
      byte[] palette,
      byte[] transparency,
      byte[] rows)
      throws IOException {
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    png.writeBytes(PNG_SIGNATURE);
    byte[] header =
        ByteBuffer.allocate(13)
            .putInt(width)
            .putInt(height)
            .put(new byte[] {(byte) bits, (byte) colourType, 0, 0, 0})
            .array();
    png.writeBytes(chunk("IHDR", header));
    if (palette.length > 0) {
      png.writeBytes(chunk("PLTE", palette));
    }
    if (transparency.length > 0) {
      png.writeBytes(chunk("tRNS", transparency));
    }
    png.writeBytes(chunk("IDAT", deflated("", rows)));
    png.writeBytes(chunk("IEND", new byte[0]));
    return png.toByteArray();
  }

  private static byte[] chunk(String name, byte[] data) {
    CRC32 crc = new CRC32();
    crc.update(name.getBytes(StandardCharsets.ISO_8859_1));
    crc.update(data);
    return ByteBuffer.allocate(data.length + 12)
        .putInt(data.length)
        .put(name.getBytes(StandardCharsets.ISO_8859_1))
        .put(data)
        .putInt((int) crc.getValue())
        .array();
  }

  private static byte[] deflated(String prefix, byte[] data) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(prefix.getBytes(StandardCharsets.ISO_8859_1));
    try (DeflaterOutputStream deflater = new DeflaterOutputStream(out)) {
      deflater.write(data);
    }
    return out.toByteArray();
  }

  private static byte[] spliced(byte[] file, int at, byte[] inserted) {
    return ByteBuffer.allocate(file.length + inserted.length)
        .put(file, 0, at)
        .put(inserted)
        .put(file, at, file.length - at)
        .array();
  }

  private static byte[] segment(int marker, byte[] data) {
    return ByteBuffer.allocate(data.length + 4)
        .put((byte) 0xFF)
        .put((byte) marker)
        .putShort((short) (data.length + 2))
        .put(data)
        .array();
  }

  private static byte[] withExif(byte[] jpeg, int orientation) {
    return withExif(jpeg, tiff(orientation));
  }

  private static byte[] withExif(byte[] jpeg, byte[] tiff) {
    byte[] data =
        ByteBuffer.allocate(tiff.length + 6)
            .put("Exif\0\0".getBytes(StandardCharsets.ISO_8859_1))
            .put(tiff)
            .array();
    return spliced(jpeg, 2, segment(0xE1, data));
  }

  private static byte[] withWebpExif(byte[] webp, byte[] tiff) {
    ByteBuffer longer =
        ByteBuffer.allocate(webp.length + 8 + tiff.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(webp)
            .put("EXIF".getBytes(StandardCharsets.ISO_8859_1))
            .putInt(tiff.length)
            .put(tiff);
    return longer.putInt(4, longer.capacity() - 8).array();
  }

  /** Big-endian TIFF with two entries, of which the second is the orientation. */
  private static byte[] tiff(int orientation) {
    return ByteBuffer.allocate(38)
        .put(new byte[] {'M', 'M', 0, 42})
        .putInt(8)
        .putShort((short) 2)
        .putShort((short) 0x0100)
        .putShort((short) 3)
        .putInt(1)
        .putShort((short) 64)
        .putShort((short) 0)
        .putShort((short) 0x0112)
        .putShort((short) 3)
        .putInt(1)
        .putShort((short) orientation)
        .putShort((short) 0)
        .putInt(0)
        .array();
  }

  private static int indexOf(byte[] bytes, int first, int second) {
    for (int i = 0; i + 1 < bytes.length; i++) {
      if ((bytes[i] & 0xFF) == first && (bytes[i + 1] & 0xFF) == second) {
        return i;
      }
    }
    throw new AssertionError("No such bytes");
  }
}

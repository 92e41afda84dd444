package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.image.RgbImage;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.awt.image.RescaleOp;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/** What happens to images on their way through the web, as files. */
final class ImageVariants {
  private static final float FINE = 0.95f;
  private static final byte[] EXIF_TURNED =
      ByteBuffer.allocate(36)
          .putShort((short) 0xFFE1)
          .putShort((short) 34)
          .put(new byte[] {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42})
          .putInt(8)
          .putShort((short) 1)
          .putShort((short) 0x0112)
          .putShort((short) 3)
          .putInt(1)
          .putShort((short) 6)
          .putShort((short) 0)
          .putInt(0)
          .array();

  private ImageVariants() {}

  /** Makes a file of an image. */
  interface Variant {
    byte[] of(BufferedImage image) throws IOException;
  }

  /** Returns what is made of an image, by name; an exact copy is its own file's bytes. */
  static Map<String, Variant> all() {
    Map<String, Variant> variants = new LinkedHashMap<>();
    variants.put("re-encoded without loss (PNG)", ImageVariants::png);
    variants.put("EXIF-rotated JPEG", image -> exifTurned(image));
    variants.put("JPEG quality 0.9", image -> jpeg(image, 0.9f));
    variants.put("JPEG quality 0.5", image -> jpeg(image, 0.5f));
    variants.put("half the size", image -> jpeg(scaled(image, 0.5), FINE));
    variants.put("1.5 times the size", image -> jpeg(scaled(image, 1.5), FINE));
    variants.put("15 % brighter", image -> jpeg(brighter(image, 1.15f), FINE));
    variants.put("20 % darker", image -> jpeg(brighter(image, 0.8f), FINE));
    variants.put("5 % cropped", image -> jpeg(cropped(image, 0.05), FINE));
    variants.put("20 % cropped", image -> jpeg(cropped(image, 0.2), FINE));
    variants.put("flipped", image -> jpeg(flipped(image), FINE));
    return variants;
  }

  static BufferedImage buffered(RgbImage image) {
    BufferedImage buffered =
        new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        int rgb =
            (image.sample(x, y, 0) << 16) | (image.sample(x, y, 1) << 8) | image.sample(x, y, 2);
        buffered.setRGB(x, y, rgb);
      }
    }
    return buffered;
  }

  static byte[] png(BufferedImage image) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(image, "png", bytes);
    return bytes.toByteArray();
  }

  private static byte[] jpeg(BufferedImage image, float quality) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
      ImageWriteParam settings = writer.getDefaultWriteParam();
      settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      settings.setCompressionQuality(quality);
      writer.setOutput(out);
      writer.write(null, new IIOImage(image, null, null), settings);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  /** The stored picture lies on its left side; the tag says to turn it to the right. */
  private static byte[] exifTurned(BufferedImage image) {
    BufferedImage turned =
        new BufferedImage(
            /* width= */ image.getHeight(),
            /* height= */ image.getWidth(),
            BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        turned.setRGB(y, image.getWidth() - 1 - x, image.getRGB(x, y));
      }
    }
    byte[] plain = jpeg(turned, FINE);
    return ByteBuffer.allocate(plain.length + EXIF_TURNED.length)
        .put(plain, 0, 2)
        .put(EXIF_TURNED)
        .put(plain, 2, plain.length - 2)
        .array();
  }

  private static BufferedImage scaled(BufferedImage image, double factor) {
    int width = (int) Math.round(image.getWidth() * factor);
    int height = (int) Math.round(image.getHeight() * factor);
    BufferedImage scaled = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = scaled.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
    graphics.drawImage(image, 0, 0, width, height, null);
    graphics.dispose();
    return scaled;
  }

  private static BufferedImage brighter(BufferedImage image, float factor) {
    return new RescaleOp(factor, 0, null).filter(image, null);
  }

  /** Takes a share of the area away, evenly from all sides. */
  private static BufferedImage cropped(BufferedImage image, double share) {
    double margin = (1 - Math.sqrt(1 - share)) / 2;
    int x = (int) Math.round(image.getWidth() * margin);
    int y = (int) Math.round(image.getHeight() * margin);
    return image.getSubimage(x, y, image.getWidth() - 2 * x, image.getHeight() - 2 * y);
  }

  private static BufferedImage flipped(BufferedImage image) {
    BufferedImage flipped =
        new BufferedImage(image.getWidth(), image.getHeight(), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = flipped.createGraphics();
    graphics.drawImage(image, image.getWidth(), 0, -image.getWidth(), image.getHeight(), null);
    graphics.dispose();
    return flipped;
  }
}

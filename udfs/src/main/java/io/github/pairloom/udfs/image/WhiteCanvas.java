package io.github.pairloom.udfs.image;

import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.util.Arrays;

/**
 * Where decoded pixels become 8-bit RGB. Transparency shows white: what a reader of a page sees,
 * and never the colours hidden under transparent pixels, which a model would see otherwise
 * (GHSA-8jr5-v98p-w75m).
 *
 * <p>Samples are taken as stored, as Pillow's {@code convert("RGB")} does: of 16 bits the upper 8,
 * and no colour profile. Java's own conversion would treat grey as linear light and brighten it.
 */
final class WhiteCanvas {
  private final int width;
  private final int height;
  private final byte[] rgb;
  private boolean covered;
  private boolean seenThrough;

  WhiteCanvas(int width, int height) {
    this.width = width;
    this.height = height;
    this.rgb = new byte[width * height * RgbImage.CHANNELS];
    Arrays.fill(rgb, (byte) 0xFF);
  }

  /** Paints a picture with its upper left corner at (left, top); it must lie inside. */
  WhiteCanvas paint(BufferedImage picture, int left, int top) {
    if (left + picture.getWidth() > width || top + picture.getHeight() > height) {
      throw BadImageException.corrupt(
          "Data holds a picture of %dx%d at (%d, %d), outside the %dx%d of the header. Replace the"
              + " file.",
          picture.getWidth(), picture.getHeight(), left, top, width, height);
    }
    cover(picture.getWidth(), picture.getHeight());
    boolean asStored = picture.getColorModel() instanceof ComponentColorModel;
    for (int y = 0; y < picture.getHeight(); y++) {
      int at = ((top + y) * width + left) * RgbImage.CHANNELS;
      if (asStored) {
        paintSamples(picture.getRaster(), y, at);
      } else {
        paintColours(picture, y, at);
      }
    }
    return this;
  }

  /** Paints pixels, rows of {@code pictureWidth}, with their upper left corner at (left, top). */
  WhiteCanvas paint(int[] argb, int pictureWidth, int left, int top) {
    cover(pictureWidth, argb.length / pictureWidth);
    for (int i = 0; i < argb.length; i++) {
      int pixel = (top + i / pictureWidth) * width + left + i % pictureWidth;
      paintColour(argb[i], pixel * RgbImage.CHANNELS);
    }
    return this;
  }

  /**
   * Returns the image, turned upright; the canvas must not be used afterwards.
   *
   * @param orientation as {@link ExifOrientation#read} gives it
   */
  DecodedImage toImage(ImageFormat format, int orientation) {
    return new DecodedImage(
        format,
        ExifOrientation.apply(RgbImage.wrap(width, height, rgb), orientation),
        covered && !seenThrough && orientation == ExifOrientation.UPRIGHT);
  }

  private void cover(int pictureWidth, int pictureHeight) {
    covered |= pictureWidth == width && pictureHeight == height;
  }

  /** One row of grey, grey and alpha, RGB or RGBA. */
  private void paintSamples(Raster raster, int y, int at) {
    int bands = raster.getNumBands();
    int shift = raster.getTransferType() == DataBuffer.TYPE_USHORT ? 8 : 0;
    int[] row =
        raster.getPixels(
            raster.getMinX(), raster.getMinY() + y, raster.getWidth(), 1, (int[]) null);
    boolean grey = bands <= 2;
    boolean transparent = bands == 2 || bands == 4;
    for (int i = 0; i < row.length; i += bands) {
      int alpha = transparent ? row[i + bands - 1] >> shift : 0xFF;
      for (int c = 0; c < RgbImage.CHANNELS; c++) {
        rgb[at++] = onWhite(row[grey ? i : i + c] >> shift, alpha);
      }
    }
  }

  /** One row of palette entries or packed bits. */
  private void paintColours(BufferedImage picture, int y, int at) {
    for (int argb : picture.getRGB(0, y, picture.getWidth(), 1, null, 0, picture.getWidth())) {
      paintColour(argb, at);
      at += RgbImage.CHANNELS;
    }
  }

  private void paintColour(int argb, int at) {
    int alpha = argb >>> 24;
    rgb[at] = onWhite(argb >> 16 & 0xFF, alpha);
    rgb[at + 1] = onWhite(argb >> 8 & 0xFF, alpha);
    rgb[at + 2] = onWhite(argb & 0xFF, alpha);
  }

  private byte onWhite(int sample, int alpha) {
    seenThrough |= alpha != 0xFF;
    return (byte) ((sample * alpha + 0xFF * (0xFF - alpha) + 127) / 0xFF);
  }
}

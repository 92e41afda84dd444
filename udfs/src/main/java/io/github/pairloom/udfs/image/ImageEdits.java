package io.github.pairloom.udfs.image;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.KeyedRandom;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import javax.imageio.ImageIO;

/** What makes another picture of a picture, of the same size. All pure functions. */
public final class ImageEdits {
  /** Samples from -1 to 1, the size kept. */
  private static final ImagePreprocessor SYMMETRIC =
      new ImagePreprocessor(
          new ImagePreprocessor.Resize.None(),
          new ImagePreprocessor.Crop.None(),
          1 / 255.0,
          List.of(0.5, 0.5, 0.5),
          List.of(0.5, 0.5, 0.5));

  private ImageEdits() {}

  /** Returns a black picture of the same size. */
  public static RgbImage black(RgbImage picture) {
    return RgbImage.wrap(picture.width(), picture.height(), new byte[picture.toBytes().length]);
  }

  /**
   * Returns the picture after forward diffusion on its samples scaled to [-1, 1], cut off there.
   *
   * @param steps N, 0 to {@value DiffusionNoise#MAX_STEPS}
   * @param key as in {@link DiffusionNoise#apply}
   */
  public static RgbImage noise(RgbImage picture, int steps, KeyedRandom key) {
    return SYMMETRIC.picture(DiffusionNoise.apply(SYMMETRIC.apply(picture), steps, key));
  }

  /** Returns the picture as the bytes of a PNG file. */
  public static byte[] toPng(RgbImage picture) {
    BufferedImage image =
        new BufferedImage(picture.width(), picture.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < picture.height(); y++) {
      for (int x = 0; x < picture.width(); x++) {
        int red = picture.sample(x, y, 0);
        int green = picture.sample(x, y, 1);
        image.setRGB(x, y, red << 16 | green << 8 | picture.sample(x, y, 2));
      }
    }
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    try {
      ImageIO.write(image, "png", png);
    } catch (IOException e) {
      throw new UncheckedIOException("Memory can be written to", e);
    }
    return png.toByteArray();
  }

  /**
   * Returns a part of the picture, blown up to the size of the whole (bilinear, as Pillow does).
   *
   * @param left first column of the part
   * @param top first row of the part
   */
  public static RgbImage crop(RgbImage picture, int left, int top, int width, int height) {
    check(
        left >= 0
            && top >= 0
            && width >= 1
            && height >= 1
            && left + width <= picture.width()
            && top + height <= picture.height(),
        "Invalid crop: %sx%s at %s, %s of a picture of %sx%s",
        width,
        height,
        left,
        top,
        picture.width(),
        picture.height());
    byte[] part = new byte[width * height * RgbImage.CHANNELS];
    for (int y = 0; y < height; y++) {
      System.arraycopy(
          picture.rgb(),
          ((top + y) * picture.width() + left) * RgbImage.CHANNELS,
          part,
          y * width * RgbImage.CHANNELS,
          width * RgbImage.CHANNELS);
    }
    return Resampler.BILINEAR.resize(
        RgbImage.wrap(width, height, part), picture.width(), picture.height());
  }

  /**
   * Returns the picture turned about its centre, anticlockwise, each pixel from the nearest one;
   * black where nothing was.
   */
  public static RgbImage rotate(RgbImage picture, double degrees) {
    double cos = StrictMath.cos(StrictMath.toRadians(degrees));
    double sin = StrictMath.sin(StrictMath.toRadians(degrees));
    int width = picture.width();
    int height = picture.height();
    byte[] turned = new byte[width * height * RgbImage.CHANNELS];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        double fromX = x + 0.5 - width / 2.0;
        double fromY = y + 0.5 - height / 2.0;
        int sourceX = (int) Math.floor(cos * fromX - sin * fromY + width / 2.0);
        int sourceY = (int) Math.floor(sin * fromX + cos * fromY + height / 2.0);
        if (sourceX >= 0 && sourceX < width && sourceY >= 0 && sourceY < height) {
          System.arraycopy(
              picture.rgb(),
              (sourceY * width + sourceX) * RgbImage.CHANNELS,
              turned,
              (y * width + x) * RgbImage.CHANNELS,
              RgbImage.CHANNELS);
        }
      }
    }
    return RgbImage.wrap(width, height, turned);
  }
}

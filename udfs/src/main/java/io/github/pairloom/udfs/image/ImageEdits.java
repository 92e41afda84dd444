package io.github.pairloom.udfs.image;

import static io.github.pairloom.schemas.Check.check;

/** What makes another picture of a picture, of the same size. All pure functions. */
public final class ImageEdits {
  private ImageEdits() {}

  /** Returns a black picture of the same size. */
  public static RgbImage black(RgbImage picture) {
    return RgbImage.wrap(picture.width(), picture.height(), new byte[picture.toBytes().length]);
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

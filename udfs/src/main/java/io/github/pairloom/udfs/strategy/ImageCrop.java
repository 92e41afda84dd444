package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.function.Function;

/**
 * A small part of the image in its place, as mDPO rejects it (arXiv 2406.11839): 1 to 20 % of its
 * area, of a shape between 3:4 and 4:3, anywhere.
 *
 * @param leastArea least share of the area that is left
 * @param mostArea most share of the area that is left
 */
@SettingType("crop")
public record ImageCrop(
    @Setting(value = "Least share of the area that is left, above 0", defaults = "0.01")
        double leastArea,
    @Setting(value = "Most share of the area that is left, at most 1", defaults = "0.2")
        double mostArea)
    implements ImageSide {
  public ImageCrop {
    check(leastArea > 0 && leastArea <= 1, "Invalid least-area: %s (must be in (0, 1])", leastArea);
    check(
        mostArea >= leastArea && mostArea <= 1,
        "Invalid most-area: %s (must be from least-area to 1)",
        mostArea);
  }

  @Override
  public RejectedImage rejected(RejectionInput input, Function<RgbImage, PixelTensor> eye) {
    KeyedRandom draws = input.key().with("crop");
    RgbImage picture = input.picture().get();
    double area =
        (leastArea + draws.uniform(0) * (mostArea - leastArea))
            * picture.width()
            * picture.height();
    double shape = Math.pow(4.0 / 3, 2 * draws.uniform(1) - 1);
    int width = side(Math.sqrt(area * shape), picture.width());
    int height = side(Math.sqrt(area / shape), picture.height());
    int left = draws.below(picture.width() - width + 1, 2);
    int top = draws.below(picture.height() - height + 1, 3);
    return RejectedImage.crop(picture, left, top, width, height, eye);
  }

  private static int side(double length, int most) {
    return (int) Math.max(1, Math.min(most, Math.round(length)));
  }
}

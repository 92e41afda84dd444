package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.function.Function;

/**
 * The picture turned about its centre by a drawn angle, either way, black where nothing was; 10 to
 * 80 degrees as in CHiP (arXiv 2501.16629).
 *
 * @param leastDegrees least angle
 * @param mostDegrees most angle
 */
@SettingType("rotate")
public record ImageRotation(
    @Setting(value = "Least angle in degrees, in (0, 180]", defaults = "10.0") double leastDegrees,
    @Setting(value = "Most angle in degrees, up to 180", defaults = "80.0") double mostDegrees)
    implements ImageSide {
  public ImageRotation {
    check(
        leastDegrees > 0 && leastDegrees <= 180,
        "Invalid least-degrees: %s (must be in (0, 180])",
        leastDegrees);
    check(
        mostDegrees >= leastDegrees && mostDegrees <= 180,
        "Invalid most-degrees: %s (must be from least-degrees to 180)",
        mostDegrees);
  }

  @Override
  public RejectedImage rejected(RejectionInput input, Function<RgbImage, PixelTensor> eye) {
    KeyedRandom draws = input.key().with("rotate");
    double angle = leastDegrees + draws.uniform(0) * (mostDegrees - leastDegrees);
    return RejectedImage.rotate(
        input.picture().get(), draws.uniform(1) < 0.5 ? angle : -angle, eye);
  }
}

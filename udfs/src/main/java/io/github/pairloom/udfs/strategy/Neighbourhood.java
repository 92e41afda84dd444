package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * Which other images are retrieved for an image: the most similar ones by the model's own vision
 * tower (Re-Align, arXiv 2502.13146), leaving out those that are the same picture, of which the
 * model would tell the truth.
 *
 * @param count most images
 * @param nearDuplicate cosine from which an image counts as the same picture
 */
public record Neighbourhood(
    @Setting(value = "Most images retrieved for an image, at least 1", defaults = "5") int count,
    @Setting(
            value =
                "An image whose embedding has at least this cosine with the image's is taken for the"
                    + " same picture and left out, in (-1, 1]",
            defaults = "0.995")
        double nearDuplicate)
    implements Serializable {
  public Neighbourhood {
    check(count >= 1, "Invalid count: %s (must be at least 1)", count);
    check(
        nearDuplicate > -1 && nearDuplicate <= 1,
        "Invalid near-duplicate: %s (must be in (-1, 1])",
        nearDuplicate);
  }
}

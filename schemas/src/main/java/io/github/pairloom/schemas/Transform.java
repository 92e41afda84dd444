package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;

import java.util.List;
import java.util.Map;

/**
 * What was done to the model's view of the image, and the hash of what it was then shown.
 *
 * @param name what was done, such as {@link #NONE}, {@link #ABSENT} or {@code attention-mask}
 * @param parameters parameters actually applied
 * @param pixelsSha256 SHA-256 (hex) of the float32 pixel tensor the vision encoder was given
 * @param visibleTokens image tokens that could be attended to, from 0; null: all of them
 */
public record Transform(
    String name, Map<String, String> parameters, String pixelsSha256, List<Integer> visibleTokens) {
  /** The image as it is. */
  public static final String NONE = "none";

  /** No image at all: the prompt is without its token. */
  public static final String ABSENT = "absent";

  public Transform {
    checkNotBlank("transform name", name);
    parameters = Map.copyOf(parameters);
    checkId("pixels_sha256", pixelsSha256);
    visibleTokens = visibleTokens == null ? null : List.copyOf(visibleTokens);
  }
}

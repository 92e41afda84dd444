package io.github.pairloom.udfs.image;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Reads an image processor's config, and refuses what {@link ImagePreprocessor} cannot honour. */
final class PreprocessorConfig {
  private static final String ONE_TILE = "LlavaOnevisionImageProcessor";

  /**
   * In these a size that is one number is the shorter side, and the centre is cropped by default.
   */
  private static final Set<String> SHORTEST_EDGE_TYPES =
      Set.of(
          "BitImageProcessor", "CLIPFeatureExtractor", "CLIPImageProcessor", "LlavaImageProcessor");

  /** In these a size that is one number is both sides, and nothing is cropped by default. */
  private static final Set<String> SQUARE_TYPES =
      Set.of(
          "BlipImageProcessor",
          "Gemma3ImageProcessor",
          "SiglipFeatureExtractor",
          "SiglipImageProcessor",
          "ViTFeatureExtractor",
          "ViTImageProcessor",
          ONE_TILE);

  private static final Set<String> KNOWN_STEPS =
      Set.of("do_center_crop", "do_convert_rgb", "do_normalize", "do_rescale", "do_resize");

  private final String source;
  private final JsonNode json;
  private final String type;

  PreprocessorConfig(String source, JsonNode json) {
    this.source = source;
    this.json = json;
    JsonNode named = json.path("image_processor_type");
    String name =
        named.isTextual() ? named.asText() : json.path("feature_extractor_type").asText("");
    // The fast processors do the same with other code.
    this.type = name.endsWith("Fast") ? name.substring(0, name.length() - 4) : name;
  }

  ImagePreprocessor toPreprocessor() {
    if (!SHORTEST_EDGE_TYPES.contains(type) && !SQUARE_TYPES.contains(type)) {
      throw bad(
          "image_processor_type is '%s'; CLIP, SigLIP, ViT, BLIP, LLaVA 1.5, LLaVA-OneVision and Gemma 3"
              + " processors can be followed (one picture, one tensor). Use a model with one of these.",
          type);
    }
    refuseOtherSteps();
    boolean normalizes = flag("do_normalize", true);
    try {
      return new ImagePreprocessor(
          flag("do_resize", true) ? resize() : new ImagePreprocessor.Resize.None(),
          flag("do_center_crop", SHORTEST_EDGE_TYPES.contains(type))
              ? crop()
              : new ImagePreprocessor.Crop.None(),
          flag("do_rescale", true) ? rescaleFactor() : 1,
          normalizes ? channels("image_mean") : List.of(0.0, 0.0, 0.0),
          normalizes ? channels("image_std") : List.of(1.0, 1.0, 1.0));
    } catch (RefusedException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw bad("%s. Correct the file.", e.getMessage());
    }
  }

  private void refuseOtherSteps() {
    for (Map.Entry<String, JsonNode> key : json.properties()) {
      boolean otherStep = key.getKey().startsWith("do_") && !KNOWN_STEPS.contains(key.getKey());
      boolean tiles = key.getKey().equals("image_grid_pinpoints") && !key.getValue().isNull();
      if (!type.equals(ONE_TILE) && (tiles || (otherStep && key.getValue().asBoolean()))) {
        throw bad(
            "'%s' asks for a step that is not implemented. Use a model without it, or switch it off if"
                + " the ONNX graph does not need it.",
            key.getKey());
      }
    }
  }

  private ImagePreprocessor.Resize resize() {
    JsonNode size = required("size");
    Resampler resampler = Resampler.ofPillowCode(integer("resample", required("resample")));
    if (size.isInt() && SHORTEST_EDGE_TYPES.contains(type)) {
      return new ImagePreprocessor.Resize.ShortestEdge(size.intValue(), resampler);
    }
    if (size.isObject() && size.size() == 1 && size.has("shortest_edge")) {
      return new ImagePreprocessor.Resize.ShortestEdge(
          integer("size.shortest_edge", size.get("shortest_edge")), resampler);
    }
    Square square = square("size", size);
    return new ImagePreprocessor.Resize.Exact(square.height, square.width, resampler);
  }

  private ImagePreprocessor.Crop crop() {
    Square square = square("crop_size", required("crop_size"));
    return new ImagePreprocessor.Crop.Centre(square.height, square.width);
  }

  private Square square(String key, JsonNode node) {
    if (node.isInt()) {
      return new Square(node.intValue(), node.intValue());
    }
    if (node.isObject() && node.size() == 2 && node.has("height") && node.has("width")) {
      return new Square(
          integer(key + ".height", node.get("height")), integer(key + ".width", node.get("width")));
    }
    throw bad(
        "'%s' is %s; a whole number, {height, width} or, for size, {shortest_edge} can be followed.",
        key, shortened(node));
  }

  private double rescaleFactor() {
    JsonNode factor = json.path("rescale_factor");
    return factor.isNumber() ? factor.doubleValue() : 1 / 255.0;
  }

  private List<Double> channels(String key) {
    JsonNode node = required(key);
    List<Double> values = new ArrayList<>();
    for (JsonNode value : node) {
      values.add(value.asDouble(Double.NaN));
    }
    if (values.size() != RgbImage.CHANNELS) {
      throw bad("'%s' is %s; it must be 3 numbers.", key, shortened(node));
    }
    return values;
  }

  private boolean flag(String key, boolean missing) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return missing;
    }
    if (!node.isBoolean()) {
      throw bad("'%s' is %s; it must be true or false.", key, shortened(node));
    }
    return node.booleanValue();
  }

  private int integer(String key, JsonNode node) {
    if (!node.isInt()) {
      throw bad("'%s' is %s; it must be a whole number.", key, shortened(node));
    }
    return node.intValue();
  }

  private JsonNode required(String key) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      throw bad("'%s' is missing. Take it from the model's card and add it.", key);
    }
    return node;
  }

  private static String shortened(JsonNode node) {
    String text = node.toString();
    return text.length() <= 80 ? text : text.substring(0, 79) + "…";
  }

  private RefusedException bad(String message, Object... args) {
    return new RefusedException(
        "Cannot follow image processor "
            + source
            + ": "
            + String.format(Locale.ROOT, message, args));
  }

  private record Square(int height, int width) {}

  /** Already names the file, unlike what the records throw. */
  private static final class RefusedException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    RefusedException(String message) {
      super(message);
    }
  }
}

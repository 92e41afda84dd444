package io.github.pairloom.udfs.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class TestImagePreprocessor {
  private static final String CLIP_MEAN =
      "'image_mean': [0.48145466, 0.4578275, 0.40821073],"
          + " 'image_std': [0.26862954, 0.26130258, 0.27577711]";
  private static final String HALF = "'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.5, 0.5, 0.5]";

  /**
   * As published with llava-hf/llava-1.5-7b-hf, but for the case whose crop is beyond the image.
   */
  private static final Map<String, String> CONFIGS =
      Map.of(
          "clip-336",
          "{'image_processor_type': 'CLIPImageProcessor', 'do_resize': true, 'resample': 3, 'size':"
              + " {'shortest_edge': 336}, 'do_center_crop': true, 'crop_size': {'height': 336,"
              + " 'width': 336}, 'do_rescale': true, 'rescale_factor': 0.00392156862745098,"
              + " 'do_convert_rgb': true, 'do_normalize': true, "
              + CLIP_MEAN
              + "}",
          "siglip-384",
          "{'image_processor_type': 'SiglipImageProcessorFast', 'resample': 3, 'size': {'height': 384,"
              + " 'width': 384}, 'do_pan_and_scan': null, 'crop_size': null, "
              + HALF
              + "}",
          "clip-crop-beyond",
          "{'feature_extractor_type': 'CLIPFeatureExtractor', 'resample': 2, 'size': 20,"
              + " 'crop_size': 33, "
              + CLIP_MEAN
              + "}");

  static Stream<String> preprocessed() {
    return GoldenImages.rows("preprocessed.txt").stream().map(row -> String.join(" ", row));
  }

  @ParameterizedTest
  @MethodSource("preprocessed")
  void everyFloatIsTheReferences(String golden) throws IOException {
    String[] row = golden.split(" ", -1);
    RgbImage picture = GoldenImages.picture(Integer.parseInt(row[1]), Integer.parseInt(row[2]));
    PixelTensor tensor = preprocessor(CONFIGS.get(row[0])).apply(picture);
    assertEquals(row[3], "3x" + tensor.height() + "x" + tensor.width());
    assertEquals(row[4], tensor.sha256(), golden);
  }

  @Test
  void wholeConfigIsRead(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("preprocessor_config.json");
    Files.writeString(file, CONFIGS.get("clip-336").replace('\'', '"'));
    assertEquals(
        new ImagePreprocessor(
            new ImagePreprocessor.Resize.ShortestEdge(336, Resampler.BICUBIC),
            new ImagePreprocessor.Crop.Centre(336, 336),
            0.00392156862745098,
            List.of(0.48145466, 0.4578275, 0.40821073),
            List.of(0.26862954, 0.26130258, 0.27577711)),
        ImagePreprocessor.read(file));
  }

  @Test
  void stepsCanBeSwitchedOff() throws IOException {
    ImagePreprocessor plain =
        preprocessor(
            "{'image_processor_type': 'CLIPImageProcessor', 'do_resize': false, 'do_center_crop':"
                + " false, 'do_rescale': false, 'do_normalize': false}");
    RgbImage picture = GoldenImages.picture(5, 4);
    PixelTensor tensor = plain.apply(picture);
    assertEquals(4, tensor.height());
    assertEquals(5, tensor.width());
    for (int c = 0; c < 3; c++) {
      assertEquals(picture.sample(3, 2, c), tensor.value(c, 2, 3));
    }
  }

  @Test
  void oneNumberIsASquareForSiglipAndTheShorterSideForClip() throws IOException {
    String rest = "'resample': 3, 'size': 10, 'do_center_crop': false, " + HALF + "}";
    RgbImage picture = GoldenImages.picture(40, 20);
    PixelTensor square =
        preprocessor("{'image_processor_type': 'SiglipImageProcessor', " + rest).apply(picture);
    PixelTensor wide =
        preprocessor("{'image_processor_type': 'CLIPImageProcessor', " + rest).apply(picture);
    assertEquals(List.of(10, 10), List.of(square.height(), square.width()));
    assertEquals(List.of(10, 20), List.of(wide.height(), wide.width()));
  }

  @Test
  void oneVisionIsReadAsOneTile() throws IOException {
    PixelTensor tensor =
        preprocessor(
                "{'image_processor_type': 'LlavaOnevisionImageProcessor', 'do_pad': true,"
                    + " 'image_grid_pinpoints': [[384, 384], [384, 768]], 'resample': 3, 'size':"
                    + " {'height': 384, 'width': 384}, "
                    + HALF
                    + "}")
            .apply(GoldenImages.picture(50, 30));
    assertEquals(List.of(384, 384), List.of(tensor.height(), tensor.width()));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void whatCannotBeFollowedIsRefused(String config, String reason) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> preprocessor(config));
    assertTrue(
        e.getMessage().startsWith("Cannot follow image processor preprocessor_config.json: "),
        e.getMessage());
    assertTrue(e.getMessage().contains(reason), e.getMessage());
  }

  static Stream<Arguments> refused() {
    String siglip = "{'image_processor_type': 'SiglipImageProcessor', 'resample': 3, ";
    return Map.ofEntries(
            Map.entry("{}", "image_processor_type is ''"),
            Map.entry("[]", "image_processor_type is ''"),
            Map.entry(
                "{'image_processor_type': 'Idefics3ImageProcessor'}",
                "image_processor_type is 'Idefics3ImageProcessor'"),
            Map.entry(
                "{'image_processor_type': 'Qwen2VLImageProcessorFast'}",
                "image_processor_type is 'Qwen2VLImageProcessor'"),
            Map.entry(
                "{'image_processor_type': 'LlavaImageProcessor', 'do_pad': true}",
                "'do_pad' asks for a step that is not implemented"),
            Map.entry(
                "{'image_processor_type': 'CLIPImageProcessor', 'image_grid_pinpoints': [[1, 1]]}",
                "'image_grid_pinpoints' asks for a step"),
            Map.entry(
                "{'image_processor_type': 'Gemma3ImageProcessor', 'do_pan_and_scan': true}",
                "'do_pan_and_scan' asks for a step"),
            Map.entry(siglip + HALF + "}", "'size' is missing"),
            Map.entry(siglip + "'size': 'big'}", "'size' is \"big\""),
            Map.entry(
                siglip + "'size': {'longest_edge': 2048}}", "'size' is {\"longest_edge\":2048}"),
            Map.entry(siglip + "'size': 0, " + HALF + "}", "Invalid size: 0x0"),
            Map.entry(siglip + "'size': 2.5}", "'size' is 2.5"),
            Map.entry(siglip + "'size': 9}", "'image_mean' is missing"),
            Map.entry(
                siglip + "'size': 9, 'image_mean': [0.5], 'image_std': [1, 1, 1]}",
                "'image_mean' is [0.5]; it must be 3 numbers"),
            Map.entry(
                siglip + "'size': 9, 'image_mean': [0, 0, 'x'], 'image_std': [1, 1, 1]}",
                "Invalid mean: [0.0, 0.0, NaN]"),
            Map.entry(
                siglip + "'size': 9, 'image_mean': [0, 0, 0], 'image_std': [1, 0, 1]}",
                "Invalid std: [1.0, 0.0, 1.0]"),
            Map.entry(
                siglip + "'size': 9, 'rescale_factor': 255, " + HALF + "}",
                "Invalid rescaleFactor: 255.0"),
            Map.entry(siglip + "'size': 9, 'do_resize': 'yes'}", "'do_resize' is \"yes\""),
            Map.entry(
                "{'image_processor_type': 'SiglipImageProcessor', 'size': 9, 'resample': 7}",
                "Invalid resample code: 7"))
        .entrySet()
        .stream()
        .map(e -> Arguments.of(e.getKey(), e.getValue()));
  }

  @Test
  void travelsToExecutors() throws IOException, ClassNotFoundException {
    ImagePreprocessor sent = preprocessor(CONFIGS.get("clip-336"));
    ByteArrayOutputStream wire = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(wire)) {
      out.writeObject(sent);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(wire.toByteArray()))) {
      assertEquals(sent, in.readObject());
    }
  }

  private static ImagePreprocessor preprocessor(String config) throws JsonProcessingException {
    return ImagePreprocessor.of(new ObjectMapper().readTree(config.replace('\'', '"')));
  }
}

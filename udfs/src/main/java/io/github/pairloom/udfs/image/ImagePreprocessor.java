package io.github.pairloom.udfs.image;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;

/**
 * Turns a picture into a model's input as the model's own image processor (Hugging Face {@code
 * transformers}, those on NumPy and Pillow) does: resize, centre crop, rescale, normalise, in that
 * order, to the last bit of float32.
 *
 * <p>Processors of one picture and one tensor are honoured. A config that needs tiles, flat patches
 * or padding is refused rather than half followed. One exception: LLaVA-OneVision runs on one tile,
 * as its published ONNX graphs do.
 *
 * @param resize how the picture is scaled
 * @param crop what is cut from its centre
 * @param rescaleFactor factor of the samples 0 to 255, before normalising: usually 1/255
 * @param mean subtracted per channel (red, green, blue) after rescaling; 0 if the model does not
 *     normalise
 * @param std divided by per channel after that; 1 if the model does not normalise
 */
public record ImagePreprocessor(
    Resize resize, Crop crop, double rescaleFactor, List<Double> mean, List<Double> std)
    implements Serializable {
  /** Checks that the numbers give finite values. */
  public ImagePreprocessor {
    requireNonNull(resize, "resize is null");
    requireNonNull(crop, "crop is null");
    check(
        rescaleFactor > 0 && rescaleFactor <= 1,
        "Invalid rescaleFactor: %s (must be in (0, 1])",
        rescaleFactor);
    mean = List.copyOf(mean);
    std = List.copyOf(std);
    check(
        mean.size() == RgbImage.CHANNELS && mean.stream().allMatch(Double::isFinite),
        "Invalid mean: %s (must be 3 numbers)",
        mean);
    check(
        std.size() == RgbImage.CHANNELS
            && std.stream().allMatch(s -> Double.isFinite(s) && s.floatValue() > 0),
        "Invalid std: %s (must be 3 numbers above 0)",
        std);
  }

  /**
   * Reads a {@code preprocessor_config.json}.
   *
   * @throws IllegalArgumentException if it asks for what this class cannot do; the message names
   *     the file and the key
   */
  public static ImagePreprocessor read(Path config) throws IOException {
    JsonNode json = new ObjectMapper().readTree(config.toFile());
    return new PreprocessorConfig(config.toString(), json).toPreprocessor();
  }

  /** Builds from the content of a {@code preprocessor_config.json}; see {@link #read}. */
  public static ImagePreprocessor of(JsonNode config) {
    return new PreprocessorConfig("preprocessor_config.json", config).toPreprocessor();
  }

  /** Returns the model's input: shape [3, height, width]. Safe for use by many threads. */
  public PixelTensor apply(RgbImage image) {
    RgbImage cropped = crop.apply(resize.apply(image));
    int area = cropped.width() * cropped.height();
    byte[] rgb = cropped.rgb();
    float[] data = new float[RgbImage.CHANNELS * area];
    for (int channel = 0; channel < RgbImage.CHANNELS; channel++) {
      float[] valueOf = values(channel);
      for (int i = 0; i < area; i++) {
        data[channel * area + i] = valueOf[rgb[i * RgbImage.CHANNELS + channel] & 0xFF];
      }
    }
    return PixelTensor.wrap(cropped.height(), cropped.width(), data);
  }

  /**
   * Returns the picture that a model's input shows: rescaling and normalising undone. Values beyond
   * black and white are cut off; the size is the model's.
   */
  public RgbImage picture(PixelTensor pixels) {
    byte[] rgb = new byte[RgbImage.CHANNELS * pixels.height() * pixels.width()];
    int next = 0;
    for (int y = 0; y < pixels.height(); y++) {
      for (int x = 0; x < pixels.width(); x++) {
        for (int channel = 0; channel < RgbImage.CHANNELS; channel++) {
          double rescaled = pixels.value(channel, y, x) * std.get(channel) + mean.get(channel);
          long sample = Math.round(rescaled / rescaleFactor);
          rgb[next++] = (byte) Math.max(0, Math.min(255, sample));
        }
      }
    }
    return RgbImage.wrap(pixels.width(), pixels.height(), rgb);
  }

  /** The value of each sample. NumPy rescales in float64 and normalises in float32. */
  private float[] values(int channel) {
    float[] values = new float[256];
    for (int sample = 0; sample < values.length; sample++) {
      float rescaled = (float) (sample * rescaleFactor);
      values[sample] = (rescaled - mean.get(channel).floatValue()) / std.get(channel).floatValue();
    }
    return values;
  }

  private static void check(boolean holds, String message, Object value) {
    if (!holds) {
      throw new IllegalArgumentException(String.format(message, value));
    }
  }

  /** How a picture is scaled. */
  public sealed interface Resize extends Serializable {
    /** Returns the scaled picture. */
    RgbImage apply(RgbImage image);

    /** Keeps the size. */
    record None() implements Resize {
      @Override
      public RgbImage apply(RgbImage image) {
        return image;
      }
    }

    /**
     * Scales to one size, whatever the shape of the picture.
     *
     * @param height in pixels
     * @param width in pixels
     * @param resampler the filter
     */
    record Exact(int height, int width, Resampler resampler) implements Resize {
      /** Checks that there is a pixel to fill. */
      public Exact {
        check(
            height >= 1 && width >= 1,
            "Invalid size: %s (must be at least 1x1)",
            width + "x" + height);
        requireNonNull(resampler, "resampler is null");
      }

      @Override
      public RgbImage apply(RgbImage image) {
        return resampler.resize(image, width, height);
      }
    }

    /**
     * Scales so that the shorter side gets a length; the longer follows, rounded down.
     *
     * @param length in pixels
     * @param resampler the filter
     */
    record ShortestEdge(int length, Resampler resampler) implements Resize {
      /** Checks that there is a pixel to fill. */
      public ShortestEdge {
        check(length >= 1, "Invalid shortest edge: %s (must be at least 1)", length);
        requireNonNull(resampler, "resampler is null");
      }

      @Override
      public RgbImage apply(RgbImage image) {
        int shorter = Math.min(image.width(), image.height());
        return resampler.resize(
            image, scaled(image.width(), shorter), scaled(image.height(), shorter));
      }

      private int scaled(int side, int shorter) {
        return Math.toIntExact((long) ((double) ((long) length * side) / shorter));
      }
    }
  }

  /** What is cut from the centre of a picture. */
  public sealed interface Crop extends Serializable {
    /** Returns the part. */
    RgbImage apply(RgbImage image);

    /** Keeps all of it. */
    record None() implements Crop {
      @Override
      public RgbImage apply(RgbImage image) {
        return image;
      }
    }

    /**
     * Cuts a window of one size; black where it reaches beyond the picture.
     *
     * @param height in pixels
     * @param width in pixels
     */
    record Centre(int height, int width) implements Crop {
      /** Checks that there is a pixel to cut. */
      public Centre {
        check(
            height >= 1 && width >= 1,
            "Invalid crop: %s (must be at least 1x1)",
            width + "x" + height);
      }

      @Override
      public RgbImage apply(RgbImage image) {
        int left = start(image.width(), width);
        int top = start(image.height(), height);
        byte[] cut = new byte[width * height * RgbImage.CHANNELS];
        int fromX = Math.max(0, left);
        int toX = Math.min(image.width(), left + width);
        for (int y = Math.max(0, top); y < Math.min(image.height(), top + height); y++) {
          System.arraycopy(
              image.rgb(),
              (y * image.width() + fromX) * RgbImage.CHANNELS,
              cut,
              ((y - top) * width + fromX - left) * RgbImage.CHANNELS,
              (toX - fromX) * RgbImage.CHANNELS);
        }
        return RgbImage.wrap(width, height, cut);
      }

      /** Rounds down, also below zero, as Python does. */
      private static int start(int side, int window) {
        return Math.floorDiv(side - window, 2);
      }
    }
  }
}

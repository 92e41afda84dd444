package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;

/**
 * Which vision-language model to load, and how. Small and serializable: it travels to executors,
 * the weights do not.
 *
 * @param path folder in the Hugging Face ONNX layout
 * @param suffix variant of the graphs, appended to their file names
 * @param chatTemplate Jinja template to use in place of the folder's own; empty: the folder's own
 * @param device where the model runs
 * @param threads intra-op threads of one run on the CPU
 */
public record ModelSpec(
    @Setting(
            "Folder of the model in the Hugging Face ONNX layout (config.json, tokenizer.json,"
                + " onnx/vision_encoder.onnx, onnx/embed_tokens.onnx,"
                + " onnx/decoder_model_merged.onnx)")
        String path,
    @Setting(
            value =
                "Variant of the graphs by their file-name suffix, such as _fp16; empty: full"
                    + " precision",
            defaults = "")
        String suffix,
    @Setting(
            value =
                "Jinja chat template in place of the one in the model's folder; empty: the folder's",
            defaults = "")
        String chatTemplate,
    @Setting(value = "cpu, or gpu: the GPU that Spark assigned to the task", defaults = "cpu")
        Device device,
    @Setting(value = "Intra-op threads of one model run on the CPU, at least 1", defaults = "1")
        int threads)
    implements Serializable {
  /** Where a model runs. */
  public enum Device {
    CPU,
    GPU
  }

  public ModelSpec {
    check(path != null && !path.isBlank(), "Invalid path: blank (must name a model folder)");
    check(
        suffix.isEmpty() || suffix.matches("_[a-z0-9]+"),
        "Invalid suffix: '%s' (must be empty or like _fp16)",
        suffix);
    check(threads >= 1, "Invalid threads: %s (must be at least 1)", threads);
  }
}

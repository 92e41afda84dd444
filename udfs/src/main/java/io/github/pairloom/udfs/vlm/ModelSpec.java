package io.github.pairloom.udfs.vlm;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.io.Serializable;
import java.nio.file.Path;
import org.apache.spark.TaskContext;

/**
 * Which vision-language model to load, and how. Small and serializable: it travels to executors,
 * the weights do not.
 *
 * @param path folder in the Hugging Face ONNX layout
 * @param suffix variant of the graphs, appended to their file names
 * @param sha256 what {@link ModelIdentity#revision} must be; empty: whatever it is
 * @param chatTemplate Jinja template to use in place of the folder's own; empty: the folder's own
 * @param device where the model runs
 * @param threads intra-op threads of one run on the CPU; 0: as many as Spark gives a task
 * @param batch how much is worked on at once
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
                "SHA-256 that the model's files must have together, as ./pairloom doctor RECIPE"
                    + " prints it; empty: they are taken as they are",
            defaults = "")
        String sha256,
    @Setting(
            value =
                "Jinja chat template in place of the one in the model's folder; empty: the folder's",
            defaults = "")
        String chatTemplate,
    @Setting(value = "cpu, or gpu: the GPU that Spark assigned to the task", defaults = "cpu")
        Device device,
    @Setting(
            value =
                "Intra-op threads of one model run on the CPU; 0: as many as Spark gives a task"
                    + " (spark.task.cpus)",
            defaults = "0")
        int threads,
    @Setting("How much the model works on at once; what it writes does not depend on it")
        Batching batch)
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
    check(
        sha256.isEmpty() || sha256.matches("[0-9a-f]{64}"),
        "Invalid sha256: '%s' (must be empty or 64 of 0-9 and a-f)",
        sha256);
    check(threads >= 0, "Invalid threads: %s (must be at least 0)", threads);
  }

  /** Returns the model in {@code folder}, on one thread of the CPU. */
  public static ModelSpec onCpu(Path folder) {
    return new ModelSpec(folder.toString(), "", "", "", Device.CPU, 1, Batching.DEFAULTS);
  }

  /** Returns the same model with other batches. */
  public ModelSpec with(Batching other) {
    return new ModelSpec(path, suffix, sha256, chatTemplate, device, threads, other);
  }

  /**
   * Returns the same model, of these files and no others, for executors whose folder of that name
   * may be another.
   *
   * @param revision as {@link ModelIdentity} has it
   */
  public ModelSpec pinned(String revision) {
    return new ModelSpec(path, suffix, revision, chatTemplate, device, threads, batch);
  }

  /** Returns {@link #threads}, or what Spark gives the calling task; 1 outside of Spark. */
  public int threadsOfTask() {
    TaskContext task = TaskContext.get();
    return threads > 0 ? threads : task == null ? 1 : task.cpus();
  }
}

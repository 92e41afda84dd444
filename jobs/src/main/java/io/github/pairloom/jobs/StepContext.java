package io.github.pairloom.jobs;

import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.remote.ResponseCache;
import io.github.pairloom.udfs.vlm.ModelSpec;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/**
 * What a step works with.
 *
 * @param spark the session; a step never stops it
 * @param warehouse where tables are read and written
 * @param recipe what to do
 */
public record StepContext(SparkSession spark, Warehouse warehouse, Recipe recipe) {
  /** Returns what reads the bytes of images, on any executor. */
  public ImageBytes imageBytes() {
    return new ImageBytes(spark.sparkContext().hadoopConfiguration());
  }

  /** Returns where answers of models behind HTTP are kept: in the warehouse, for all recipes. */
  public ResponseCache answers() {
    ResponseCache answers =
        recipe.remote().cache()
            ? ResponseCache.in(
                spark.sparkContext().hadoopConfiguration(), warehouse.root() + "/_response-cache")
            : ResponseCache.none();
    return recipe.remote().isCapped() ? answers.capped() : answers;
  }

  /**
   * Fails if {@code model} is to run on GPUs and Spark is not set to give tasks any: at once, and
   * not on an executor after the inputs were read.
   *
   * @throws JobException if so
   */
  public void checkDevices(ModelSpec model) {
    SparkConf conf = spark.sparkContext().getConf();
    if (model.device() != ModelSpec.Device.GPU
        || conf.getDouble("spark.task.resource.gpu.amount", 0) > 0) {
      return;
    }
    String master = conf.get("spark.master", "");
    throw new JobException(
        "Model %s is to run on a GPU (model.device: gpu), but Spark gives tasks none: spark.task.resource.gpu.amount is not set. %s"
            .formatted(
                model.path(),
                master.startsWith("local")
                    ? "An embedded Spark (master "
                        + master
                        + ") has no GPUs to give. Submit to a cluster whose workers announce theirs"
                        + " (conf/cluster/standalone.conf; one machine can be one), or set model.device:"
                        + " cpu."
                    : "Set spark.executor.resource.gpu.amount and spark.task.resource.gpu.amount as in"
                        + " conf/cluster, or model.device: cpu."));
  }
}

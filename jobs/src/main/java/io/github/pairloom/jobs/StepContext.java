package io.github.pairloom.jobs;

import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.udfs.image.ImageBytes;
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
}

package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.lower;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.udf;

import io.github.pairloom.jobs.FileAddresses;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.EvaluationSet;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.dedup.Shingles;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PerceptualHash;
import io.github.pairloom.udfs.image.RgbImage;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * Labels what the warehouse has in common with evaluation sets: images that equal one of the set or
 * look like it, as step {@code dedup} means it, and pairs whose prompt stands in the set.
 */
final class Contamination {
  private static final StructType HASHES =
      new StructType()
          .add("image_id", DataTypes.StringType, false)
          .add("pixels_sha256", DataTypes.StringType)
          .add("perceptual_hash", DataTypes.StringType);

  private final StepContext context;
  private final Warehouse warehouse;

  Contamination(StepContext context) {
    this.context = context;
    this.warehouse = context.warehouse();
  }

  /** Writes the labels if they are not there yet; returns the step's figures. */
  Map<String, Double> write(List<EvaluationSet> sets, int radius) {
    Dataset<Row> before = warehouse.latest(Table.CONTAMINATIONS);
    Map<String, Double> metrics = new HashMap<>();
    if (sets.isEmpty() && before.isEmpty()) {
      return metrics;
    }
    Dataset<Row> labels = context.spark().createDataFrame(List.of(), Table.CONTAMINATIONS.schema());
    for (EvaluationSet set : sets) {
      if (!set.images().isEmpty() || !set.hashes().isEmpty()) {
        labels = labels.union(labelled("image", set, images(set, radius, metrics)));
      }
      if (!set.prompts().isEmpty()) {
        labels = labels.union(labelled("pair", set, prompts(set)));
      }
    }
    Dataset<Row> now = labels.distinct().persist(StorageLevel.MEMORY_AND_DISK());
    try {
      for (String kind : List.of("image", "pair")) {
        metrics.put(
            "contaminated-" + kind + "s", (double) now.where(col("kind").equalTo(kind)).count());
      }
      if (now.count() != before.count() || !now.except(before).isEmpty()) {
        warehouse.replace(Table.CONTAMINATIONS, "true", now);
      }
    } finally {
      now.unpersist();
    }
    return metrics;
  }

  private static Dataset<Row> labelled(String kind, EvaluationSet set, Dataset<Row> ids) {
    return ids.select(lit(kind).as("kind"), col("id"), lit(set.name()).as("evaluation"));
  }

  /** Returns the ids of images that equal or look like one of the set. */
  private Dataset<Row> images(EvaluationSet set, int radius, Map<String, Double> metrics) {
    Dataset<Row> ours =
        warehouse.latest(Table.IMAGES).select("image_id", "pixels_sha256", "perceptual_hash");
    Dataset<Row> listed = lines(set.hashes(), "hashes").toDF("id");
    Dataset<Row> named =
        ours.select(col("image_id").as("id")).join(listed, "id").select("id").distinct();
    if (set.images().isEmpty()) {
      return named;
    }
    Dataset<Row> theirs = hashed(set).persist(StorageLevel.MEMORY_AND_DISK());
    try {
      Dataset<Row> readable =
          theirs.where(col("pixels_sha256").isNotNull()).dropDuplicates("image_id");
      long count = readable.count();
      metrics.merge("evaluation-images", (double) count, Double::sum);
      metrics.merge(
          "evaluation-images-unreadable",
          (double) theirs.where(col("pixels_sha256").isNull()).count(),
          Double::sum);
      if (count == 0) {
        throw new JobException(
            "Cannot keep evaluation set %s apart: there is no image that can be read in %s. Correct dedup.evaluations.images"
                .formatted(set.name(), set.images()));
      }
      // Ids of their own: an image may be in both, and must then be found as one of equal pixels.
      Dataset<Row> renamed =
          readable.withColumn(
              "image_id",
              udf(
                      (UDF1<String, String>) id -> ContentId.of("evaluation " + id),
                      DataTypes.StringType)
                  .apply(col("image_id")));
      Set<Long> evaluated = new HashSet<>();
      renamed
          .select("image_id")
          .collectAsList()
          .forEach(row -> evaluated.add(RowId.high(row.getString(0))));
      Components components = new Components();
      new ImageDuplicates(JavaSparkContext.fromSparkContext(context.spark().sparkContext()), radius)
          .edges(ours.union(renamed).toJavaRDD(), ours.count() + count)
          .collect()
          .forEach(components::joinAll);
      Set<Integer> roots = new HashSet<>();
      for (int i = 0; i < components.size(); i++) {
        if (evaluated.contains(components.high(i))) {
          roots.add(components.root(i));
        }
      }
      Set<Long> found = new HashSet<>();
      for (int i = 0; i < components.size(); i++) {
        if (roots.contains(components.root(i))) {
          found.add(components.high(i));
        }
      }
      Column isFound =
          udf((UDF1<String, Boolean>) id -> found.contains(RowId.high(id)), DataTypes.BooleanType)
              .apply(col("image_id"));
      return named.union(ours.where(isFound).select("image_id"));
    } finally {
      theirs.unpersist();
    }
  }

  /** Reads the set's pictures where their files are read: no bytes go through a shuffle. */
  private Dataset<Row> hashed(EvaluationSet set) {
    Dataset<Row> files;
    checkAddress("images", set.images());
    try {
      files =
          context
              .spark()
              .read()
              .format("binaryFile")
              .option("recursiveFileLookup", "true")
              .load(set.images())
              .select("content");
    } catch (Exception e) {
      throw unreadable(set.images(), "images", e);
    }
    FlatMapFunction<Row, Row> hash =
        row -> {
          byte[] bytes = row.getAs(0);
          String id = ContentId.of(bytes);
          try {
            RgbImage image = new ImageDecoder(ImageLimits.DEFAULTS).decode(bytes).image();
            return List.of(
                    RowFactory.create(
                        id, image.sha256(), PerceptualHash.toHex(PerceptualHash.of(image))))
                .iterator();
          } catch (BadImageException e) {
            return List.of(RowFactory.create(id, null, null)).iterator();
          }
        };
    return files.flatMap(hash, Encoders.row(HASHES));
  }

  /** Returns the ids of pairs whose prompt has the words of one of the set. */
  private Dataset<Row> prompts(EvaluationSet set) {
    Column key =
        udf((UDF1<String, String>) Contamination::promptKey, DataTypes.StringType)
            .apply(col("prompt"));
    Dataset<Row> theirs =
        lines(set.prompts(), "prompts")
            .toDF("prompt")
            .select(key.as("key"))
            .where(col("key").isNotNull())
            .distinct();
    return warehouse
        .latest(Table.PAIRS)
        .select(col("pair_id").as("id"), key.as("key"))
        .join(broadcast(theirs), "key")
        .select("id");
  }

  /** Returns what prompts of the same words have in common; null for one of few words. */
  private static String promptKey(String prompt) {
    Shingles words = new Shingles(TextDedup.Unit.WORD, 1);
    words.read(prompt);
    return words.count() < EvaluationSet.LEAST_PROMPT_WORDS
        ? null
        : Long.toHexString(words.contentHigh()) + " " + Long.toHexString(words.contentLow());
  }

  private Dataset<Row> lines(String path, String key) {
    if (path.isEmpty()) {
      return context
          .spark()
          .createDataFrame(List.of(), new StructType().add("line", DataTypes.StringType));
    }
    checkAddress(key, path);
    try {
      return context.spark().read().text(path).select(lower(trim(col("value"))).as("line"));
    } catch (Exception e) {
      throw unreadable(path, key, e);
    }
  }

  private void checkAddress(String key, String path) {
    FileAddresses.check(
        "dedup.evaluations." + key,
        new Path(path),
        context.spark().sparkContext().hadoopConfiguration());
  }

  private static RuntimeException unreadable(String path, String key, Exception e) {
    // Scala's exceptions are not declared.
    if (e instanceof AnalysisException) {
      return new JobException(
          "Cannot read %s of dedup.evaluations.%s: %s"
              .formatted(path, key, String.valueOf(e.getMessage()).lines().findFirst().orElse("")),
          e);
    }
    return e instanceof RuntimeException runtime ? runtime : new IllegalStateException(e);
  }
}

package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.lower;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.regexp_extract;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.jobs.FileAddresses;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.ModelRows;
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
import java.util.List;
import java.util.Map;
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
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * Labels what the warehouse has in common with evaluation sets: images that equal one of the set or
 * look like it, as step {@code dedup} means it, and pairs whose prompt, or an earlier question of
 * whose conversation, stands in the set.
 */
public final class Contamination {
  private static final StructType HASHES =
      new StructType()
          .add("image_id", DataTypes.StringType, false)
          .add("pixels_sha256", DataTypes.StringType)
          .add("perceptual_hash", DataTypes.StringType);

  /**
   * A file's SHA-256 at the start of a line, as {@code sha256sum} writes it before the name: behind
   * a backslash where the name has one, or a line break.
   */
  private static final String HASH = "^\\s*\\\\?([0-9a-fA-F]{64})(\\s|$)";

  /** What ingest takes out of prompts. */
  private static final String IMAGE_MARKER = "<image>";

  /** Characters of a line that a message repeats. */
  private static final int SHOWN = 80;

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
    Dataset<Row> pictures = pictures(sets).persist(StorageLevel.MEMORY_AND_DISK());
    Dataset<Row> now = null;
    try {
      measure(pictures, sets, metrics);
      Dataset<Row> labels = images(sets, pictures, radius, metrics);
      for (EvaluationSet set : sets) {
        if (!set.prompts().isEmpty()) {
          labels = labels.union(labelled("pair", set, prompts(set, metrics)));
        }
      }
      now = labels.distinct().persist(StorageLevel.MEMORY_AND_DISK());
      for (String kind : List.of("image", "pair")) {
        metrics.put(
            "contaminated-" + kind + "s", (double) now.where(col("kind").equalTo(kind)).count());
      }
      if (now.count() != before.count() || !now.except(before).isEmpty()) {
        warehouse.replace(Table.CONTAMINATIONS, "true", now);
      }
    } finally {
      pictures.unpersist();
      if (now != null) {
        now.unpersist();
      }
    }
    return metrics;
  }

  /**
   * Returns the ids, in column {@code id}, of those pairs that have a label, or an image with one,
   * be it of the rejected side alone.
   *
   * @param labels of table {@code contaminations}
   */
  public static Dataset<Row> contaminated(Dataset<Row> pairs, Dataset<Row> labels) {
    return labels
        .where(col("kind").equalTo("pair"))
        .select("id")
        .union(showing(pairs, col("image_id"), labels))
        .union(showing(pairs, ModelRows.rejectedImageId(), labels));
  }

  private static Dataset<Row> showing(Dataset<Row> pairs, Column image, Dataset<Row> labels) {
    // Most have no other image: NULLs would all meet in one partition.
    return pairs
        .select(col("pair_id"), image.as("shown"))
        .where(col("shown").isNotNull())
        .join(
            labels.where(col("kind").equalTo("image")).select("id"),
            col("shown").equalTo(col("id")),
            "left_semi")
        .select(col("pair_id").as("id"));
  }

  private static Dataset<Row> labelled(String kind, EvaluationSet set, Dataset<Row> ids) {
    return ids.select(lit(kind).as("kind"), col("id"), lit(set.name()).as("evaluation"));
  }

  /** Returns the hashes of the pictures of all sets, with column {@code evaluation}. */
  private Dataset<Row> pictures(List<EvaluationSet> sets) {
    Dataset<Row> pictures =
        context.spark().createDataFrame(List.of(), HASHES).withColumn("evaluation", lit(""));
    for (EvaluationSet set : sets) {
      if (!set.images().isEmpty()) {
        pictures = pictures.union(hashed(set).withColumn("evaluation", lit(set.name())));
      }
    }
    return pictures;
  }

  private static void measure(
      Dataset<Row> pictures, List<EvaluationSet> sets, Map<String, Double> metrics) {
    Column readable = col("pixels_sha256").isNotNull();
    Map<String, Row> counts = new HashMap<>();
    pictures
        .groupBy("evaluation")
        .agg(
            countDistinct(when(readable, col("image_id"))),
            count(when(not(readable), col("image_id"))))
        .collectAsList()
        .forEach(row -> counts.put(row.getString(0), row));
    for (EvaluationSet set : sets) {
      Row count = counts.get(set.name());
      if (count != null && count.getLong(1) > 0) {
        metrics.merge("evaluation-images", (double) count.getLong(1), Double::sum);
        metrics.merge("evaluation-images-unreadable", (double) count.getLong(2), Double::sum);
      } else if (!set.images().isEmpty()) {
        throw new JobException(
            "Cannot keep evaluation set %s apart: there is no image that can be read in %s. Correct dedup.evaluations.images"
                .formatted(set.name(), set.images()));
      }
    }
  }

  /** Returns labels of images that a set names, and of those that equal one of a set or look so. */
  private Dataset<Row> images(
      List<EvaluationSet> sets, Dataset<Row> pictures, int radius, Map<String, Double> metrics) {
    Dataset<Row> named = context.spark().createDataFrame(List.of(), Table.CONTAMINATIONS.schema());
    if (sets.stream().allMatch(set -> (set.images() + set.hashes()).isEmpty())) {
      return named;
    }
    Dataset<Row> ours =
        warehouse.latest(Table.IMAGES).select("image_id", "pixels_sha256", "perceptual_hash");
    Dataset<Row> ids = ours.select(col("image_id").as("id"));
    for (EvaluationSet set : sets) {
      if (!set.hashes().isEmpty()) {
        named = named.union(labelled("image", set, ids.join(hashes(set, metrics), "id")));
      }
    }
    Dataset<Row> theirs = pictures.where(col("pixels_sha256").isNotNull());
    // All sets at once: what is tied through an image of another set is in that set too.
    Dataset<Row> all = ours.union(theirs.drop("evaluation").dropDuplicates("image_id"));
    Clusters clusters =
        Clusters.of(
            context.spark(),
            new ImageDuplicates(
                    JavaSparkContext.fromSparkContext(context.spark().sparkContext()), radius)
                .edges(all.toJavaRDD(), all.count()),
            Clusters.DRIVER_EDGES);
    Dataset<Row> roots =
        clusters
            .addedTo(
                named
                    .select("id", "evaluation")
                    .union(theirs.select(col("image_id").as("id"), col("evaluation"))))
            .select("root", "evaluation")
            .distinct();
    return named.union(
        clusters
            .addedTo(ids)
            .join(roots, "root")
            .select(lit("image").as("kind"), col("id"), col("evaluation")));
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
              .load(set.images());
    } catch (Exception e) {
      throw unreadable(set.images(), "images", e);
    }
    FlatMapFunction<Row, Row> hash =
        row -> {
          byte[] bytes = row.getAs(0);
          // Of their own: an image may be in both, and must be found as one of equal pixels.
          String id = ContentId.of("evaluation " + ContentId.of(bytes));
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
    // Spark's task fails at a file of 2 GiB, but not where only its length is asked for.
    Column small = col("length").leq(ImageLimits.DEFAULTS.maxBytes());
    Column unread = lit(null).cast(DataTypes.StringType);
    return files
        .where(small)
        .select("content")
        .flatMap(hash, Encoders.row(HASHES))
        .union(
            files.where(not(small)).select(sha2(col("path").cast("binary"), 256), unread, unread));
  }

  /** Returns the hashes that a set lists, in column {@code id}. */
  private Dataset<Row> hashes(EvaluationSet set, Map<String, Double> metrics) {
    Dataset<Row> listed =
        lines(set.hashes(), "hashes")
            // Comments, as in a source's manifest.
            .where(not(col("line").startsWith("#")))
            .select(col("line"), lower(regexp_extract(col("line"), HASH, 1)).as("id"));
    List<Row> others = listed.where(col("id").equalTo("")).limit(1).collectAsList();
    if (!others.isEmpty()) {
      String line = others.get(0).getString(0);
      throw new JobException(
          "Cannot read %s of dedup.evaluations.hashes: its line '%s' does not begin with the SHA-256 of a file (expected: 64 hex digits, then nothing, or white space and a name). Write it as sha256sum does"
              .formatted(
                  set.hashes(), line.length() > SHOWN ? line.substring(0, SHOWN) + "..." : line));
    }
    Dataset<Row> ids = listed.select("id").distinct();
    long count = ids.count();
    if (count == 0) {
      throw new JobException(
          "Cannot keep evaluation set %s apart: there is no hash in %s. Correct dedup.evaluations.hashes"
              .formatted(set.name(), set.hashes()));
    }
    metrics.merge("evaluation-hashes", (double) count, Double::sum);
    return ids;
  }

  /** Returns the ids of pairs that ask for what has the words of a prompt of the set. */
  private Dataset<Row> prompts(EvaluationSet set, Map<String, Double> metrics) {
    UserDefinedFunction key =
        udf((UDF1<String, String>) Contamination::promptKey, DataTypes.StringType);
    Dataset<Row> theirs = lines(set.prompts(), "prompts").select(key.apply(col("line")).as("key"));
    Row counts = theirs.agg(countDistinct(col("key")), count(when(col("key").isNull(), 1))).first();
    if (counts.getLong(0) == 0) {
      throw new JobException(
          "Cannot keep evaluation set %s apart: no prompt in %s has %s words, and %s have fewer. Correct dedup.evaluations.prompts"
              .formatted(
                  set.name(), set.prompts(), EvaluationSet.LEAST_PROMPT_WORDS, counts.getLong(1)));
    }
    metrics.merge("evaluation-prompts", (double) counts.getLong(0), Double::sum);
    metrics.merge("evaluation-prompts-too-short", (double) counts.getLong(1), Double::sum);
    Column asked =
        expr(
            "concat(array(prompt),"
                + " transform(filter(context, turn -> turn.role = 'user'), turn -> turn.content))");
    return warehouse
        .latest(Table.PAIRS)
        .select(col("pair_id").as("id"), explode(asked).as("asked"))
        .select(col("id"), key.apply(col("asked")).as("key"))
        .join(broadcast(theirs.where(col("key").isNotNull()).distinct()), "key")
        .select("id");
  }

  /** Returns what prompts of the same words have in common; null for one of few words. */
  private static String promptKey(String prompt) {
    Shingles words = new Shingles(TextDedup.Unit.WORD, 1);
    words.read(prompt.replace(IMAGE_MARKER, " "));
    return words.count() < EvaluationSet.LEAST_PROMPT_WORDS
        ? null
        : Long.toHexString(words.contentHigh()) + " " + Long.toHexString(words.contentLow());
  }

  /** Returns the lines of a text file that are not blank, in column {@code line}. */
  private Dataset<Row> lines(String path, String key) {
    checkAddress(key, path);
    try {
      return context
          .spark()
          .read()
          .text(path)
          .where(col("value").rlike("\\S"))
          .select(trim(col("value")).as("line"));
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

package io.github.pairloom.jobs.export;

import static org.apache.spark.sql.functions.array_sort;
import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.map_entries;
import static org.apache.spark.sql.functions.map_from_entries;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.round;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.to_json;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.udfs.image.ImageBytes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import scala.Tuple2;

/** Writes the files of one export, on executors. */
final class ExportWriter {
  private static final String PARQUET = "parquet";
  private static final String TRL = "trl";
  private static final String IMAGES = "images";
  private static final String SPARK_OUTPUT = "_spark";

  // Copying waits for files, not for the processor, and small tasks are soon done again.
  private static final int IMAGE_TASKS_PER_CORE = 4;

  private final SparkSession spark;
  private final StagedFiles staged;
  private final Dataset<Row> pairs;
  private final List<Split> splits;

  /**
   * @param pairs rows of {@code preference_pairs} to export
   * @param splits the same rows
   */
  ExportWriter(SparkSession spark, StagedFiles staged, Dataset<Row> pairs, List<Split> splits) {
    this.spark = spark;
    this.staged = staged;
    this.pairs = pairs;
    this.splits = splits;
  }

  /** Writes the rows as they are. */
  void writeParquet() throws IOException {
    FileSystem fileSystem = staged.fileSystem();
    fileSystem.mkdirs(staged.path(PARQUET));
    Path output = staged.path(SPARK_OUTPUT);
    for (Split split : splits) {
      ordered(split.pairs(), split.files()).write().parquet(output.toString());
      for (FileStatus file : fileSystem.listStatus(output)) {
        // part-00000-<random>.snappy.parquet: the number is that of the partition
        String[] parts = file.getPath().getName().split("-", 3);
        if (parts[0].equals("part")) {
          String name = fileName(PARQUET, split.name(), Integer.parseInt(parts[1]), "parquet");
          if (!fileSystem.rename(file.getPath(), staged.path(name))) {
            throw new IOException("Cannot rename " + file.getPath() + " to " + staged.path(name));
          }
        }
      }
      fileSystem.delete(output, true);
    }
  }

  /**
   * Copies every image of the pairs once, from where it lies to a file of its own.
   *
   * @param places table {@code images}
   * @throws JobException if an image is gone or has changed since ingest
   */
  Manifest.ImageFiles copyImages(Dataset<Row> places) throws IOException {
    String folder = TRL + "/" + IMAGES;
    staged.fileSystem().mkdirs(staged.path(folder));
    ImageCopier copier =
        new ImageCopier(new ImageBytes(spark.sparkContext().hadoopConfiguration()), staged, folder);
    Row outcome =
        pairs
            .select(col("image_id").as(ImageCopier.WANTED))
            .distinct()
            .join(places, col(ImageCopier.WANTED).equalTo(col("image_id")), "left")
            .repartition(
                IMAGE_TASKS_PER_CORE * spark.sparkContext().defaultParallelism(),
                col(ImageCopier.WANTED))
            .mapPartitions(copier, Encoders.row(ImageCopier.OUTCOME))
            .agg(count("bytes"), sum("bytes"), count("problem"), min("problem"))
            .first();
    long problems = outcome.getLong(2);
    if (problems > 0) {
      throw new JobException(
          "Cannot export %d of the images, nothing is written. The first: %s"
              .formatted(problems, outcome.getString(3)));
    }
    return new Manifest.ImageFiles(folder, outcome.getLong(0), outcome.getLong(1));
  }

  /**
   * Writes the lines for TRL.
   *
   * @param places table {@code images}
   */
  void writeTrl(Dataset<Row> places) throws IOException {
    staged.fileSystem().mkdirs(staged.path(TRL));
    for (Split split : splits) {
      Dataset<Row> lines = TrlLines.of(split.pairs(), places, IMAGES);
      ordered(lines, split.files()).foreachPartition(trlFile(staged, split.name()));
    }
  }

  private static ForeachPartitionFunction<Row> trlFile(StagedFiles target, String split) {
    return lines -> {
      if (lines.hasNext()) {
        target.write(
            fileName(TRL, split, TaskContext.getPartitionId(), "jsonl"),
            out -> {
              while (lines.hasNext()) {
                out.write(TrlLines.bytes(lines.next()));
              }
            });
      }
    };
  }

  /** Writes a text from the driver. */
  @CanIgnoreReturnValue
  DataFile write(String name, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    staged.write(name, out -> out.write(bytes));
    staged.removeAttempts();
    return new DataFile(name, bytes.length, ContentId.of(bytes));
  }

  /** Returns the number of distinct images of the pairs. */
  long countImages() {
    return pairs.select("image_id").distinct().count();
  }

  /** Returns the ways in which the pairs were made: a few for each recipe that made some. */
  List<DatasetCard.Origin> origins() {
    // Sorted, for equal maps need not hold their entries in the same order.
    String parameters = "parameters";
    return pairs
        .select(
            col("strategy"),
            to_json(
                    map_from_entries(
                        array_sort(map_entries(col("provenance.strategy_parameters")))))
                .as(parameters),
            col("provenance.model_id"),
            col("provenance.model_revision"),
            col("provenance.recipe_id"),
            col("provenance.seed"),
            col("similarity"))
        .groupBy("strategy", parameters, "model_id", "model_revision", "recipe_id", "seed")
        .agg(count(lit(1)), round(avg("similarity"), 3))
        .orderBy("strategy", parameters, "model_id", "model_revision", "recipe_id", "seed")
        .collectAsList()
        .stream()
        .map(
            row ->
                new DatasetCard.Origin(
                    row.getString(0),
                    row.getString(1),
                    row.getString(2),
                    row.getString(3),
                    row.getString(4),
                    row.getLong(5),
                    row.getLong(6),
                    row.getDouble(7)))
        .toList();
  }

  /** Returns the Parquet and JSON lines files written, by path. */
  List<DataFile> digests() throws IOException {
    List<String> names = new ArrayList<>();
    for (String folder : List.of(PARQUET, TRL)) {
      if (staged.fileSystem().exists(staged.path(folder))) {
        Arrays.stream(staged.fileSystem().listStatus(staged.path(folder)))
            .filter(FileStatus::isFile)
            .map(file -> folder + "/" + file.getPath().getName())
            .sorted()
            .forEach(names::add);
      }
    }
    StagedFiles target = staged;
    return JavaSparkContext.fromSparkContext(spark.sparkContext())
        .parallelize(names, names.size())
        .map(target::digest)
        .collect();
  }

  /**
   * Returns {@code rows} with one partition per file, ordered by pair_id within and across them,
   * whatever partitions they had.
   */
  private Dataset<Row> ordered(Dataset<Row> rows, int files) {
    int pairId = rows.schema().fieldIndex("pair_id");
    JavaRDD<Row> sorted =
        rows.toJavaRDD()
            .mapToPair(row -> new Tuple2<>(row.getString(pairId), row))
            .repartitionAndSortWithinPartitions(new PairIdPartitioner(files))
            .values();
    return spark.createDataFrame(sorted, rows.schema());
  }

  private static String fileName(String folder, String split, int number, String extension) {
    return String.format(Locale.ROOT, "%s/%s-%05d.%s", folder, split, number, extension);
  }
}

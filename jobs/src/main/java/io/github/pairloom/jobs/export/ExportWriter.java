package io.github.pairloom.jobs.export;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.array_sort;
import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_if;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.map_entries;
import static org.apache.spark.sql.functions.map_from_entries;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.round;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.to_json;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import scala.Tuple2;

/** Writes the files of one export, on executors. */
final class ExportWriter implements AutoCloseable {
  private static final String PARQUET = "parquet";
  private static final String SPARK_OUTPUT = "_spark";

  // Copying waits for files, not for the processor, and small tasks are soon done again.
  private static final int IMAGE_TASKS_PER_CORE = 4;

  private final SparkSession spark;
  private final StagedFiles staged;
  private final Dataset<Row> pairs;
  private final List<Split> splits;

  /** What became of the images: kept, as lines name the files and images are copied once. */
  private Dataset<Row> copied;

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
      ordered(split.pairs(), split.files())
          .write()
          // One file for each partition, whatever the session's own bound.
          .option("maxRecordsPerFile", 0)
          .parquet(output.toString());
      for (FileStatus file : fileSystem.listStatus(output)) {
        // part-00000-<random>.zstd.parquet: the number is that of the partition
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
   * Copies every image of the pairs once, from where it lies to a file of its own, and makes those
   * of rejected sides.
   *
   * @param shown pairs whose images are wanted
   * @param warehouse has table {@code images}
   * @param eye gives how the model takes a picture that noise was laid on; asked where images are
   *     made
   * @throws JobException if an image is gone or has changed since ingest, or cannot be made again
   */
  Manifest.ImageFiles writeImages(
      Dataset<Row> shown, Warehouse warehouse, Supplier<ImagePreprocessor> eye) throws IOException {
    staged.fileSystem().mkdirs(staged.path(JsonLines.IMAGES));
    ImageBytes source = new ImageBytes(spark.sparkContext().hadoopConfiguration());
    Column wanted = col(ImageCopier.WANTED);
    Dataset<Row> copies =
        shown
            .select(
                explode(array(col("image_id"), ModelRows.rejectedImageId())).as(ImageCopier.WANTED))
            .where(wanted.isNotNull())
            .distinct()
            .join(warehouse.read(Table.IMAGES), wanted.equalTo(col("image_id")), "left")
            .repartition(imageTasks(), wanted);
    copied =
        written(copies, new ImageCopier(source, staged)).persist(StorageLevel.MEMORY_AND_DISK());
    Row outcome = outcome(copied);
    long files = outcome.getLong(0);
    long bytes = outcome.getLong(1);
    Dataset<Row> making = shown.where(JsonLines.hasMadeImage());
    if (!making.isEmpty()) {
      staged.fileSystem().mkdirs(staged.path(JsonLines.REJECTED_IMAGES));
      Dataset<Row> made =
          ModelRows.withImages(warehouse, making.select("pair_id", "image_id", "provenance"))
              .repartition(imageTasks(), col("image_id"))
              .sortWithinPartitions("image_id", "pair_id");
      Row written = outcome(written(made, new RejectedImageWriter(source, eye.get(), staged)));
      files += written.getLong(0);
      bytes += written.getLong(1);
    }
    return new Manifest.ImageFiles(JsonLines.IMAGES, files, bytes, outcome.getLong(4));
  }

  private int imageTasks() {
    return IMAGE_TASKS_PER_CORE * spark.sparkContext().defaultParallelism();
  }

  private static Dataset<Row> written(Dataset<Row> images, ImageWriter writer) {
    return images.mapPartitions(writer, Encoders.row(ImageWriter.OUTCOME));
  }

  /** Returns the number of files written and their bytes, and last how many were redrawn. */
  private static Row outcome(Dataset<Row> written) {
    Row outcome =
        written
            .agg(
                count("bytes"),
                coalesce(sum("bytes"), lit(0L)),
                count("problem"),
                min("problem"),
                count_if(col("redrawn")))
            .first();
    long problems = outcome.getLong(2);
    if (problems > 0) {
      throw new JobException(
          "Cannot export %d of the images, nothing is written. The first: %s"
              .formatted(problems, outcome.getString(3)));
    }
    return outcome;
  }

  /**
   * Writes JSON lines, once the images are written.
   *
   * @param of the pairs to write
   */
  void writeLines(JsonLines format, List<Split> of) throws IOException {
    staged.fileSystem().mkdirs(staged.path(format.folder()));
    for (Split split : of) {
      Dataset<Row> lines = format.of(split.pairs(), copied);
      ordered(lines, split.files())
          .foreachPartition(linesFile(staged, format.folder(), split.name()));
    }
  }

  private static ForeachPartitionFunction<Row> linesFile(
      StagedFiles target, String folder, String split) {
    return lines -> {
      if (lines.hasNext()) {
        target.write(
            fileName(folder, split, TaskContext.getPartitionId(), "jsonl"),
            out -> {
              while (lines.hasNext()) {
                out.write(JsonLines.bytes(lines.next()));
              }
            });
      }
    };
  }

  @Override
  public void close() {
    if (copied != null) {
      copied.unpersist();
    }
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
    for (String folder : List.of(PARQUET, JsonLines.TRL.folder(), JsonLines.SWIFT.folder())) {
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

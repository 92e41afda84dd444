package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.files.LocalFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/**
 * The Spark session of a command: one that is there already, the one that spark-submit describes,
 * or an embedded one. Closing it stops what was started here and nothing else.
 */
final class Sessions implements AutoCloseable {
  private static final String EXTENSIONS = "spark.sql.extensions";
  private static final String DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension";
  private static final String CATALOG = "spark.sql.catalog.spark_catalog";
  private static final String DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog";

  private final SparkSession spark;
  private final boolean ours;

  private Sessions(SparkSession spark, boolean ours) {
    this.spark = spark;
    this.ours = ours;
  }

  /**
   * Opens the session.
   *
   * @param application name in Spark's UI
   */
  static Sessions open(String application) {
    if (SparkSession.getDefaultSession().isDefined()) {
      return new Sessions(SparkSession.getDefaultSession().get(), false);
    }
    // Takes every system property spark.*, which is how spark-submit hands over its settings.
    SparkConf conf = new SparkConf();
    conf.setIfMissing("spark.app.name", "pairloom " + application);
    String extensions = conf.get(EXTENSIONS, "");
    if (!extensions.contains(DELTA_EXTENSION)) {
      conf.set(
          EXTENSIONS, extensions.isEmpty() ? DELTA_EXTENSION : extensions + "," + DELTA_EXTENSION);
    }
    conf.setIfMissing(CATALOG, DELTA_CATALOG);
    // A run plans more queries than the 100 whose compiled code Spark keeps, and again the same
    // ones.
    conf.setIfMissing("spark.sql.codegen.cache.maxEntries", "5000");
    // What dedup keeps between queries is mostly ids, which do not get smaller; other steps keep a
    // batch of rows, on disk where memory is short.
    conf.setIfMissing("spark.sql.inMemoryColumnarStorage.compressed", "false");
    // A sort for the best rows holds as many in one task's memory; with more, all are sorted, which
    // spills to disk. Spark 3.5 would then take the first to arrive for the best (SPARK-44240).
    if (!Versions.of("spark").startsWith("3.")) {
      conf.setIfMissing("spark.sql.execution.topKSortFallbackThreshold", "100000");
    }
    // Tables of texts take half the space of Spark's own choice, and are read in less time.
    conf.setIfMissing("spark.sql.parquet.compression.codec", "zstd");
    // A table's times mean the same on every machine.
    conf.setIfMissing("spark.sql.session.timeZone", "UTC");
    if (!conf.contains("spark.master") || conf.get("spark.master").startsWith("local")) {
      embedded().forEach(conf::setIfMissing);
    }
    return new Sessions(SparkSession.builder().config(conf).getOrCreate(), true);
  }

  /** Returns the settings of one small machine; Spark's own are for clusters. */
  private static Map<String, String> embedded() {
    int cores = Runtime.getRuntime().availableProcessors();
    Map<String, String> settings = new LinkedHashMap<>(LocalFiles.settings());
    settings.put("spark.master", "local[*]");
    settings.put("spark.ui.enabled", "false");
    settings.put("spark.ui.showConsoleProgress", "false");
    // Without these Spark asks the network for the machine's name.
    settings.put("spark.driver.host", "localhost");
    settings.put("spark.driver.bindAddress", "127.0.0.1");
    settings.put("spark.sql.shuffle.partitions", Integer.toString(2 * cores));
    // Planning again after each stage costs more than it gains with so few partitions.
    settings.put("spark.sql.adaptive.enabled", "false");
    // Delta's own is 50 tasks for every look at a table's log.
    settings.put("spark.databricks.delta.snapshotPartitions", "2");
    // Delta makes a checkpoint of the log at every tenth commit, for which small batches wait; a
    // hundred commits are soon read from a local disk.
    settings.put("spark.databricks.delta.properties.defaults.checkpointInterval", "100");
    // No table is managed by Spark and none is known to a metastore.
    settings.put("spark.sql.catalogImplementation", "in-memory");
    settings.put("spark.sql.warehouse.dir", temporaryFolder());
    return settings;
  }

  private static String temporaryFolder() {
    try {
      Path folder = Files.createTempDirectory("pairloom-spark");
      folder.toFile().deleteOnExit();
      return folder.toUri().toString();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot make a folder in "
              + System.getProperty("java.io.tmpdir")
              + " (make room there or set PAIRLOOM_JAVA_OPTIONS=-Djava.io.tmpdir=DIR)",
          e);
    }
  }

  /** Returns the session. */
  SparkSession spark() {
    return spark;
  }

  @Override
  public void close() {
    if (ours) {
      spark.stop();
    }
  }
}

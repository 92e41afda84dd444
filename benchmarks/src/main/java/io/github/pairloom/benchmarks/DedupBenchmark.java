package io.github.pairloom.benchmarks;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.lower;
import static org.apache.spark.sql.functions.regexp_replace;
import static org.apache.spark.sql.functions.transform;
import static org.apache.spark.sql.functions.trim;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.dedup.DedupStep;
import io.github.pairloom.jobs.recipe.DedupSettings;
import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecoverySettings;
import io.github.pairloom.jobs.recipe.RemoteSettings;
import io.github.pairloom.jobs.recipe.ScoreSettings;
import io.github.pairloom.jobs.recipe.SemanticDedup;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.dedup.Banding;
import io.github.pairloom.udfs.dedup.ImageDedup;
import io.github.pairloom.udfs.dedup.TextDedup;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.spark.ml.feature.HashingTF;
import org.apache.spark.ml.feature.MinHashLSH;
import org.apache.spark.ml.feature.NGram;
import org.apache.spark.ml.feature.Tokenizer;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Step {@code dedup} on made-up pairs with planted duplicates: how fast, with how much memory, what
 * is found, and the same asked of Spark MLlib. All images are compared with each other, which is
 * the hardest case. Seconds are those of the whole step: reading {@code pairs}, writing {@code
 * signatures} and {@code duplicates}.
 *
 * <p>{@code PAIRLOOM_MEMORY=2g ./pairloom bench dedup --json FILE}
 */
final class DedupBenchmark implements Benchmark {
  private static final int CORES = 2;
  private static final int SMALL = 100_000;
  private static final int LARGE = 1_000_000;
  private static final double THRESHOLD = 0.8;
  private static final double RECALL = 0.95;

  /** Groups of ten rows that are compared by brute force. */
  private static final int SAMPLE_GROUPS = 1000;

  /** Tables of MLlib as in its own guide's larger settings; its tables are bands of one row. */
  private static final int[] MLLIB_TABLES = {20, 2};

  private static final double MEBI = 1 << 20;
  private static final double MEGA = 1e6;

  /** What is measured: all, or one part of it, which takes some minutes. */
  enum Part {
    ALL("dedup", "text duplicates among 100,000 and 1,000,000 pairs, all of the parts below"),
    SPEED("dedup-speed", "seconds, memory, what is found, and one Python process"),
    MLLIB("dedup-mllib", "without the hot bucket, and MLlib's MinHashLSH"),
    DAILY("dedup-daily", "ten days of 100,000 pairs against one run over all"),
    CLUSTER(
        "dedup-cluster", "1,000,000 pairs on two executors: the driver's memory, and what moves");

    private final String name;
    private final String summary;

    Part(String name, String summary) {
      this.name = name;
      this.summary = summary;
    }
  }

  private final Part part;

  DedupBenchmark(Part part) {
    this.part = part;
  }

  @Override
  public String name() {
    return part.name;
  }

  @Override
  public String summary() {
    return part.summary;
  }

  @Override
  public void run(int limit, Figures figures) {
    try {
      Path folder = Files.createTempDirectory("pairloom-bench-dedup");
      try {
        if (part == Part.CLUSTER) {
          onCluster(folder, figures);
        } else {
          try (SparkSession spark = session("local[" + CORES + "]")) {
            new Session(spark, folder, figures, part).run();
          }
        }
      } finally {
        delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Executors are processes of their own, so what this one takes is the driver's. */
  private static void onCluster(Path folder, Figures figures) throws IOException {
    try (LocalCluster cluster =
            LocalCluster.start(folder, Collections.nCopies(CORES, Map.of()), 1, "4g");
        SparkSession spark = session(cluster.master())) {
      Exchanges exchanges = Exchanges.of(spark);
      new Session(spark, folder, figures, Part.CLUSTER).run();
      exchanges.addTo(figures);
    }
  }

  /** What one run of the step took. */
  private record Measured(
      long rows,
      double megabytes,
      double seconds,
      double heap,
      double shuffled,
      StepResult result) {
    List<Object> line(String what) {
      return List.of(
          what,
          rows,
          megabytes,
          seconds,
          megabytes / seconds / CORES,
          rows / seconds,
          heap,
          shuffled / rows);
    }
  }

  private static final class Session {
    private final SparkSession spark;
    private final Path folder;
    private final Figures figures;
    private final Shuffled shuffled = new Shuffled();
    private final Part part;
    private Measured million;
    private Set<String> droppedOfMillion;

    Session(SparkSession spark, Path folder, Figures figures, Part part) {
      this.part = part;
      this.spark = spark;
      this.folder = folder;
      this.figures = figures;
      spark.sparkContext().addSparkListener(shuffled);
    }

    void run() {
      Banding banding = Banding.of(THRESHOLD, RECALL);
      figures.add(
          "Bands and rows that follow from threshold and recall, and the recall by similarity",
          List.of("threshold", "recall asked", "bands", "rows", "at 0.5", "0.7", "0.8", "0.9"),
          Stream.of(0.7, 0.8, 0.9)
              .map(
                  t -> {
                    Banding b = Banding.of(t, RECALL);
                    return List.<Object>of(
                        t,
                        RECALL,
                        b.bands(),
                        b.rows(),
                        b.recallAt(0.5),
                        b.recallAt(0.7),
                        b.recallAt(0.8),
                        b.recallAt(0.9));
                  })
              .toList());
      List<List<Object>> lines = new ArrayList<>();
      Truth truth = new Truth();
      if (part == Part.ALL || part == Part.SPEED) {
        Warehouse small = make("small", 0, SMALL, true);
        lines.add(dedup(small, SMALL, THRESHOLD).line("100 k, first run of the JVM"));
        Measured warm = dedup(small, SMALL, THRESHOLD);
        lines.add(warm.line("100 k, warm"));
        Warehouse large = make("large", 0, LARGE, true);
        million = dedup(large, LARGE, THRESHOLD);
        lines.add(million.line("1 M"));
        speed(lines);
        figures.add(
            "How time grows",
            List.of("1 M over 100 k"),
            List.of(List.of(million.seconds() / warm.seconds())));
        droppedOfMillion = dropped(large);
        quality(small, truth);
        python(small, banding, warm);
      }
      if (part == Part.ALL || part == Part.MLLIB) {
        Warehouse plain = make("plain", 0, LARGE, false);
        long rows = plain.read(Table.PAIRS).count();
        if (part == Part.MLLIB) {
          dedup(make("warm-up", 0, SMALL, false), SMALL, THRESHOLD);
        }
        Measured withoutHot = dedup(plain, rows, THRESHOLD);
        speed(List.of(withoutHot.line("1 M without the hot bucket")));
        if (million != null) {
          // Again, as Java gets quicker from run to run.
          Measured withHot = dedup(warehouse("large"), LARGE, THRESHOLD);
          figures.add(
              "What a row of the hot bucket (a tenth, all identical) costs, microseconds",
              List.of("hot row", "other row"),
              List.of(
                  List.of(
                      (withHot.seconds() - withoutHot.seconds())
                          / (withHot.rows() - withoutHot.rows())
                          * MEGA,
                      withoutHot.seconds() / withoutHot.rows() * MEGA)));
        }
        mllib(truth, withoutHot);
      }
      if (part == Part.ALL || part == Part.DAILY) {
        incremental();
      }
      if (part == Part.CLUSTER) {
        Warehouse large = make("large", 0, LARGE, true);
        speed(List.of(dedup(large, LARGE, THRESHOLD).line("1 M, heap of the driver alone")));
      }
    }

    private void speed(List<List<Object>> lines) {
      figures.add(
          "Step dedup on %s, threshold %s, all images together, heap of %.0f MiB"
              .formatted(
                  spark.sparkContext().master().replaceFirst(":.*", ""),
                  THRESHOLD,
                  Runtime.getRuntime().maxMemory() / MEBI),
          List.of(
              "pairs",
              "rows",
              "MB of text",
              "seconds",
              "MB/s per core",
              "rows/s",
              "peak heap MiB",
              "shuffled bytes per row"),
          lines);
    }

    private Warehouse warehouse(String name) {
      return new Warehouse(spark, folder.resolve(name).toString());
    }

    private Warehouse make(String name, long from, long to, boolean withHot) {
      Warehouse warehouse = warehouse(name);
      warehouse.append(Table.PAIRS, PlantedPairs.rows(spark, from, to, withHot));
      return warehouse;
    }

    private Measured dedup(Warehouse warehouse, long rows, double threshold) {
      for (Table table : List.of(Table.SIGNATURES, Table.DUPLICATES)) {
        warehouse.version(table);
        spark.sql("DELETE FROM delta.`" + warehouse.path(table) + "`");
      }
      return step(warehouse, rows, threshold);
    }

    private Measured step(Warehouse warehouse, long rows, double threshold) {
      double bytes =
          warehouse
              .read(Table.PAIRS)
              .selectExpr(
                  "sum(octet_length(prompt) + octet_length(chosen) + octet_length(rejected))")
              .first()
              .getLong(0);
      System.gc();
      heapPools().forEach(MemoryPoolMXBean::resetPeakUsage);
      shuffled.bytes = 0;
      long start = System.nanoTime();
      StepResult result = new DedupStep().run(new StepContext(spark, warehouse, recipe(threshold)));
      double seconds = (System.nanoTime() - start) / 1e9;
      double heap =
          heapPools().stream().mapToLong(pool -> pool.getPeakUsage().getUsed()).sum() / MEBI;
      return new Measured(rows, bytes / MEGA, seconds, heap, shuffled.bytes, result);
    }

    private Set<String> dropped(Warehouse warehouse) {
      Set<String> ids = new HashSet<>();
      warehouse
          .read(Table.DUPLICATES)
          .where(col("duplicate_of").isNotNull())
          .select("id")
          .toLocalIterator()
          .forEachRemaining(row -> ids.add(row.getString(0)));
      return ids;
    }

    private void quality(Warehouse warehouse, Truth truth) {
      List<List<Object>> lines = new ArrayList<>();
      for (double threshold : new double[] {0.7, 0.8, 0.9}) {
        dedup(warehouse, SMALL, threshold);
        Map<String, String> clusters = new HashMap<>();
        warehouse
            .read(Table.DUPLICATES)
            .select("id", "cluster_id")
            .toLocalIterator()
            .forEachRemaining(row -> clusters.put(row.getString(0), row.getString(1)));
        lines.add(
            truth.line(
                threshold,
                (a, b) -> {
                  String cluster = clusters.get(a);
                  return cluster != null && cluster.equals(clusters.get(b));
                }));
      }
      figures.add(
          "Against brute force over %s of the 100 k rows (word 3-grams as texts, no hashing)"
              .formatted(truth.rows.length),
          Truth.COLUMNS,
          lines);
    }

    /** One Python process on the same rows, if there is a Python with NumPy. */
    private void python(Warehouse warehouse, Banding banding, Measured ours) {
      Path root = Path.of(System.getProperty("pairloom.root", "."));
      Path lines = folder.resolve("pairs.jsonl");
      try {
        Iterator<String> rows =
            warehouse
                .read(Table.PAIRS)
                .select("prompt", "chosen", "rejected")
                .toJSON()
                .toLocalIterator();
        Iterable<String> all = () -> rows;
        Files.write(lines, all);
        Process process =
            new ProcessBuilder(
                    "python3",
                    root.resolve("benchmarks/python/minhash.py").toString(),
                    lines.toString(),
                    Integer.toString(banding.bands()),
                    Integer.toString(banding.rows()),
                    Double.toString(THRESHOLD))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        JsonNode result;
        try (InputStream in = process.getInputStream()) {
          result = new ObjectMapper().readTree(in);
        }
        if (process.waitFor() != 0 || !result.has("seconds")) {
          figures.note("  No Python with NumPy here: no baseline in one Python process.");
          return;
        }
        double seconds = result.get("seconds").asDouble();
        figures.add(
            "One Python process with NumPy on the same 100 k rows, texts in memory's reach",
            List.of("Python s", "dedup s, warm", "ratio", "Python's duplicates", "dedup's"),
            List.of(
                List.of(
                    seconds,
                    ours.seconds(),
                    seconds / ours.seconds(),
                    result.get("duplicates").asLong(),
                    ours.result().dropped().get("duplicate-pair"))));
      } catch (IOException e) {
        figures.note("  No Python here: no baseline in one Python process.");
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    /** Ten days, the later ones of which hold duplicates of the earlier ones, against one run. */
    private void incremental() {
      if (million == null) {
        dedup(make("small", 0, SMALL, true), SMALL, THRESHOLD);
        Warehouse large = make("large", 0, LARGE, true);
        million = dedup(large, LARGE, THRESHOLD);
        droppedOfMillion = dropped(large);
      }
      Warehouse days = warehouse("days");
      List<Measured> measured = new ArrayList<>();
      for (int day = 0; day < PlantedPairs.DAYS; day++) {
        days.append(Table.PAIRS, PlantedPairs.rowsOfDay(spark, LARGE, day));
        measured.add(step(days, LARGE / PlantedPairs.DAYS, THRESHOLD));
      }
      // After them, as Java gets quicker from run to run.
      double full = dedup(warehouse("large"), LARGE, THRESHOLD).seconds();
      List<List<Object>> lines = new ArrayList<>();
      for (Measured day : measured) {
        lines.add(
            List.of(
                lines.size() + 1,
                day.result().alreadyDone(),
                day.result().read(),
                day.seconds(),
                day.seconds() / full));
      }
      figures.add(
          "1 M pairs in ten days, of which one group in ten has a row on each; share of the %.1f s of one run over all, the last one measured"
              .formatted(full),
          List.of("day", "known pairs", "new pairs", "seconds", "share"),
          lines);
      figures.add(
          "Whether ten days drop the same pairs as one run",
          List.of("dropped", "same"),
          List.of(List.of(droppedOfMillion.size(), dropped(days).equals(droppedOfMillion))));
    }

    private void mllib(Truth truth, Measured oursOfMillion) {
      Dataset<Row> all = PlantedPairs.rows(spark, 0, SMALL, false);
      Warehouse plain = make("plain-small", 0, SMALL, false);
      long rows = plain.read(Table.PAIRS).count();
      Measured ours = dedup(plain, rows, THRESHOLD);
      long millionRows = oursOfMillion.rows();
      List<List<Object>> lines = new ArrayList<>();
      for (int tables : MLLIB_TABLES) {
        Dataset<Row> vectors = vectors(plain.read(Table.PAIRS)).persist();
        vectors.count();
        // The first run warms up, on a tenth.
        join(vectors.where("pmod(hash(pair_id), 10) = 0"), tables);
        long start = System.nanoTime();
        Set<String> found = join(vectors, tables);
        double seconds = (System.nanoTime() - start) / 1e9;
        vectors.unpersist();
        List<Object> line =
            new ArrayList<>(
                List.of(tables, rows, seconds, ours.seconds(), seconds / ours.seconds()));
        double linear = seconds * millionRows / rows;
        line.add(linear);
        line.add(oursOfMillion.seconds());
        line.add(linear / oursOfMillion.seconds());
        line.add(
            truth.line(THRESHOLD, (a, b) -> found.contains(a + b) || found.contains(b + a)).get(2));
        lines.add(line);
      }
      figures.add(
          "MLlib's MinHashLSH self-join on the same pairs but for the hot bucket, vectors in memory"
              + " before the clock starts; 1 M from its own time, as if that grew linearly",
          List.of(
              "tables",
              "rows",
              "MLlib s",
              "dedup s",
              "ratio",
              "MLlib s at 1 M",
              "dedup s at 1 M",
              "ratio at 1 M",
              "MLlib's recall"),
          lines);
      List<List<Object>> hot = new ArrayList<>();
      for (int n : new int[] {1000, 2000, 4000}) {
        Dataset<Row> identical =
            vectors(
                    all.limit(1)
                        .crossJoin(spark.range(n).toDF("copy"))
                        .withColumn("pair_id", col("copy").cast("string")))
                .persist();
        identical.count();
        long start = System.nanoTime();
        int pairs = join(identical, MLLIB_TABLES[1]).size();
        hot.add(List.of(n, pairs, (System.nanoTime() - start) / 1e9));
        identical.unpersist();
      }
      figures.add(
          "What identical rows cost MLlib (2 tables): pairs grow with the square",
          List.of("identical rows", "pairs", "seconds"),
          hot);
    }

    /** Returns the same n-grams as the step's, hashed to a sparse vector as MLlib wants them. */
    private static Dataset<Row> vectors(Dataset<Row> pairs) {
      Dataset<Row> rows = pairs.select("pair_id", "prompt", "chosen", "rejected");
      for (String column : List.of("prompt", "chosen", "rejected")) {
        rows = rows.withColumn(column, trim(regexp_replace(lower(col(column)), "[^a-z]+", " ")));
        rows = new Tokenizer().setInputCol(column).setOutputCol(column + "_words").transform(rows);
        rows =
            new NGram()
                .setN(3)
                .setInputCol(column + "_words")
                .setOutputCol(column + "_grams")
                .transform(rows)
                .withColumn(
                    column + "_grams",
                    transform(col(column + "_grams"), gram -> concat(lit(column + " "), gram)));
      }
      return new HashingTF()
          .setBinary(true)
          .setNumFeatures(1 << 20)
          .setInputCol("grams")
          .setOutputCol("features")
          .transform(
              rows.withColumn(
                  "grams", concat(col("prompt_grams"), col("chosen_grams"), col("rejected_grams"))))
          .select("pair_id", "features");
    }

    private static Set<String> join(Dataset<Row> vectors, int tables) {
      Set<String> pairs = new HashSet<>();
      new MinHashLSH()
          .setNumHashTables(tables)
          .setSeed(7)
          .setInputCol("features")
          .setOutputCol("hashes")
          .fit(vectors)
          .approxSimilarityJoin(vectors, vectors, 1 - THRESHOLD + 1e-9)
          .select(col("datasetA.pair_id").as("a"), col("datasetB.pair_id").as("b"))
          .where(col("a").lt(col("b")))
          .collectAsList()
          .forEach(row -> pairs.add(row.getString(0) + row.getString(1)));
      return pairs;
    }
  }

  /** Whether two rows were found to be duplicates, by their ids. */
  private interface Verdict {
    boolean duplicates(String a, String b);
  }

  /** All pairs of a sample with their true similarity. */
  private static final class Truth {
    static final List<String> COLUMNS =
        List.of(
            "threshold",
            "true pairs",
            "recall",
            "pairs up to 0.05 above",
            "recall of these",
            "found",
            "precision");

    private static final double FLOOR = 0.4;

    private final long[] rows =
        LongStream.range(0, (long) SAMPLE_GROUPS * PlantedPairs.GROUP)
            .filter(i -> !PlantedPairs.hot(i))
            .toArray();
    private final String[] ids =
        Arrays.stream(rows).mapToObj(PlantedPairs::id).toArray(String[]::new);
    private final List<int[]> pairs = new ArrayList<>();
    private final List<Double> similarities = new ArrayList<>();

    Truth() {
      Map<String, Integer> numbers = new HashMap<>();
      int[][] sets = new int[rows.length][];
      for (int i = 0; i < rows.length; i++) {
        sets[i] =
            PlantedPairs.texts(rows[i]).grams().stream()
                .mapToInt(gram -> numbers.computeIfAbsent(gram, g -> numbers.size()))
                .sorted()
                .toArray();
      }
      for (int i = 0; i < rows.length; i++) {
        for (int j = 0; j < i; j++) {
          double similarity = similarity(sets[i], sets[j]);
          if (similarity >= FLOOR) {
            pairs.add(new int[] {i, j});
            similarities.add(similarity);
          }
        }
      }
    }

    private static double similarity(int[] a, int[] b) {
      int common = 0;
      for (int i = 0, j = 0; i < a.length && j < b.length; ) {
        common += a[i] == b[j] ? 1 : 0;
        int order = Integer.compare(a[i], b[j]);
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
      }
      return (double) common / (a.length + b.length - common);
    }

    List<Object> line(double threshold, Verdict verdict) {
      long alike = 0;
      long hits = 0;
      long near = 0;
      long nearHits = 0;
      for (int k = 0; k < pairs.size(); k++) {
        if (similarities.get(k) >= threshold) {
          boolean hit = verdict.duplicates(ids[pairs.get(k)[0]], ids[pairs.get(k)[1]]);
          alike++;
          hits += hit ? 1 : 0;
          if (similarities.get(k) < threshold + 0.05) {
            near++;
            nearHits += hit ? 1 : 0;
          }
        }
      }
      long found = 0;
      for (int i = 0; i < ids.length; i++) {
        for (int j = 0; j < i; j++) {
          found += verdict.duplicates(ids[i], ids[j]) ? 1 : 0;
        }
      }
      return List.of(
          threshold,
          alike,
          (double) hits / alike,
          near,
          (double) nearHits / near,
          found,
          (double) hits / found);
    }
  }

  /** Adds up what is written to shuffles. */
  private static final class Shuffled extends SparkListener {
    private volatile long bytes;

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
      if (end.taskMetrics() != null) {
        bytes += end.taskMetrics().shuffleWriteMetrics().bytesWritten();
      }
    }
  }

  private static List<MemoryPoolMXBean> heapPools() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getType() == MemoryType.HEAP)
        .toList();
  }

  private static Recipe recipe(double threshold) {
    TextDedup text =
        new TextDedup(
            List.of("prompt", "chosen", "rejected"),
            List.of(),
            TextDedup.Unit.WORD,
            3,
            false,
            threshold,
            RECALL);
    return new Recipe(
        "bench-dedup",
        2407,
        null,
        null,
        null,
        null,
        new ScoreSettings(List.of(), ScoreSettings.Blind.ABSENT, 500, false, 0, false),
        new DedupSettings(
            new ImageDedup(24, ImageDedup.Keep.LARGEST), text, new SemanticDedup(0), List.of()),
        null,
        null,
        new ErrorBudget(0, 0),
        new RecoverySettings(20000, 900, List.of()),
        RemoteSettings.DEFAULTS);
  }

  /** Returns a session of this JVM, whose executors have what it has on its class path. */
  static SparkSession session(String master) {
    // As the command line has them.
    SparkSession.Builder builder =
        SparkSession.builder()
            .master(master)
            .config("spark.sql.codegen.cache.maxEntries", "5000")
            .config("spark.sql.parquet.compression.codec", "zstd")
            .config("spark.databricks.delta.properties.defaults.checkpointInterval", "100")
            .config("spark.sql.inMemoryColumnarStorage.compressed", "false");
    Map.of(
            "spark.executor.extraClassPath", System.getProperty("java.class.path"),
            "spark.executor.memory", "3g",
            "spark.ui.enabled", "false",
            "spark.driver.host", "localhost",
            "spark.driver.bindAddress", "127.0.0.1",
            "spark.sql.shuffle.partitions", Integer.toString(2 * CORES),
            "spark.sql.adaptive.enabled", "false",
            "spark.databricks.delta.snapshotPartitions", "2",
            "spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .forEach(builder::config);
    SparkSession spark = builder.getOrCreate();
    spark.sparkContext().setLogLevel("ERROR");
    return spark;
  }

  /** Deletes a folder and all that is in it. */
  static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}

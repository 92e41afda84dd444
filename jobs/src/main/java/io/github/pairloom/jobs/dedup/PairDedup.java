package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.embedding.TextEmbeddings;
import io.github.pairloom.jobs.recipe.DedupSettings;
import io.github.pairloom.jobs.recipe.SemanticDedup;
import io.github.pairloom.jobs.score.ScoreStep;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.dedup.Banding;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.dedup.TextSigner;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * Labels the pairs whose texts are alike, and those that contradict each other.
 *
 * <p>Earlier runs' signatures stay in {@code signatures}: new pairs are compared with all, old ones
 * are not compared again. {@code duplicates} and {@code contradictions} are written before the
 * signatures, so that a run that dies in between is made good by the next one: it compares the same
 * pairs again. Where all are compared anew, the old signatures go before the labels change, as they
 * tell that the labels are theirs.
 */
final class PairDedup {
  /** Kind of these rows in {@code duplicates}. */
  static final String KIND = "pair";

  private static final StructType SIGNATURES = Table.SIGNATURES.schema();
  private static final int SIGNATURE = SIGNATURES.fieldIndex("signature");
  private static final int DOMAIN = SIGNATURES.fieldIndex("domain");

  private static final String IMAGE = "image_id";

  /** Verdicts on what a pair is, which another of its cluster may not be. */
  private static final List<String> UNWANTED =
      List.of(
          PairScore.REJECTED_PREFERRED,
          DedupStep.CONTAMINATED_IMAGE,
          DedupStep.CONTAMINATED_PROMPT,
          DedupStep.CONTRADICTION);

  /** Ids that every executor may hold. */
  private static final long BROADCAST = 1 << 20;

  private final StepContext context;
  private final Warehouse warehouse;
  private final KeptImages images;
  private final TextDedup settings;
  private final SemanticDedup semantic;
  private final String settingsId;
  private final Dataset<Row> refused;
  private Dataset<Row> freshIds;

  /**
   * @param images of table {@code duplicates} as it was last read
   */
  PairDedup(StepContext context, KeptImages images) {
    this.images = images;
    this.context = context;
    this.warehouse = context.warehouse();
    DedupSettings dedup = context.recipe().dedup();
    this.settings = dedup.text();
    this.semantic = dedup.semantic();
    ContentId id =
        new ContentId()
            .add(Settings.canonical(List.of(dedup.images(), dedup.text(), semantic)))
            // A table made anew may have other texts under the same ids, or lack labels.
            .add(warehouse.id(Table.PAIRS))
            .add(warehouse.id(Table.DUPLICATES));
    if (semantic.on()) {
      id.add(TextEmbeddings.revision(context.recipe()));
    }
    this.settingsId = id.toHex();
    this.refused = ScoreStep.refused(context);
  }

  /**
   * Labels what is not labelled yet, and anew what would not be kept any more.
   *
   * @param metrics takes the figures of this
   */
  StepResult run(Map<String, Double> metrics) {
    // Before the pairs: what another run says of others after this is not to be written over.
    Dataset<Row> contradictions = warehouse.latest(Table.CONTRADICTIONS);
    Dataset<Row> signed =
        inDomains(
            warehouse.latest(Table.SIGNATURES).where(col("settings_id").equalTo(settingsId)),
            "current_domain");
    long version = warehouse.version(Table.PAIRS);
    Dataset<Row> pairs = warehouse.readAsOf(Table.PAIRS, version);
    checkColumns(pairs);
    Dataset<Row> usable = usable(pairs);
    Column restatedRow = not(col("domain").equalTo(col("current_domain")));
    Row counts =
        signed.agg(count(lit(1)), count(when(restatedRow, 1)), max("pairs_version")).first();
    Dataset<Row> current = signed.where(not(restatedRow));
    Optional<Dataset<Row>> unsigned =
        counts.getLong(0) == 0
            ? Optional.empty()
            : unsigned(usable, counts, current, signed.where(restatedRow), version);
    // With none, all is compared for the first time, or anew.
    long signedRows = unsigned.isPresent() ? counts.getLong(0) : 0;
    long restated = unsigned.isPresent() ? counts.getLong(1) : 0;
    Dataset<Row> known = unsigned.isPresent() ? current : signed.where(lit(false));
    Dataset<Row> signatures =
        statements(unsigned.orElse(usable), version)
            .mapPartitions(sign(settings), Encoders.row(SIGNATURES))
            .persist(StorageLevel.MEMORY_AND_DISK());
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(context.spark().sparkContext());
    TextDuplicates duplicates = new TextDuplicates(spark, settings);
    try {
      long read = signatures.count();
      // Before signatures are written, which tell step select that all has been looked at.
      Column[] columns =
          Stream.of("pair_id", IMAGE, "chosen_key", "rejected_key")
              .map(functions::col)
              .toArray(Column[]::new);
      Contradictions.write(
          context,
          contradictions,
          images,
          refused,
          known.select(columns).union(signatures.select(columns)),
          signedRows - restated + read,
          metrics);
      if (read == 0 && labelled().isEmpty()) {
        return new StepResult(0, 0, Map.of(), Map.of(), signedRows, metrics);
      }
      JavaRDD<byte[]> edges = signedRows == 0 ? spark.emptyRDD() : known();
      if (read > 0) {
        edges =
            edges.union(
                duplicates.edges(
                    signatures.select("pair_id", "signature").toJavaRDD(),
                    read,
                    known.select("pair_id", "signature"),
                    signedRows - restated,
                    // A bucket's rows are of one domain: it is not asked for again.
                    withTexts(usable, "pair_id")));
        if (semantic.on()) {
          edges = edges.union(sameMeaning(usable, signatures, metrics));
        }
      }
      Clusters clusters = Clusters.of(context.spark(), edges, Clusters.DRIVER_EDGES);
      Dataset<Row> labels = labels(usable, clusters).persist(StorageLevel.MEMORY_AND_DISK());
      try {
        ClusterLabels.check(clusters, labels);
        if (read == 0) {
          // Which one of a cluster is kept may be another: scores and evaluation sets change.
          if (!ClusterLabels.fingerprint(labels).equals(ClusterLabels.fingerprint(labelled()))) {
            replace(labels, signedRows);
          }
          return new StepResult(0, 0, Map.of(), Map.of(), signedRows, metrics);
        }
        long dropped =
            signedRows == 0
                ? clusters.nodes() - clusters.components()
                : newlyDropped(labels, signatures);
        if (clusters.nodes() > 0 || !labelled().isEmpty()) {
          replace(labels, signedRows);
        }
        write(signatures, signedRows, restated);
        measure(clusters, duplicates.crowdedBuckets(), metrics);
        return new StepResult(
            read,
            read - dropped,
            dropped == 0 ? Map.of() : Map.of(DedupStep.DUPLICATE_PAIR, dropped),
            Map.of(),
            signedRows - restated,
            metrics);
      } finally {
        labels.unpersist();
      }
    } finally {
      duplicates.release();
      signatures.unpersist();
      if (freshIds != null) {
        freshIds.unpersist();
      }
    }
  }

  private static Dataset<Row> usable(Dataset<Row> pairs) {
    return pairs.where(col("drop_reason").isNull());
  }

  private static long newlyDropped(Dataset<Row> labels, Dataset<Row> signatures) {
    return labels
        .where(col("duplicate_of").isNotNull())
        .join(signatures.select(col("pair_id").as("id")), "id")
        .count();
  }

  private void measure(Clusters clusters, long crowded, Map<String, Double> metrics) {
    Banding banding = Banding.of(settings.threshold(), settings.recall());
    metrics.put("bands", (double) banding.bands());
    metrics.put("rows-per-band", (double) banding.rows());
    metrics.put("recall-at-threshold", banding.recallAt(settings.threshold()));
    metrics.put("edges", (double) clusters.edges());
    metrics.put("clusters", (double) clusters.components());
    metrics.put("clustered-pairs", (double) clusters.nodes());
    metrics.put("crowded-buckets", (double) crowded);
  }

  private void checkColumns(Dataset<Row> pairs) {
    List<String> known = Arrays.asList(pairs.columns());
    for (String column : settings.columns()) {
      checkColumn("columns", column, known);
    }
    for (String column : settings.within()) {
      checkColumn("within", column, known);
    }
  }

  private static void checkColumn(String key, String column, List<String> known) {
    if (!known.contains(column)) {
      throw new JobException(
          "Cannot compare pairs by dedup.text.%s: table pairs has no column '%s'. It has %s"
              .formatted(key, column, String.join(", ", known)));
    }
  }

  /** Returns edges between new pairs and any others that mean the same. */
  private JavaRDD<byte[]> sameMeaning(
      Dataset<Row> usable, Dataset<Row> signatures, Map<String, Double> metrics) {
    Dataset<Row> fresh = signatures.select(col("pair_id").as("id"), lit(true).as("fresh"));
    Dataset<Row> rows =
        inDomains(scoped(usable), "domain")
            .select("pair_id", "domain", "prompt", "chosen", "rejected")
            .join(fresh, col("pair_id").equalTo(col("id")), "left")
            .withColumn("fresh", coalesce(col("fresh"), lit(false)));
    return SemanticPairs.of(context, rows, metrics)
        .where(col("kind").equalTo(SemanticPairs.DUPLICATE))
        .toJavaRDD()
        .map(
            row -> {
              long[] edge = {
                RowId.high(row.getString(0)),
                RowId.low(row.getString(0)),
                RowId.high(row.getString(1)),
                RowId.low(row.getString(1)),
                Double.doubleToLongBits(row.getDouble(3))
              };
              return Blocks.bytes(edge, edge.length);
            });
  }

  /** Adds column {@code scope}, in which duplicates are equal, as they are in their image. */
  private Dataset<Row> scoped(Dataset<Row> usable) {
    // Pairs that reject an image have the same text on both sides: what they reject is the pixels.
    Stream<Column> rejected =
        Stream.of(
            col("rejects"),
            // Under another preference it is another statement.
            col("condition"),
            when(
                    col("rejects").equalTo(CandidatePair.IMAGE),
                    col("provenance.transform.pixels_sha256"))
                .as("pixels"));
    Column[] within =
        Stream.concat(
                rejected,
                settings.within().stream()
                    .filter(column -> !column.equals(IMAGE))
                    .map(functions::col))
            .toArray(Column[]::new);
    return usable.withColumn("scope", xxhash64(to_json(struct(within))));
  }

  /** Adds a column with the domain that {@code scope} and {@code image_id} make today. */
  private Dataset<Row> inDomains(Dataset<Row> scoped, String column) {
    return settings.within().contains(IMAGE)
        ? images.addedTo(scoped).withColumn(column, xxhash64(col("scope"), col(KeptImages.COLUMN)))
        : scoped.withColumn(column, col("scope"));
  }

  /** Returns columns {@code first}, then the texts to compare. */
  private Dataset<Row> withTexts(Dataset<Row> rows, String... first) {
    Stream<Column> texts =
        IntStream.range(0, settings.columns().size())
            .mapToObj(
                i -> {
                  String name = settings.columns().get(i);
                  boolean text = rows.schema().apply(name).dataType().equals(DataTypes.StringType);
                  // Under names of their own: a column may be called domain.
                  return (text ? col(name) : to_json(col(name))).as("text" + i);
                });
    return rows.select(
        Stream.concat(Stream.of(first).map(functions::col), texts).toArray(Column[]::new));
  }

  /** Returns what is to be signed of the rows. */
  private Dataset<Row> statements(Dataset<Row> usable, long version) {
    return withTexts(
        inDomains(scoped(usable), "domain")
            .withColumn("settings_id", lit(settingsId))
            .withColumn("pairs_version", lit(version))
            .withColumn("chosen_key", Contradictions.key("chosen"))
            .withColumn("rejected_key", Contradictions.key("rejected")),
        Arrays.copyOf(SIGNATURES.fieldNames(), SIGNATURE));
  }

  /**
   * Returns the usable rows that have no signature, or another one now; nothing if rows are signed
   * that are not there any more, or if a cluster of duplicates falls apart.
   *
   * @param signed number of the signed rows, how many are restated, and the version of the table
   *     that they tell
   * @param current signed rows that are not restated
   * @param restated those that are
   */
  private Optional<Dataset<Row>> unsigned(
      Dataset<Row> usable, Row signed, Dataset<Row> current, Dataset<Row> restated, long version) {
    long all = usable.count();
    if (signed.getLong(1) == 0) {
      // All that was usable at that version is signed: where rows were but added since, no id of an
      // old one is asked for.
      Optional<Dataset<Row>> added =
          warehouse.added(Table.PAIRS, signed.getLong(2), version).map(PairDedup::usable);
      // Not so if single signatures were taken away, or pairs were put back as they were before.
      if (added.isPresent() && all == signed.getLong(0) + added.get().count()) {
        // Of a few files one task may read all.
        return added.get().inputFiles().length < parallelism() ? added.map(this::spread) : added;
      }
    }
    // Ids first: the texts of old pairs are not to go through a shuffle.
    Dataset<Row> ids = usable.select(col("pair_id").as("id"));
    freshIds = ids.join(current, col("id").equalTo(col("pair_id")), "left_anti").persist();
    boolean incremental =
        signed.getLong(0) - signed.getLong(1) + freshIds.count() == all
            && (signed.getLong(1) == 0 || (areFresh(restated) && !fallApart(restated)));
    return incremental ? Optional.of(spread(having(usable, freshIds))) : Optional.empty();
  }

  private boolean areFresh(Dataset<Row> restated) {
    return restated.join(freshIds, col("id").equalTo(col("pair_id")), "left_anti").isEmpty();
  }

  /**
   * Returns whether known duplicates are no longer of one domain: those of a cluster were, so that
   * all of them are restated then, and alike, or none.
   */
  private boolean fallApart(Dataset<Row> restated) {
    Column some = col("restated").gt(0).and(col("restated").lt(col("all")));
    return !labelled()
        .join(
            restated.select("pair_id", "current_domain"), col("id").equalTo(col("pair_id")), "left")
        .groupBy("cluster_id")
        .agg(
            count(lit(1)).as("all"),
            count("current_domain").as("restated"),
            min("current_domain").as("least"),
            max("current_domain").as("most"))
        .where(some.or(col("least").lt(col("most"))))
        .isEmpty();
  }

  private Dataset<Row> spread(Dataset<Row> rows) {
    return rows.repartition(parallelism(), col("pair_id"));
  }

  private int parallelism() {
    return context.spark().sparkContext().defaultParallelism();
  }

  /**
   * Returns the rows of {@code pairs} with one of so many ids; texts stay where they are unless
   * these are too many for every executor.
   *
   * @param ids column {@code id}, persisted
   */
  static Dataset<Row> having(Dataset<Row> pairs, Dataset<Row> ids) {
    return pairs.join(
        ids.count() <= BROADCAST ? broadcast(ids) : ids,
        col("pair_id").equalTo(col("id")),
        "left_semi");
  }

  private static MapPartitionsFunction<Row, Row> sign(TextDedup settings) {
    int columns = settings.columns().size();
    return rows -> {
      TextSigner signer = new TextSigner(settings);
      String[] texts = new String[columns];
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return rows.hasNext();
        }

        @Override
        public Row next() {
          Row row = rows.next();
          for (int i = 0; i < columns; i++) {
            texts[i] = row.getString(SIGNATURE + i);
          }
          long[] signature = signer.sign(row.getLong(DOMAIN), texts);
          Object[] values = new Object[SIGNATURE + 1];
          for (int i = 0; i < SIGNATURE; i++) {
            values[i] = row.get(i);
          }
          values[SIGNATURE] = Blocks.bytes(signature, signature.length);
          return RowFactory.create(values);
        }
      };
    };
  }

  private Dataset<Row> labelled() {
    return warehouse.readAsSeen(Table.DUPLICATES).where(col("kind").equalTo(KIND));
  }

  /**
   * Returns what earlier runs found as edges: one of a cluster is connected with whom it is called
   * by, and as alike to one as it was; that edge goes to itself, as it is not known to whom.
   */
  private JavaRDD<byte[]> known() {
    return labelled()
        .select("id", "cluster_id", "similarity")
        .toJavaRDD()
        .map(
            row -> {
              String id = row.getString(0);
              String cluster = row.getString(1);
              long high = RowId.high(id);
              long low = RowId.low(id);
              long[] edges = {
                high,
                low,
                RowId.high(cluster),
                RowId.low(cluster),
                Double.doubleToLongBits(0),
                high,
                low,
                high,
                low,
                Double.doubleToLongBits(row.getDouble(2))
              };
              return Blocks.bytes(edges, edges.length);
            });
  }

  /**
   * Kept is what trainers may have seen, then what step {@code select} does not drop as refused by
   * a scoring model, contaminated or contradicted, nor has dropped so or as a duplicate of such a
   * pair, as its verdicts stand; then the lowest iteration, first strategy, lowest id.
   */
  private Dataset<Row> labels(Dataset<Row> usable, Clusters clusters) {
    Dataset<Row> verdicts = warehouse.latest(Table.SELECTIONS);
    // Verdicts too: a run of step select that died has not written all of its pairs.
    Dataset<Row> selected =
        warehouse
            .latest(Table.PREFERENCE_PAIRS)
            .select(col("pair_id").as("id"))
            .union(verdicts.where(col("drop_reason").isNull()).select(col("pair_id")));
    Dataset<Row> dropped =
        verdicts
            .where(col("drop_reason").isin(UNWANTED.toArray()))
            .select(col("pair_id").as("dropped"));
    // Only a duplicate's verdict names another pair: it stays dropped though that one is no good.
    Column cause = coalesce(col("duplicate_of"), col("pair_id"));
    Dataset<Row> unwanted =
        refused
            .union(Contamination.contaminated(usable, warehouse.latest(Table.CONTAMINATIONS)))
            .union(DedupStep.contradicted(warehouse.readAsSeen(Table.CONTRADICTIONS)))
            .union(
                verdicts
                    .join(dropped, cause.equalTo(col("dropped")), "left_semi")
                    .select("pair_id"));
    Dataset<Row> rows = usable.select(col("pair_id").as("id"), col("iteration"), col("strategy"));
    return ClusterLabels.of(
        clusters,
        KIND,
        marked(marked(rows, selected, "selected"), unwanted, "unwanted"),
        not(col("selected")),
        col("unwanted"),
        col("iteration"),
        col("strategy"),
        col("id"));
  }

  /** Adds a column that tells whether a row's id is among these. */
  private static Dataset<Row> marked(Dataset<Row> rows, Dataset<Row> ids, String mark) {
    return ids.isEmpty()
        ? rows.withColumn(mark, lit(false))
        : rows.join(ids.distinct().withColumn(mark, lit(true)), new String[] {"id"}, "left")
            .withColumn(mark, coalesce(col(mark), lit(false)));
  }

  private void replace(Dataset<Row> labels, long signedRows) {
    if (signedRows == 0 && !warehouse.readAsSeen(Table.SIGNATURES).isEmpty()) {
      // Those of other settings, who would take the labels for theirs if this run died.
      warehouse.replace(
          Table.SIGNATURES, "true", context.spark().createDataFrame(List.of(), SIGNATURES));
    }
    warehouse.replace(Table.DUPLICATES, "kind = '" + KIND + "'", labels);
  }

  private void write(Dataset<Row> signatures, long signedRows, long restated) {
    if (signedRows == 0) {
      // Also takes away what was signed by other settings.
      warehouse.replace(Table.SIGNATURES, "true", signatures);
    } else if (restated == 0) {
      warehouse.append(Table.SIGNATURES, signatures);
    } else {
      warehouse.put(Table.SIGNATURES, "pair_id", signatures);
    }
  }
}

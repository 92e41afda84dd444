package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.delta.tables.DeltaTable;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.DedupSettings;
import io.github.pairloom.jobs.recipe.SemanticDedup;
import io.github.pairloom.jobs.score.ScoreStep;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.dedup.Banding;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.dedup.TextSigner;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * Labels the pairs whose texts are alike.
 *
 * <p>Earlier runs' signatures stay in {@code signatures}: new pairs are compared with all, old ones
 * are not compared again. {@code duplicates} is written before the signatures, so that a run that
 * dies in between is made good by the next one: it compares the same pairs again.
 */
final class PairDedup {
  /** Kind of these rows in {@code duplicates}. */
  static final String KIND = "pair";

  private static final StructType SIGNATURES = Table.SIGNATURES.schema();

  /** Ids that every executor may hold. */
  private static final long BROADCAST = 1 << 20;

  private final StepContext context;
  private final Warehouse warehouse;
  private final TextDedup settings;
  private final SemanticDedup semantic;
  private final String settingsId;
  private Dataset<Row> freshIds;

  PairDedup(StepContext context) {
    this.context = context;
    this.warehouse = context.warehouse();
    DedupSettings dedup = context.recipe().dedup();
    this.settings = dedup.text();
    this.semantic = dedup.semantic();
    this.settingsId =
        ContentId.of(
            Settings.canonical(
                semantic.on()
                    ? List.of(dedup.images(), dedup.text(), semantic)
                    // What was signed before there was such a setting.
                    : List.of(dedup.images(), dedup.text())));
  }

  /**
   * Labels what is not labelled yet.
   *
   * @param imageMetrics goes into the result
   */
  StepResult run(Map<String, Double> imageMetrics) {
    Dataset<Row> pairs = warehouse.latest(Table.PAIRS);
    checkColumns(pairs);
    Dataset<Row> usable = pairs.where(col("drop_reason").isNull());
    Dataset<Row> texts = texts(usable);
    Dataset<Row> signed =
        warehouse.latest(Table.SIGNATURES).where(col("settings_id").equalTo(settingsId));
    long signedRows = signed.count();
    Dataset<Row> fresh = signedRows == 0 ? texts : without(texts, signed);
    Dataset<Row> signatures =
        fresh
            .mapPartitions(sign(settings, settingsId), Encoders.row(SIGNATURES))
            .persist(StorageLevel.MEMORY_AND_DISK());
    TextDuplicates duplicates =
        new TextDuplicates(
            JavaSparkContext.fromSparkContext(context.spark().sparkContext()), settings);
    try {
      long read = signatures.count();
      if (read == 0) {
        return new StepResult(0, 0, Map.of(), Map.of(), signedRows, imageMetrics);
      }
      long restated = signedRows == 0 ? 0 : signatures.join(signed, "pair_id").count();
      Dataset<Row> known = restated == 0 ? signed : antiJoin(signed, signatures);
      JavaRDD<byte[]> edges =
          duplicates.edges(
              signatures.select("pair_id", "signature").toJavaRDD(),
              read,
              known.select("pair_id", "signature").toJavaRDD(),
              signedRows - restated,
              texts.toJavaRDD());
      if (semantic.on()) {
        edges = edges.union(sameMeaning(usable, signatures, imageMetrics));
      }
      Clusters clusters =
          Clusters.of(
              context.spark(),
              signedRows == 0 ? edges : edges.union(known()),
              Clusters.DRIVER_EDGES);
      Dataset<Row> labels = labels(usable, clusters).persist(StorageLevel.MEMORY_AND_DISK());
      try {
        ClusterLabels.check(clusters, labels);
        long dropped =
            labels
                .where(col("duplicate_of").isNotNull())
                .join(signatures.select(col("pair_id").as("id")), "id")
                .count();
        warehouse.replace(Table.DUPLICATES, "kind = '" + KIND + "'", labels);
        write(signatures, signedRows, restated);
        return new StepResult(
            read,
            read - dropped,
            dropped == 0 ? Map.of() : Map.of(DedupStep.DUPLICATE_PAIR, dropped),
            Map.of(),
            signedRows - restated,
            metrics(clusters, duplicates.crowdedBuckets(), imageMetrics));
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

  private Map<String, Double> metrics(
      Clusters clusters, long crowded, Map<String, Double> imageMetrics) {
    Banding banding = Banding.of(settings.threshold(), settings.recall());
    Map<String, Double> metrics = new TreeMap<>(imageMetrics);
    metrics.put("bands", (double) banding.bands());
    metrics.put("rows-per-band", (double) banding.rows());
    metrics.put("recall-at-threshold", banding.recallAt(settings.threshold()));
    metrics.put("edges", (double) clusters.edges());
    metrics.put("clusters", (double) clusters.components());
    metrics.put("clustered-pairs", (double) clusters.nodes());
    metrics.put("crowded-buckets", (double) crowded);
    return metrics;
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
        inDomains(usable)
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

  /** Adds column {@code domain}, in which duplicates are equal. */
  private Dataset<Row> inDomains(Dataset<Row> usable) {
    Dataset<Row> rows =
        settings.within().contains("image_id")
            ? DedupStep.withKeptImage(usable, warehouse.latest(Table.DUPLICATES))
                .withColumn("image_id", col(DedupStep.KEPT_IMAGE))
            : usable;
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
        Stream.concat(rejected, settings.within().stream().map(functions::col))
            .toArray(Column[]::new);
    return rows.withColumn("domain", xxhash64(to_json(struct(within))));
  }

  /** Returns id, domain and texts. */
  private Dataset<Row> texts(Dataset<Row> usable) {
    Dataset<Row> rows = inDomains(usable);
    Column[] columns = new Column[settings.columns().size() + 2];
    columns[0] = col("pair_id");
    columns[1] = col("domain");
    for (int i = 2; i < columns.length; i++) {
      String name = settings.columns().get(i - 2);
      boolean text = rows.schema().apply(name).dataType().simpleString().equals("string");
      // Under names of their own: a column may be called domain.
      columns[i] = (text ? col(name) : to_json(col(name))).as("text" + (i - 2));
    }
    return rows.select(columns);
  }

  /** Returns the texts that have no signature, or one under another domain. */
  private Dataset<Row> without(Dataset<Row> texts, Dataset<Row> signed) {
    // Ids first: the texts of old pairs are not to go through a shuffle.
    Dataset<Row> done = signed.select(col("pair_id").as("id"), col("domain").as("of"));
    freshIds =
        texts
            .select("pair_id", "domain")
            .join(
                done,
                col("pair_id").equalTo(col("id")).and(col("domain").equalTo(col("of"))),
                "left_anti")
            .select(col("pair_id").as("id"))
            .persist();
    return texts.join(
        freshIds.count() <= BROADCAST ? broadcast(freshIds) : freshIds,
        col("pair_id").equalTo(col("id")),
        "left_semi");
  }

  private static Dataset<Row> antiJoin(Dataset<Row> rows, Dataset<Row> keys) {
    Dataset<Row> ids = keys.select(col("pair_id").as("id"));
    return rows.join(ids, rows.col("pair_id").equalTo(ids.col("id")), "left_anti");
  }

  private static MapPartitionsFunction<Row, Row> sign(TextDedup settings, String settingsId) {
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
            texts[i] = row.getString(i + 2);
          }
          long[] signature = signer.sign(row.getLong(1), texts);
          return RowFactory.create(
              row.getString(0),
              settingsId,
              row.getLong(1),
              Blocks.bytes(signature, signature.length));
        }
      };
    };
  }

  /**
   * Returns what earlier runs found as edges: one of a cluster is connected with whom it is called
   * by, and as alike to one as it was; that edge goes to itself, as it is not known to whom.
   */
  private JavaRDD<byte[]> known() {
    return warehouse
        .latest(Table.DUPLICATES)
        .where(col("kind").equalTo(KIND))
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
   * Kept is what trainers may have seen, then what no scoring model refuses, then the lowest
   * iteration, first strategy, lowest id.
   */
  private Dataset<Row> labels(Dataset<Row> usable, Clusters clusters) {
    Dataset<Row> selected =
        warehouse.latest(Table.PREFERENCE_PAIRS).select(col("pair_id").as("id"));
    Dataset<Row> rows = usable.select(col("pair_id").as("id"), col("iteration"), col("strategy"));
    return ClusterLabels.of(
        clusters,
        KIND,
        marked(marked(rows, selected, "selected"), ScoreStep.refused(context), "refused"),
        not(col("selected")),
        col("refused"),
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

  private void write(Dataset<Row> signatures, long signedRows, long restated) {
    if (signedRows == 0) {
      // Also takes away what was signed by other settings.
      warehouse.replace(Table.SIGNATURES, "true", signatures);
    } else if (restated == 0) {
      warehouse.append(Table.SIGNATURES, signatures);
    } else {
      DeltaTable.forPath(context.spark(), warehouse.path(Table.SIGNATURES))
          .as("old")
          .merge(signatures.as("new"), "old.pair_id = new.pair_id")
          .whenMatched()
          .updateAll()
          .whenNotMatched()
          .insertAll()
          .execute();
    }
  }
}

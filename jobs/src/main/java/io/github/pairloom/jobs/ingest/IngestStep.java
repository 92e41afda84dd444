package io.github.pairloom.jobs.ingest;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.summingLong;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.Pending;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.TooManyBadRowsException;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.jobs.recipe.SourceFormat;
import io.github.pairloom.jobs.recipe.SourceSettings;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.QuarantinedRow;
import io.github.pairloom.schemas.Shard;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.function.FilterFunction;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Reads the source's files into {@code images}, {@code samples} and {@code quarantine}, and marks
 * each file in {@code shards} when all of it is there.
 *
 * <p>A marked file is not read again; one whose content has changed since is refused. Rows are
 * written before marks and only where their key is not there yet, so a run that dies in between is
 * made good by the next.
 */
public final class IngestStep implements Step {
  /** A sample that the warehouse or an earlier row of this run has already. */
  private static final String DUPLICATE_SAMPLE = "duplicate-sample";

  /** Raised when the same file would become other rows, so that it is read again. */
  private static final int RULES = 2;

  private static final String VERDICT = "verdict";
  private static final String NEW = "new";

  /** The sample stands in the table from this very row: a run died before it marked the file. */
  private static final String PRESENT = "present";

  private static final String DUPLICATE = "duplicate";
  private static final String BAD = "bad";
  private static final String END = "end";
  private static final int EXAMPLES = 5;

  @Override
  public String name() {
    return "ingest";
  }

  /**
   * {@inheritDoc}
   *
   * @throws JobException if the source names no files, they hold no rows, or one is gone, has
   *     changed or is not as the source's manifest lists it
   * @throws TooManyBadRowsException if the error budget is spent; nothing is written then
   */
  @Override
  public StepResult run(StepContext context) {
    SparkSession spark = context.spark();
    SourceSettings source = context.recipe().source();
    SerializableConfiguration hadoop =
        new SerializableConfiguration(spark.sparkContext().hadoopConfiguration());
    SourceFiles files = new SourceFiles(source, hadoop.value());
    List<String> uris = files.list();
    String imageRoot = files.imageRoot();
    String ingestId = ingestId(source, imageRoot);

    Map<String, Shard> known = knownShards(context.warehouse(), ingestId);
    Optional<SourceManifest> manifest = checkThere(files, uris, known);
    List<String> done = uris.stream().filter(known::containsKey).toList();
    List<String> fresh = uris.stream().filter(uri -> !known.containsKey(uri)).toList();
    checkUnchanged(spark, source, known, done, hadoop);
    manifest.ifPresent(
        listed -> done.forEach(uri -> listed.checkContent(uri, known.get(uri).contentSha256())));
    long alreadyDone = done.stream().mapToLong(uri -> known.get(uri).read()).sum();
    if (fresh.isEmpty()) {
      return new StepResult(0, 0, Map.of(), Map.of(), alreadyDone, metrics(0, done.size(), 0));
    }

    spark.sparkContext().setJobDescription("ingest: read " + fresh.size() + " files");
    ReadShard readShard =
        new ReadShard(
            fresh, source, imageRoot, ingestId, packFolder(context.warehouse(), hadoop), hadoop);
    Dataset<Row> judged =
        judge(outcomes(spark, source, readShard, fresh.size(), hadoop), context.warehouse())
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      List<Count> counts = counts(judged);
      Totals totals = Totals.of(counts);
      if (totals.read() == 0 && done.isEmpty()) {
        throw new JobException(
            "No rows in the %s source files of '%s'. Correct source.path or source.format"
                .formatted(fresh.size(), source.path()));
      }
      checkBudget(context.recipe().errors(), source, totals, judged);
      List<Content> contents = contents(judged);
      manifest.ifPresent(
          listed -> contents.forEach(file -> listed.checkContent(file.uri(), file.sha256())));
      spark.sparkContext().setJobDescription("ingest: write tables");
      Dataset<Row> oldImages = context.warehouse().latest(Table.IMAGES);
      long newImages = write(context.warehouse(), judged, totals);
      if (!oldImages.isEmpty()) {
        readdress(context, oldImages, judged);
      }
      markShards(context.warehouse(), ingestId, contents, counts);
      return new StepResult(
          totals.read(),
          totals.written(),
          totals.dropped(),
          totals.quarantined(),
          alreadyDone,
          metrics(fresh.size(), done.size(), newImages));
    } finally {
      judged.unpersist();
      spark.sparkContext().setJobDescription(null);
    }
  }

  @Override
  public Optional<Pending> pending(StepContext context) {
    SourceFiles files =
        new SourceFiles(
            context.recipe().source(), context.spark().sparkContext().hadoopConfiguration());
    Map<String, Shard> known =
        knownShards(context.warehouse(), ingestId(context.recipe().source(), files.imageRoot()));
    List<String> uris = files.list();
    checkThere(files, uris, known);
    long fresh = uris.stream().filter(uri -> !known.containsKey(uri)).count();
    return Optional.of(new Pending(fresh, "files"));
  }

  private static Map<String, Double> metrics(int read, int skipped, long newImages) {
    return Map.of(
        "shards-read", (double) read,
        "shards-skipped", (double) skipped,
        "images-new", (double) newImages);
  }

  private static String ingestId(SourceSettings source, String imageRoot) {
    ContentId id =
        new ContentId()
            .add("ingest")
            .add(RULES)
            .add(source.name())
            .add(source.format().name())
            .add(imageRoot)
            .add(source.imageColumn())
            .add(source.conversationsColumn())
            .add(source.promptColumn())
            .add(source.responseColumn())
            .add(source.captionPrompt());
    // Only where they are not the defaults: files that were read before these counted stay read.
    if (!source.providerPreferenceColumn().equals(SourceSettings.PROVIDER_PREFERENCE)
        || !source.userPreferenceColumn().equals(SourceSettings.USER_PREFERENCE)) {
      id.add(source.providerPreferenceColumn()).add(source.userPreferenceColumn());
    }
    return id.toHex();
  }

  private static Map<String, Shard> knownShards(Warehouse warehouse, String ingestId) {
    return warehouse
        .read(Table.SHARDS)
        .where(col("ingest_id").equalTo(ingestId))
        .collectAsList()
        .stream()
        .map(Shard.CODEC::fromRow)
        .collect(Collectors.toMap(Shard::uri, shard -> shard));
  }

  /** Checks that no file is missing; returns what the source is said to hold. */
  private static Optional<SourceManifest> checkThere(
      SourceFiles files, List<String> uris, Map<String, Shard> known) {
    Set<String> there = Set.copyOf(uris);
    // The path may name other files than in earlier runs, such as those of another day.
    List<String> gone =
        known.keySet().stream()
            .filter(uri -> !there.contains(uri) && files.covers(uri))
            .sorted()
            .toList();
    if (!gone.isEmpty()) {
      throw new JobException(
          ("%s source files that source.path names were ingested and are gone: %s. Their rows are in"
                  + " the warehouse, and images in them cannot be read any more. Restore them, or"
                  + " ingest what is left under another source.name or into a fresh warehouse")
              .formatted(gone.size(), SourceManifest.some(gone)));
    }
    Optional<SourceManifest> manifest = files.manifest();
    manifest.ifPresent(listed -> listed.checkNames(uris));
    return manifest;
  }

  private static void checkUnchanged(
      SparkSession spark,
      SourceSettings source,
      Map<String, Shard> known,
      List<String> uris,
      SerializableConfiguration hadoop) {
    if (uris.isEmpty()) {
      return;
    }
    spark.sparkContext().setJobDescription("ingest: compare " + uris.size() + " files");
    List<String> hashes =
        spark
            .range(0, uris.size(), 1, uris.size())
            .map(
                (MapFunction<Long, String>)
                    i -> ShardStream.sha256(uris.get(i.intValue()), hadoop.value()),
                Encoders.STRING())
            .collectAsList();
    for (int i = 0; i < uris.size(); i++) {
      Shard shard = known.get(uris.get(i));
      if (!shard.contentSha256().equals(hashes.get(i))) {
        throw new JobException(
            ("Source file %s has changed since it was ingested (SHA-256 was %s, is %s). Rows made"
                    + " from the old content are in the warehouse. Restore the file, or ingest the"
                    + " new one under another name than '%s' (source.name) or into a fresh"
                    + " warehouse")
                .formatted(uris.get(i), shard.contentSha256(), hashes.get(i), source.name()));
      }
    }
  }

  private static String packFolder(Warehouse warehouse, SerializableConfiguration hadoop) {
    Path folder = new Path(warehouse.root(), "image-packs");
    try {
      return folder.getFileSystem(hadoop.value()).makeQualified(folder).toString();
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot reach " + folder + ": " + e, e);
    }
  }

  private static Dataset<Row> outcomes(
      SparkSession spark,
      SourceSettings source,
      ReadShard readShard,
      int shards,
      SerializableConfiguration hadoop) {
    Dataset<Row> rows =
        spark
            .range(0, shards, 1, shards)
            .flatMap(readShard, Encoders.row(SourceRow.CODEC.schema()));
    String sourceName = source.name();
    return (source.format() == SourceFormat.WEBDATASET ? rows : withImages(rows, source, hadoop))
        .flatMap(
            (FlatMapFunction<Row, Row>)
                row ->
                    Outcome.of(sourceName, SourceRow.CODEC.fromRow(row)).stream()
                        .map(Outcome.CODEC::toRow)
                        .iterator(),
            Encoders.row(Outcome.CODEC.schema()));
  }

  /** Opens images in files of their own, where all rows about an image have come together. */
  private static Dataset<Row> withImages(
      Dataset<Row> rows, SourceSettings source, SerializableConfiguration hadoop) {
    int partitions =
        Integer.parseInt(rows.sparkSession().conf().get("spark.sql.shuffle.partitions"));
    Column together = coalesce(col("image_uri"), concat_ws("#", col("shard_uri"), col("row")));
    ImageBytes bytes = new ImageBytes(hadoop.value());
    ImageInspector inspector = new ImageInspector(source.name());
    return rows.repartition(partitions, together)
        .sortWithinPartitions("image_uri")
        .mapPartitions(
            (MapPartitionsFunction<Row, Row>)
                partition -> {
                  ImageOpener opener = new ImageOpener(bytes, inspector);
                  return new MappedRows<>(
                      partition,
                      row -> SourceRow.CODEC.toRow(opener.open(SourceRow.CODEC.fromRow(row))));
                },
            Encoders.row(SourceRow.CODEC.schema()));
  }

  /**
   * Adds to each outcome its verdict and, to a duplicate, where its twin came from. Of equal
   * samples the one in the warehouse stays, else the first by file, row and turn.
   */
  private static Dataset<Row> judge(Dataset<Row> outcomes, Warehouse warehouse) {
    Dataset<Row> existing =
        warehouse
            .latest(Table.SAMPLES)
            .select(
                col("sample_id").as("existing_id"),
                col("source").as("existing_source"),
                col("source_row").as("existing_row"));
    // By key and not by sample_id, which is NULL for bad rows: they must not fall into one task.
    WindowSpec equals = Window.partitionBy("key").orderBy("shard_uri", "row", "turn");
    Column exists = col("existing_id").isNotNull();
    Column itself =
        col("existing_source")
            .equalTo(col("sample.source"))
            .and(col("existing_row").equalTo(col("sample.source_row")));
    return outcomes
        .join(existing, col("key").equalTo(col("existing_id")), "left")
        .withColumn("rank", row_number().over(equals))
        .withColumn("twin", coalesce(col("existing_row"), first("sample.source_row").over(equals)))
        .withColumn(
            VERDICT,
            when(col("content_sha256").isNotNull(), END)
                .when(col("quarantined").isNotNull(), BAD)
                .when(exists.and(itself), PRESENT)
                .when(exists.or(col("rank").gt(1)), DUPLICATE)
                .otherwise(NEW))
        .drop("existing_id", "existing_source", "existing_row", "rank");
  }

  private static List<Count> counts(Dataset<Row> judged) {
    return judged
        .where(col(VERDICT).notEqual(END))
        .groupBy(col("shard_uri"), col(VERDICT), col("quarantined.reason").as("reason"))
        .agg(count(lit(1)).as("rows"))
        .collectAsList()
        .stream()
        .map(row -> new Count(row.getString(0), row.getString(1), row.getString(2), row.getLong(3)))
        .toList();
  }

  private static void checkBudget(
      ErrorBudget budget, SourceSettings source, Totals totals, Dataset<Row> judged) {
    long bad = totals.quarantined().values().stream().mapToLong(Long::longValue).sum();
    if (budget.allows(bad, totals.read())) {
      return;
    }
    List<String> examples =
        judged
            .where(col(VERDICT).equalTo(BAD))
            .orderBy("shard_uri", "row", "turn")
            .limit(EXAMPLES)
            .select("quarantined.*")
            .collectAsList()
            .stream()
            .map(QuarantinedRow.CODEC::fromRow)
            .map(row -> "  %s: %s (%s)".formatted(row.sourceRow(), row.reason(), row.detail()))
            .toList();
    throw new TooManyBadRowsException(
        ("Too many bad rows in source '%s': %s of %s, allowed are %s and a share of %s. By reason:"
                + " %s. The first:\n%s\nNothing is written. Correct the source, or raise"
                + " errors.max-rows or errors.max-share")
            .formatted(
                source.name(),
                bad,
                totals.read(),
                budget.maxRows(),
                budget.maxShare(),
                totals.quarantined(),
                String.join("\n", examples)));
  }

  /** Writes images before the samples that point to them; returns the number of new images. */
  private static long write(Warehouse warehouse, Dataset<Row> judged, Totals totals) {
    Dataset<Row> images =
        missing(warehouse, Table.IMAGES, "image_id", images(judged, NEW, PRESENT)).persist();
    try {
      long newImages = images.count();
      if (newImages > 0) {
        warehouse.append(Table.IMAGES, images);
      }
      Dataset<Row> samples = judged.where(col(VERDICT).equalTo(NEW)).select("sample.*");
      if (totals.added() > 0) {
        warehouse.append(Table.SAMPLES, samples);
      }
      Dataset<Row> leftOut =
          judged
              .where(col(VERDICT).equalTo(BAD))
              .select("quarantined.*")
              .unionByName(duplicates(judged));
      if (totals.read() > totals.written()) {
        warehouse.append(
            Table.QUARANTINE, missing(warehouse, Table.QUARANTINE, "quarantine_id", leftOut));
      }
      return newImages;
    } finally {
      images.unpersist();
    }
  }

  /**
   * Lets images that cannot be read any more where the table says be read where this source has
   * them: a file that was changed or moved is ingested under another source's name.
   *
   * @param oldImages the table as it was before this run
   */
  private static void readdress(StepContext context, Dataset<Row> oldImages, Dataset<Row> judged) {
    ImageBytes bytes = context.imageBytes();
    Dataset<Row> here = images(judged, NEW, PRESENT, DUPLICATE);
    Dataset<Row> places =
        here.select(
            col("image_id").as("here"),
            col("uri").as("here_uri"),
            col("byte_offset").as("here_offset"));
    Column elsewhere =
        col("uri").notEqual(col("here_uri")).or(col("byte_offset").notEqual(col("here_offset")));
    Dataset<Row> gone =
        oldImages
            .join(places, col("image_id").equalTo(col("here")).and(elsewhere))
            .drop("here", "here_uri", "here_offset")
            .filter((FilterFunction<Row>) row -> !isThere(bytes, Image.CODEC.fromRow(row)));
    Dataset<Row> moved =
        here.join(gone.select(col("image_id").as("gone")), col("image_id").equalTo(col("gone")))
            .drop("gone")
            .persist();
    try {
      if (!moved.isEmpty()) {
        context.warehouse().put(Table.IMAGES, "image_id", moved);
      }
    } finally {
      moved.unpersist();
    }
  }

  private static boolean isThere(ImageBytes bytes, Image image) {
    try {
      return bytes.read(image).length > 0;
    } catch (BadImageException e) {
      return false;
    }
  }

  /** Returns the images of samples with such a verdict, each once. */
  private static Dataset<Row> images(Dataset<Row> judged, String... verdicts) {
    WindowSpec sameImage = Window.partitionBy("image_id").orderBy("shard_uri", "row", "turn");
    return judged
        .where(col(VERDICT).isin((Object[]) verdicts))
        .select(col("image.*"), col("shard_uri"), col("row"), col("turn"))
        .withColumn("rank", row_number().over(sameImage))
        .where(col("rank").equalTo(1))
        .drop("shard_uri", "row", "turn", "rank");
  }

  private static Dataset<Row> duplicates(Dataset<Row> judged) {
    return judged
        .where(col(VERDICT).equalTo(DUPLICATE))
        .select("sample.source", "sample.source_row", "twin", "sample.extra")
        .map(
            (MapFunction<Row, Row>)
                row ->
                    QuarantinedRow.CODEC.toRow(
                        QuarantinedRow.redundant(
                            row.getString(0),
                            row.getString(1),
                            DUPLICATE_SAMPLE,
                            "same image, context, prompt and response as " + row.getString(2),
                            row.getString(3))),
            Encoders.row(QuarantinedRow.CODEC.schema()));
  }

  /** Returns those of {@code rows} whose key is not in the table. */
  private static Dataset<Row> missing(
      Warehouse warehouse, Table table, String key, Dataset<Row> rows) {
    Dataset<Row> existing = warehouse.read(table).select(col(key).as("existing_key"));
    return rows.join(existing, col(key).equalTo(col("existing_key")), "left_anti");
  }

  /** Returns what the files were that have been read to their ends. */
  private static List<Content> contents(Dataset<Row> judged) {
    return judged
        .where(col(VERDICT).equalTo(END))
        .groupBy("shard_uri")
        .agg(max("content_sha256"), max("bytes"))
        .collectAsList()
        .stream()
        .map(row -> new Content(row.getString(0), row.getString(1), row.getLong(2)))
        .toList();
  }

  private static void markShards(
      Warehouse warehouse, String ingestId, List<Content> contents, List<Count> counts) {
    Map<String, List<Count>> byShard = counts.stream().collect(groupingBy(Count::shardUri));
    List<Shard> shards =
        contents.stream()
            .map(
                file -> {
                  Totals totals = Totals.of(byShard.getOrDefault(file.uri(), List.of()));
                  long dropped =
                      totals.dropped().values().stream().mapToLong(Long::longValue).sum();
                  return new Shard(
                      Shard.idOf(ingestId, file.uri(), file.sha256()),
                      ingestId,
                      file.uri(),
                      file.sha256(),
                      file.bytes(),
                      totals.read(),
                      totals.written(),
                      dropped,
                      totals.read() - totals.written() - dropped);
                })
            .sorted((a, b) -> a.uri().compareTo(b.uri()))
            .toList();
    warehouse.append(Table.SHARDS, Shard.CODEC, shards);
  }

  /** A file as it was read. */
  private record Content(String uri, String sha256, long bytes) {}

  /** How many candidates of a file had a verdict; the reason is null unless they are bad. */
  private record Count(String shardUri, String verdict, String reason, long rows) {}

  /** Sums over counts. */
  private record Totals(
      long read,
      long added,
      long written,
      Map<String, Long> dropped,
      Map<String, Long> quarantined) {
    static Totals of(List<Count> counts) {
      Map<String, Long> byVerdict =
          counts.stream().collect(groupingBy(Count::verdict, summingLong(Count::rows)));
      long added = byVerdict.getOrDefault(NEW, 0L);
      long redundant = byVerdict.getOrDefault(DUPLICATE, 0L);
      return new Totals(
          counts.stream().mapToLong(Count::rows).sum(),
          added,
          added + byVerdict.getOrDefault(PRESENT, 0L),
          redundant > 0 ? Map.of(DUPLICATE_SAMPLE, redundant) : Map.of(),
          counts.stream()
              .filter(count -> count.verdict().equals(BAD))
              .collect(groupingBy(Count::reason, TreeMap::new, summingLong(Count::rows))));
    }
  }
}

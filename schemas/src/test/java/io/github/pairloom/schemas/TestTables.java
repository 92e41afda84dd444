package io.github.pairloom.schemas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each test is about a table of its own, or adds a row that is equal to all that are there. */
@Execution(ExecutionMode.CONCURRENT)
class TestTables {
  private static final String ID = "0123456789abcdef".repeat(4);
  private static SparkSession spark;

  /** Of all tests: making a table takes longer than what they do with it. */
  @TempDir static Path warehouse;

  private static final Set<Table> CREATED = ConcurrentHashMap.newKeySet();

  @BeforeAll
  static void startSpark() {
    spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "1")
            // Tables are tiny: compiling code for each query would take longer than running it.
            .config("spark.sql.codegen.wholeStage", "false")
            .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
            .config("spark.sql.codegen.cache.maxEntries", "5000")
            .config("spark.sql.adaptive.enabled", "false")
            .config("spark.databricks.delta.snapshotPartitions", "1")
            .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
            .config(
                "spark.sql.catalog.spark_catalog",
                "org.apache.spark.sql.delta.catalog.DeltaCatalog")
            .getOrCreate();
    // Rows are refused on purpose here; Spark would print the stack of each.
    spark.sparkContext().setLogLevel("OFF");
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @ParameterizedTest
  @EnumSource
  void everyTableCanBeCreatedAndKeepsItsColumns(Table table) {
    create(table);
    Dataset<Row> created = spark.read().format("delta").load(path(table));
    assertEquals(
        Arrays.asList(table.schema().fieldNames()), Arrays.asList(created.schema().fieldNames()));
    for (StructField field : table.schema().fields()) {
      StructField kept = created.schema().apply(field.name());
      assertEquals(field.dataType().sql(), kept.dataType().sql());
      assertEquals(field.nullable(), kept.nullable(), field.name() + " may be NULL");
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyColumnHasAComment(Table table) {
    assertColumnsAreCommented(table.tableName(), table.schema());
  }

  private static void assertColumnsAreCommented(String where, StructType struct) {
    for (StructField field : struct.fields()) {
      DataType type = field.dataType();
      // A span's or turn's fields are explained by the comment of the array they stand in.
      boolean explained = field.getComment().isDefined() || where.endsWith("[]");
      assertTrue(explained, where + "." + field.name() + " has no comment");
      if (type instanceof StructType nested) {
        assertColumnsAreCommented(where + "." + field.name(), nested);
      } else if (type instanceof ArrayType array
          && array.elementType() instanceof StructType element) {
        assertColumnsAreCommented(where + "." + field.name() + "[]", element);
      }
    }
  }

  @Test
  void recordsSurviveTheirTables() {
    assertRoundTrip(Table.IMAGES, Image.CODEC, image());
    assertRoundTrip(Table.SAMPLES, Sample.CODEC, sample());
    assertRoundTrip(Table.QUARANTINE, QuarantinedRow.CODEC, quarantined());
    assertRoundTrip(Table.SHARDS, Shard.CODEC, shard());
    assertRoundTrip(Table.RESPONSES, Response.CODEC, response());
    assertRoundTrip(Table.EMBEDDINGS, Embedding.CODEC, embedding());
    assertRoundTrip(Table.PAIRS, CandidatePair.CODEC, pair("A boat.", null));
    assertRoundTrip(Table.SCORES, PairScore.CODEC, score());
    assertRoundTrip(Table.RUNS, Run.CODEC, run());
  }

  @ParameterizedTest
  @EnumSource
  void deltaRefusesRowsThatBreakAnyConstraint(Table table) {
    append(table, valid(table));
    Map<String, Map<String, String>> breaks = breaks(table);
    assertEquals(constraints(table), breaks.keySet(), "constraints broken here");
    breaks.forEach(
        (constraint, changes) -> {
          Dataset<Row> broken = valid(table);
          for (Map.Entry<String, String> change : changes.entrySet()) {
            broken = broken.withColumn(change.getKey(), functions.expr(change.getValue()));
          }
          assertRefused(constraint, table, broken);
        });
  }

  @ParameterizedTest
  @EnumSource
  void deltaRefusesNullsWhereAColumnIsNotNull(Table table) {
    StructField key = table.schema().fields()[0];
    assertFalse(key.nullable(), key.name());
    Column missing = functions.lit(null).cast(key.dataType());
    assertRefused(key.name(), table, valid(table).withColumn(key.name(), missing));
  }

  @Test
  void mapsAreWrittenInTheOrderOfTheirKeys() {
    Map<String, Long> reasons = new LinkedHashMap<>();
    List.of("image-empty", "broken-json", "lone-surrogate").forEach(r -> reasons.put(r, 1L));
    Instant now = Instant.parse("2026-01-01T00:00:00Z");
    Run run = new Run("r", "ingest", "n", ID, now, now, 3, 0, Map.of(), reasons, 0, Map.of());
    assertTrue(
        rows(Run.CODEC, run)
            .toJSON()
            .first()
            .contains("{\"broken-json\":1,\"image-empty\":1,\"lone-surrogate\":1}"));
  }

  @Test
  void aRecordThatDoesNotFitItsColumnsIsRefused() {
    StructType named = new StructType().add("from", DataTypes.StringType);
    StructType few = new StructType().add("role", DataTypes.StringType);
    StructType typed = few.add("content", DataTypes.LongType);
    assertMismatch("the column is called from", named.add("content", DataTypes.StringType));
    assertMismatch("has 2 components", few);
    assertMismatch("does not fit the column's type BIGINT", typed);
  }

  private static void assertMismatch(String message, StructType schema) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> RecordCodec.of(schema, Turn.class));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  private void assertRefused(String what, Table table, Dataset<Row> rows) {
    Exception e = assertThrows(Exception.class, () -> append(table, rows), table + ", " + what);
    assertTrue(deepMessage(e).contains(what), () -> what + " is not in " + deepMessage(e));
  }

  private void append(Table table, Dataset<Row> rows) {
    create(table);
    rows.write().format("delta").mode("append").save(path(table));
  }

  private static Set<String> constraints(Table table) {
    return Pattern.compile("'delta\\.constraints\\.(\\w+)'")
        .matcher(table.createStatement("t"))
        .results()
        .map(match -> match.group(1))
        .collect(Collectors.toSet());
  }

  /** Returns, by constraint, what to change in a valid row to break it and no other one. */
  private static Map<String, Map<String, String>> breaks(Table table) {
    Map<String, String> noSha = Map.of("image_id", "'" + "G".repeat(64) + "'");
    Map<String, String> zero = Map.of("iteration", "0");
    Map<String, String> noCosine = Map.of("similarity", "1.5D");
    Map<String, String> noLabel = Map.of("chosen_origin", "'elsewhere'");
    return switch (table) {
      case IMAGES ->
          Map.of(
              "image_id_is_sha256", noSha,
              "hashes_are_hex", Map.of("perceptual_hash", "''"),
              "bytes_lie_in_a_file", Map.of("byte_length", "0L"),
              "has_pixels", Map.of("height", "0"));
      case SAMPLES ->
          Map.of("ids_are_sha256", noSha, "response_is_not_blank", Map.of("response", "'  '"));
      case QUARANTINE ->
          Map.of(
              "quarantine_id_is_sha256", Map.of("quarantine_id", "''"),
              "disposition_is_known", Map.of("disposition", "'kept'"),
              "reason_is_a_code", Map.of("reason", "'Image empty'"));
      case SHARDS ->
          Map.of(
              "shard_id_is_sha256", Map.of("shard_id", "''"),
              "reconciles", Map.of("read", "4L"),
              "counts_are_not_negative", Map.of("dropped", "-1L", "quarantined", "3L"));
      case RESPONSES ->
          Map.of(
              "ids_are_sha256", Map.of("response_id", "''"),
              "ordinal_counts_from_zero", Map.of("ordinal", "-1"),
              "origin_is_known", Map.of("origin", "'elsewhere'"),
              "usable_or_dropped", Map.of("text", "CAST(NULL AS STRING)"));
      case EMBEDDINGS ->
          Map.of(
              "kind_is_known",
              Map.of("kind", "'sound'"),
              "ids_are_sha256",
              Map.of("content_id", "''"),
              "embedded_or_dropped",
              Map.of("drop_reason", "'image-missing'"));
      case PAIRS ->
          Map.of(
              "ids_are_sha256", noSha,
              "usable_or_dropped", Map.of("rejected", "chosen"),
              "labels_are_known", noLabel,
              "segment_weight_is_positive", Map.of("segment_weight", "0.0D"),
              "iteration_counts_from_one", zero,
              "similarity_is_a_cosine", noCosine);
      case SCORES ->
          Map.of(
              "ids_are_sha256", Map.of("pair_id", "''"),
              "scored_or_dropped", Map.of("verdict", "'undecided'"),
              "log_probs_are_not_positive",
                  Map.of(
                      "chosen",
                      "named_struct('log_prob', 1.0D, 'end_log_prob', -0.5D, 'tokens', 3,"
                          + " 'token_log_probs', CAST(NULL AS ARRAY<DOUBLE>))"));
      case SIGNATURES ->
          Map.of(
              "ids_are_sha256", Map.of("settings_id", "''"),
              "signature_is_longs", Map.of("signature", "X'00'"));
      case DUPLICATES ->
          Map.of(
              "kind_is_known", Map.of("kind", "'sample'"),
              "ids_are_sha256", Map.of("cluster_id", "''"),
              "is_no_duplicate_of_itself", Map.of("duplicate_of", "id"),
              "similarity_is_a_share", Map.of("similarity", "1.5D"));
      case CONTAMINATIONS ->
          Map.of("kind_is_known", Map.of("kind", "'sample'"), "id_is_sha256", Map.of("id", "''"));
      case CONTRADICTIONS ->
          Map.of(
              "ids_are_sha256", Map.of("other_id", "''"),
              "kind_is_known", Map.of("kind", "'other'"),
              "contradicts_another", Map.of("other_id", "pair_id"));
      case SELECTIONS ->
          Map.of(
              "pair_id_is_sha256", Map.of("pair_id", "''"),
              "duplicates_are_dropped", Map.of("duplicate_of", "pair_id"),
              "diversity_is_a_share", Map.of("diversity", "1.5D"),
              "spread_is_a_distance", Map.of("spread", "-1.0D"));
      case PREFERENCE_PAIRS ->
          Map.of(
              "ids_are_sha256", noSha,
              "sides_differ", Map.of("rejected", "chosen"),
              "labels_are_known", noLabel,
              "segment_weight_is_positive", Map.of("segment_weight", "0.0D"),
              "iteration_counts_from_one", zero,
              "similarity_is_a_cosine", noCosine);
      case RUNS ->
          Map.of(
              "recipe_id_is_sha256", Map.of("recipe_id", "''"),
              "ends_after_its_start", Map.of("finished_at", "started_at - INTERVAL 1 SECOND"),
              "reconciles", Map.of("dropped", "map('identical', 7L)"),
              "counts_are_not_negative", Map.of("already_done", "-1L"));
    };
  }

  /** Returns a row that the table takes. */
  private static Dataset<Row> valid(Table table) {
    return switch (table) {
      case IMAGES -> rows(Image.CODEC, image());
      case SAMPLES -> rows(Sample.CODEC, sample());
      case QUARANTINE -> rows(QuarantinedRow.CODEC, quarantined());
      case SHARDS -> rows(Shard.CODEC, shard());
      case RESPONSES -> rows(Response.CODEC, response());
      case EMBEDDINGS -> rows(Embedding.CODEC, embedding());
      case PAIRS -> rows(CandidatePair.CODEC, pair("A boat.", null));
      case SCORES -> rows(PairScore.CODEC, score());
      case SIGNATURES ->
          spark.createDataFrame(
              List.of(RowFactory.create(ID, ID, 3L, null, 7L, 7L, 1L, 2L, new byte[48])),
              table.schema());
      case DUPLICATES ->
          spark.createDataFrame(
              List.of(RowFactory.create("pair", ID, ID, null, 0.9)), table.schema());
      case CONTAMINATIONS ->
          spark.createDataFrame(List.of(RowFactory.create("image", ID, "pope")), table.schema());
      case CONTRADICTIONS ->
          spark.createDataFrame(
              List.of(RowFactory.create(ID, "reversed", "f".repeat(64))), table.schema());
      case SELECTIONS ->
          spark.createDataFrame(
              List.of(RowFactory.create(ID, null, null, 0.5, 2.0)), table.schema());
      case PREFERENCE_PAIRS ->
          rows(CandidatePair.CODEC, pair("A boat.", null))
              .drop("failed_gates", "drop_reason", "drop_detail");
      case RUNS -> rows(Run.CODEC, run());
    };
  }

  private static <T extends Record> Dataset<Row> rows(RecordCodec<T> codec, T row) {
    return spark.createDataFrame(List.of(codec.toRow(row)), codec.schema());
  }

  @Test
  void anUnknownTableIsRefusedWithTheKnownOnes() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Table.named("pear"));
    assertTrue(e.getMessage().contains("'pear'"));
    assertTrue(e.getMessage().contains("preference_pairs"));
  }

  @Test
  void detailsAreCutAndEscaped() {
    QuarantinedRow row =
        QuarantinedRow.bad("s", "a#1", "broken-json", "x\u0000\n\uD800" + "y".repeat(600), null);
    assertTrue(row.detail().startsWith("x\\u0000\\u000a\\ud800y"), row.detail());
    assertFalse(row.detail().length() > 500);
  }

  private static Image image() {
    return new Image(ID, "file:/a.tar", 512, 100, "png", 64, 64, "demo", ID, ID);
  }

  private static Sample sample() {
    List<Turn> context =
        List.of(new Turn("user", "Hi"), new Turn("assistant", "Hello \uD83D\uDE00"));
    return new Sample(
        ID,
        ID,
        context,
        "Describe.",
        new Condition(null, "Be brief."),
        null,
        "demo",
        "a.tar#0/1",
        "{\"k\":1}");
  }

  private static QuarantinedRow quarantined() {
    return QuarantinedRow.bad("demo", "a#1", "image-empty", "0 bytes", null);
  }

  private static Shard shard() {
    return new Shard(ID, ID, "file:/a.tar", ID, 10, 3, 1, 1, 1);
  }

  private static Response response() {
    return new Response(ID, ID, 0, "A beach.", Response.MODEL, false, null, null, provenance());
  }

  private static Embedding embedding() {
    return new Embedding(ID, Embedding.IMAGE, ID, "demo", ID, List.of(0.6f, -0.8f), null, null);
  }

  private static Run run() {
    return new Run(
        "r",
        "reject",
        "quickstart",
        ID,
        Instant.parse("2026-01-01T00:00:00Z"),
        Instant.parse("2026-01-01T00:01:00Z"),
        3,
        2,
        Map.of("identical", 1L),
        Map.of(),
        0,
        Map.of("rows-per-second", 1.5));
  }

  private static CandidatePair pair(String rejected, String dropReason) {
    return new CandidatePair(
        ID,
        ID,
        ID,
        ID,
        List.of(),
        "Where?",
        new Condition("Be exact.", null),
        "A beach.",
        rejected,
        "bdhs-attention",
        2,
        0.5,
        List.of(new Span(2, 7, 2, 6)),
        List.of(new Span(0, 1, 0, 1)),
        4,
        ID,
        0,
        CandidatePair.TEXT,
        CandidatePair.REFERENCE,
        new Judgement("claims", 0.0, -1.0, Map.of("claims", "2")),
        dropReason == null ? List.of() : List.of(dropReason),
        dropReason,
        null,
        provenance());
  }

  private static PairScore score() {
    Likelihood good = new Likelihood(-1.5, -0.1, 3, List.of(-0.5, -0.5, -0.5));
    Likelihood bad = new Likelihood(-6.5, -0.1, 3, null);
    return PairScore.of(
        ID,
        ID,
        ID,
        ID,
        good,
        bad,
        bad,
        bad,
        new Transform(Transform.ABSENT, Map.of(), ID, List.of()),
        false,
        0,
        new PairScore.Scorer("models/demo", ID, ID, ID, ID),
        Map.of("pairloom", "0.1"));
  }

  private static Provenance provenance() {
    return new Provenance(
        ID,
        7,
        Map.of("mask-rate", "0.99"),
        "models/demo",
        ID,
        ID,
        Map.of("temperature", "0.7"),
        new Transform("attention-mask", Map.of("rate", "0.99"), ID, List.of(3, 9)),
        null,
        null,
        Map.of("pairloom", "0.1"));
  }

  private <T extends Record> void assertRoundTrip(Table table, RecordCodec<T> codec, T row) {
    create(table);
    Dataset<Row> rows =
        spark
            .createDataFrame(List.of(codec.toRow(row)), codec.schema())
            .map(
                (org.apache.spark.api.java.function.MapFunction<Row, Row>)
                    r -> codecOf(table).toRow(codecOf(table).fromRow(r)),
                Encoders.row(codec.schema()));
    rows.write().format("delta").mode("append").save(path(table));
    List<Row> kept = spark.read().format("delta").load(path(table)).collectAsList();
    assertFalse(kept.isEmpty());
    kept.forEach(one -> assertEquals(row, codec.fromRow(one)));
  }

  @SuppressWarnings("unchecked")
  private static RecordCodec<Record> codecOf(Table table) {
    RecordCodec<? extends Record> codec =
        switch (table) {
          case IMAGES -> Image.CODEC;
          case SAMPLES -> Sample.CODEC;
          case QUARANTINE -> QuarantinedRow.CODEC;
          case SHARDS -> Shard.CODEC;
          case RESPONSES -> Response.CODEC;
          case EMBEDDINGS -> Embedding.CODEC;
          case PAIRS -> CandidatePair.CODEC;
          case SCORES -> PairScore.CODEC;
          case RUNS -> Run.CODEC;
          case SIGNATURES,
              DUPLICATES,
              CONTAMINATIONS,
              CONTRADICTIONS,
              SELECTIONS,
              PREFERENCE_PAIRS ->
              throw new IllegalArgumentException(table + " is written by SQL alone");
        };
    return (RecordCodec<Record>) codec;
  }

  private void create(Table table) {
    // Two tests of one table wait for each other here, and no others.
    synchronized (table) {
      if (CREATED.add(table)) {
        spark.sql(table.createStatement("delta.`" + path(table) + "`"));
      }
    }
  }

  private String path(Table table) {
    return warehouse.resolve(table.tableName()).toString();
  }

  private static String deepMessage(Throwable e) {
    return e == null ? "" : e.getMessage() + " | " + deepMessage(e.getCause());
  }
}

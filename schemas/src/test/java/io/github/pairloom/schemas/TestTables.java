package io.github.pairloom.schemas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TestTables {
  private static final String ID = "0123456789abcdef".repeat(4);
  private static SparkSession spark;

  @TempDir Path warehouse;

  @BeforeAll
  static void startSpark() {
    spark =
        SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.databricks.delta.snapshotPartitions", "1")
            .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
            .config(
                "spark.sql.catalog.spark_catalog",
                "org.apache.spark.sql.delta.catalog.DeltaCatalog")
            .getOrCreate();
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
      assertEquals(field.dataType().sql(), created.schema().apply(field.name()).dataType().sql());
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
    assertRoundTrip(
        Table.IMAGES, Image.CODEC, new Image(ID, "file:/a.tar", 512, 100, "png", 64, 64, "demo"));
    List<Turn> context =
        List.of(new Turn("user", "Hi"), new Turn("assistant", "Hello \uD83D\uDE00"));
    assertRoundTrip(
        Table.SAMPLES,
        Sample.CODEC,
        new Sample(ID, ID, context, "Describe.", null, "demo", "a.tar#0/1", "{\"k\":1}"));
    assertRoundTrip(
        Table.QUARANTINE,
        QuarantinedRow.CODEC,
        QuarantinedRow.bad("demo", "a#1", "image-empty", "0 bytes", null));
    assertRoundTrip(
        Table.SHARDS, Shard.CODEC, new Shard(ID, ID, "file:/a.tar", ID, 10, 3, 1, 1, 1));
    assertRoundTrip(
        Table.RESPONSES,
        Response.CODEC,
        new Response(ID, ID, 0, "A beach.", Response.MODEL, false, null, null, provenance()));
    assertRoundTrip(Table.PAIRS, CandidatePair.CODEC, pair("A boat.", null));
    assertRoundTrip(
        Table.RUNS,
        Run.CODEC,
        new Run(
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
            Map.of("rows-per-second", 1.5)));
  }

  @Test
  void deltaRefusesRowsThatBreakAConstraint() {
    create(Table.PREFERENCE_PAIRS);
    CandidatePair same = pair("A beach.", "identical");
    Dataset<Row> rows =
        spark
            .createDataFrame(List.of(CandidatePair.CODEC.toRow(same)), CandidatePair.CODEC.schema())
            .drop("drop_reason", "drop_detail");
    Exception e =
        assertThrows(
            Exception.class,
            () -> rows.write().format("delta").mode("append").save(path(Table.PREFERENCE_PAIRS)));
    assertTrue(deepMessage(e).contains("sides_differ"), () -> deepMessage(e));
  }

  @Test
  void deltaRefusesNullsWhereAColumnIsNotNull() {
    create(Table.SELECTIONS);
    Exception e =
        assertThrows(
            Exception.class,
            () ->
                spark.sql(
                    "INSERT INTO delta.`"
                        + path(Table.SELECTIONS)
                        + "` VALUES (NULL, NULL, NULL)"));
    assertTrue(deepMessage(e).contains("pair_id"), () -> deepMessage(e));
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

  private static CandidatePair pair(String rejected, String dropReason) {
    return new CandidatePair(
        ID,
        ID,
        ID,
        ID,
        List.of(),
        "Where?",
        "A beach.",
        rejected,
        "bdhs-attention",
        2,
        0.5,
        List.of(new Span(2, 7, 2, 6)),
        dropReason,
        null,
        provenance());
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
    assertEquals(
        row, codec.fromRow(spark.read().format("delta").load(path(table)).collectAsList().get(0)));
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
          case PAIRS -> CandidatePair.CODEC;
          case RUNS -> Run.CODEC;
          case SELECTIONS, PREFERENCE_PAIRS ->
              throw new IllegalArgumentException(table + " is written by SQL alone");
        };
    return (RecordCodec<Record>) codec;
  }

  private void create(Table table) {
    spark.sql(table.createStatement("delta.`" + path(table) + "`"));
  }

  private String path(Table table) {
    return warehouse.resolve(table.tableName()).toString();
  }

  private static String deepMessage(Throwable e) {
    return e == null ? "" : e.getMessage() + " | " + deepMessage(e.getCause());
  }
}

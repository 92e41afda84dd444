package io.github.pairloom.udfs.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PerceptualHash;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The SQL functions from SQL, and the transformers, which must say the same. */
class TestSparkFunctions {
  private static final String MODEL = DemoFiles.model().path();
  private static final String BDHS_OPTIONS =
      "map('mask-rate', 0.9, 'max-new-tokens', 60, 'seed', 11)";

  @TempDir static Path folder;
  private static SparkSession spark;
  private static List<Scene> scenes;

  @BeforeAll
  static void start() {
    spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.extensions", PairloomExtensions.class.getName())
            .getOrCreate();
    spark.sparkContext().setLogLevel("OFF");
    scenes = DemoFiles.scenes(5);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < scenes.size(); i++) {
      Scene scene = scenes.get(i);
      rows.add(
          RowFactory.create(i, ImageEdits.toPng(scene.image()), scene.prompt(), scene.response()));
    }
    rows.add(RowFactory.create(5, new byte[] {1, 2, 3}, "What is it?", "Nothing."));
    rows.add(RowFactory.create(6, null, "What is it?", "Nothing."));
    Dataset<Row> table =
        spark.createDataFrame(
            rows, StructType.fromDDL("id INT, image BINARY, prompt STRING, chosen STRING"));
    table.repartition(2).cache().createOrReplaceTempView("scenes");
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static List<Row> sql(String select) {
    return spark.sql(select.replace("MODEL", "'" + MODEL + "'")).collectAsList();
  }

  @Test
  void textsAreComparedSplitAndTheirChangesFound() {
    Row row =
        sql("SELECT sentence_similarity('A red cup.', 'A red cup.') AS same,"
                + " sentence_similarity(chosen, 'A man reads.', 'minilm') AS other,"
                + " split_sentences('A cup. A cat.') AS sentences,"
                + " change_spans('A red cup.', 'A blue cup.') AS spans,"
                + " sentence_similarity(chosen, CAST(NULL AS STRING)) AS none"
                + " FROM scenes WHERE id = 0")
            .get(0);
    assertEquals(1, row.<Double>getAs("same"), 1e-6);
    assertTrue(row.<Double>getAs("other") < 0.6, row::toString);
    assertEquals(List.of("A cup.", " A cat."), row.getList(2));
    Row span = row.<Row>getList(3).get(0);
    assertEquals(RowFactory.create(2, 5, 2, 6), span);
    assertTrue(row.isNullAt(4));
  }

  @Test
  void imagesAreNoisedAndWhatIsNoImageGivesNull() {
    List<Row> rows =
        sql(
            "SELECT id, image_noise(image, 500, 3), image_noise(image, 0), image_phash(image)"
                + " FROM scenes ORDER BY id");
    ImageDecoder decoder = new ImageDecoder(ImageLimits.DEFAULTS);
    for (int i = 0; i < scenes.size(); i++) {
      RgbImage scene = scenes.get(i).image();
      // Of its own, whatever the other rows are.
      KeyedRandom noise = KeyedRandom.of(3).with("noise").with(scene.sha256());
      assertEquals(
          ImageEdits.noise(scene, 500, noise), decoder.decode((byte[]) rows.get(i).get(1)).image());
      assertEquals(PerceptualHash.toHex(PerceptualHash.of(scene)), rows.get(i).get(3));
      assertEquals(scene, decoder.decode((byte[]) rows.get(i).get(2)).image());
    }
    assertTrue(rows.get(5).isNullAt(1) && rows.get(5).isNullAt(3), "three bytes");
    assertTrue(rows.get(6).isNullAt(1), "NULL");
  }

  @Test
  void aModelIsAskedInSqlAndByTransformersAlike() {
    long loads = ExecutorModels.loads();
    List<Row> bySql =
        sql(
            "SELECT id, generate_response(MODEL, image, prompt,"
                + " map('temperature', 0, 'max-new-tokens', 60)) AS response,"
                + " score_response(MODEL, image, prompt, chosen) AS score,"
                + " score_response(MODEL, image, prompt, chosen, map('blind', 'true')) AS blind,"
                + " bdhs_reject(MODEL, image, prompt, chosen, "
                + BDHS_OPTIONS
                + ") AS rejection FROM scenes ORDER BY id");
    assertTrue(ExecutorModels.loads() <= loads + 1, "one model for all functions and tasks");

    Pipeline pipeline =
        new Pipeline()
            .setStages(
                new PipelineStage[] {
                  new ResponseGenerator()
                      .setModel(MODEL)
                      .setThreads(1)
                      .setTemperature(0)
                      .setMaxNewTokens(60),
                  new ResponseScorer().setModel(MODEL).setThreads(1).setResponseCol("chosen"),
                  new ResponseScorer()
                      .setModel(MODEL)
                      .setThreads(1)
                      .setResponseCol("chosen")
                      .setBlind(true)
                      .setOutputCol("blind"),
                  new BdhsRejector()
                      .setModel(MODEL)
                      .setThreads(1)
                      .setMaskRate(0.9)
                      .setMaxNewTokens(60)
                      .setSeed(11)
                });
    Dataset<Row> table = spark.table("scenes");
    List<Row> byTransformers =
        pipeline
            .fit(table)
            .transform(table)
            .orderBy("id")
            .select("id", "response", "score", "blind", "rejection")
            .collectAsList();

    assertEquals(byTransformers, bySql);
    for (int i = 0; i < scenes.size(); i++) {
      Row row = bySql.get(i);
      Row score = row.getStruct(2);
      assertTrue(score.<Double>getAs("log_prob") > row.getStruct(3).<Double>getAs("log_prob"));
      assertFalse(row.getStruct(1).<String>getAs("text").isBlank());
      Row rejection = row.getStruct(4);
      assertNotEquals(scenes.get(i).response(), rejection.getAs("rejected"));
      assertEquals("attention-mask", rejection.getStruct(4).getString(0));
      assertNull(rejection.getAs("error"));
    }
    for (int column = 1; column <= 4; column++) {
      String error = bySql.get(5).getStruct(column).getAs("error");
      assertTrue(error.startsWith("image-"), error);
      assertTrue(bySql.get(6).isNullAt(column), "no image, no answer");
    }
  }

  @Test
  void wrongCallsAreRefusedWithWhatWouldBeRight() {
    assertTrue(
        refusal("SELECT bdhs_reject(MODEL, image) FROM scenes")
            .contains("bdhs_reject(model, image, prompt, chosen[, options])"));
    String unknown =
        refusal(
            "SELECT generate_response(MODEL, image, prompt, map('heat', 1)).text FROM scenes"
                + " WHERE id = 0");
    assertTrue(unknown.contains("heat") && unknown.contains("temperature"), unknown);
    assertTrue(
        refusal(
                "SELECT bdhs_reject(MODEL, image, prompt, chosen, map('mask-rate', 'much'))"
                    + " FROM scenes WHERE id = 0")
            .contains("Invalid option mask-rate: 'much' (must be a number)"));
    assertTrue(refusal("SELECT image_noise('text', array(1)) FROM scenes").contains("INT"));
  }

  private static String refusal(String select) {
    StringBuilder messages = new StringBuilder();
    for (Throwable e = assertThrows(Exception.class, () -> sql(select));
        e != null;
        e = e.getCause()) {
      messages.append(e.getMessage()).append('\n');
    }
    return messages.toString();
  }

  @Test
  void functionsDescribeThemselves() {
    String described =
        sql("DESCRIBE FUNCTION bdhs_reject").stream()
            .map(row -> row.getString(0))
            .toList()
            .toString();
    assertTrue(described.contains("bdhs_reject(model, image, prompt, chosen[, options])"));
  }

  @Test
  void aTransformerSurvivesBeingSavedAndChecksItsColumns() throws Exception {
    BdhsRejector rejector = new BdhsRejector().setModel(MODEL).setMaskRate(0.95).setSeed(3);
    String path = folder.resolve("rejector").toString();
    rejector.save(path);
    BdhsRejector read = BdhsRejector.load(path);
    assertEquals(rejector.uid(), read.uid());
    assertArrayEquals(rejector.params(), read.params());
    assertEquals(rejector.extractParamMap().toString(), read.extractParamMap().toString());
    Dataset<Row> table = spark.table("scenes");
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> rejector.copy(rejector.extractParamMap()).transform(table.drop("chosen")));
    assertEquals("There is no column chosen among id, image, prompt", e.getMessage());
    assertThrows(
        IllegalArgumentException.class, () -> rejector.setOutputCol("chosen").transform(table));
    assertThrows(
        IllegalArgumentException.class,
        () -> new BdhsRejector().setModel(MODEL).setImageCol("id").transform(table));
  }
}

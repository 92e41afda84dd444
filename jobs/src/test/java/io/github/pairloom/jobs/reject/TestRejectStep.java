package io.github.pairloom.jobs.reject;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.delta.tables.DeltaTable;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.TooManyBadRowsException;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.dedup.DedupStep;
import io.github.pairloom.jobs.ingest.IngestStep;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecipeReader;
import io.github.pairloom.jobs.reference.ReferenceStep;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.jobs.select.SelectStep;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Span;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.commons.io.FileUtils;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestRejectStep {
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"));
  private static final int SCENES = 6;
  private static SparkSession spark;

  @TempDir static Path folder;
  private static Recipe recipe;
  private static List<String> pairs;
  private static Warehouse warehouse;
  private static long candidates;
  private static int failuresOfReject;
  private static double loads;

  @BeforeAll
  static void makePairsInOnePartition() throws IOException {
    spark = Pairs.startSpark("local[2,2]", metrics());
    recipe = recipe();
    warehouse = Pairs.warehouse(spark, folder.resolve("one"));
    pairs = pairs(warehouse, 1);
    candidates = warehouse.read(Table.PAIRS).count();
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @Test
  void everyReferenceAndStrategyHasOneRow() {
    long responses = warehouse.read(Table.RESPONSES).count();
    assertTrue(responses > SCENES, "multi-turn scenes give several samples each");
    assertEquals(2 * responses, candidates);
    assertEquals(
        responses,
        warehouse.read(Table.PAIRS).where("strategy = 'bdhs-attention'").count(),
        "rows of one strategy");
  }

  @Test
  void aPairSaysHowItCameAboutAndWhereItsTextsDiffer() {
    List<CandidatePair> usable =
        warehouse.read(Table.PAIRS).where("drop_reason IS NULL").collectAsList().stream()
            .map(CandidatePair.CODEC::fromRow)
            .toList();
    assertFalse(usable.isEmpty());
    for (CandidatePair pair : usable) {
      assertFalse(pair.rejected().equals(pair.chosen()), pair.rejected());
      assertFalse(pair.spans().isEmpty());
      for (Span span : pair.spans()) {
        assertFalse(
            pair.chosen()
                .substring(span.chosenStart(), span.chosenEnd())
                .equals(pair.rejected().substring(span.rejectedStart(), span.rejectedEnd())),
            pair::toString);
      }
      assertTrue(pair.iteration() >= 1 && pair.iteration() <= 5);
      assertEquals(recipe.seed(), pair.provenance().seed());
    }
  }

  @Test
  void sevenPartitionsWhoseTasksFailOnceGiveTheSamePairsAsOneOfOneLoadedModel() {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    hadoop.set("fs.file.impl", FailingOnce.class.getName());
    hadoop.setBoolean("fs.file.impl.disable.cache", true);
    try {
      assertEquals(pairs, pairs(Pairs.warehouse(spark, folder.resolve("seven")), 7));
    } finally {
      hadoop.unset("fs.file.impl");
      hadoop.unset("fs.file.impl.disable.cache");
    }
    assertTrue(failuresOfReject > 0, "no task of reject failed");
    assertEquals(1, loads, "models loaded for seven partitions");
  }

  @Test
  void sparksMetricsSystemHasWhatTheModelsDid() throws IOException {
    URI page =
        URI.create(
            spark.sparkContext().uiWebUrl().get().replaceFirst("//[^:]+", "//127.0.0.1")
                + "/metrics/prometheus");
    String scraped;
    try (InputStream in = page.toURL().openStream()) {
      scraped = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    for (String figure : List.of("model_loads", "tokens_decoded", "requests", "queue_wait_nanos")) {
      assertTrue(
          Pattern.compile(
                  "^metrics_pairloom_driver_pairloom_" + figure + "_Value\\{.*\\} [1-9]",
                  Pattern.MULTILINE)
              .matcher(scraped)
              .find(),
          figure + "\n" + scraped);
    }
  }

  /** Returns the settings of conf/cluster that are about metrics, and a page to read them from. */
  private static Map<String, String> metrics() throws IOException {
    Map<String, String> settings = new HashMap<>(Map.of("spark.ui.port", "0"));
    for (String line : Files.readAllLines(ROOT.resolve("conf/cluster/standalone.conf"))) {
      if (line.startsWith("spark.metrics.")) {
        String[] parts = line.split(" +", 2);
        settings.put(parts[0], parts[1]);
      }
    }
    return settings;
  }

  @Test
  void aSecondRunMakesNothing() {
    long version = warehouse.version(Table.PAIRS);
    StepResult again = new RejectStep().run(new StepContext(spark, warehouse, recipe));
    assertEquals(0, again.read());
    assertEquals(candidates, again.alreadyDone());
    assertEquals(version, warehouse.version(Table.PAIRS));
  }

  @Test
  void anImageThatIsGoneIsAFaultOfItsRowsOnlyUntilItIsBack() throws IOException {
    Path copy = folder.resolve("images");
    Files.createDirectories(copy);
    for (int i = 0; i < SCENES; i++) {
      String name = "%06d.png".formatted(300 + i);
      Files.copy(ROOT.resolve("models/demo-data/images").resolve(name), copy.resolve(name));
    }
    Recipe moved = recipe("source.image-root=" + folder);
    Warehouse other = Pairs.warehouse(spark, folder.resolve("gone"));
    StepContext context = new StepContext(spark, other, moved);
    new IngestStep().run(context);
    new ReferenceStep().run(context);
    Files.delete(copy.resolve("000301.png"));

    StepResult result = new RejectStep().run(context);

    assertTrue(result.quarantined().get("image-missing") >= 2, result::toString);
    assertEquals(
        Map.of("image-missing", result.quarantined().get("image-missing")), result.quarantined());
    assertEquals(candidates, result.read());
    assertEquals(candidates, other.read(Table.PAIRS).count());

    new DedupStep().run(context);
    new SelectStep().run(context);
    long gone = result.quarantined().get("image-missing");
    assertEquals(gone, judged(other, "drop_reason = 'image-missing'"));
    assertEquals(0, new RejectStep().run(context).read(), "they stay dropped");

    String second = other.read(Table.IMAGES).where("uri LIKE '%000302.png'").first().getString(0);
    DeltaTable.forPath(spark, other.path(Table.PAIRS)).delete("image_id = '" + second + "'");
    long more = candidates - other.read(Table.PAIRS).count();
    Files.delete(copy.resolve("000302.png"));
    Recipe few = recipe("source.image-root=" + folder, "errors.max-rows=" + (gone + more - 1));
    TooManyBadRowsException e =
        assertThrows(
            TooManyBadRowsException.class,
            () -> new RejectStep().run(new StepContext(spark, other, few)));
    assertTrue(e.getMessage().contains("Earlier runs left " + gone + " of them"), e.getMessage());

    Recipe again =
        recipe(
            "source.image-root=" + folder, "errors.max-rows=0", "recovery.again=[image-missing]");
    Path images = ROOT.resolve("models/demo-data/images");
    Files.copy(images.resolve("000301.png"), copy.resolve("000301.png"));
    // The other is still gone, so the run is refused, and what failed before stays.
    assertThrows(
        TooManyBadRowsException.class,
        () -> new RejectStep().run(new StepContext(spark, other, again)));
    assertEquals(gone, other.read(Table.PAIRS).where("drop_reason = 'image-missing'").count());
    Files.copy(images.resolve("000302.png"), copy.resolve("000302.png"));
    StepResult mended = new RejectStep().run(new StepContext(spark, other, again));
    assertEquals(gone + more, mended.read());
    assertEquals(Map.of(), mended.quarantined());
    assertEquals(candidates, other.read(Table.PAIRS).count());
    new DedupStep().run(context);
    assertTrue(new SelectStep().pending(context).orElseThrow().amount() >= gone);
    assertTrue(new SelectStep().run(context).read() >= gone);
    assertEquals(candidates, judged(other, "true"));
    assertEquals(0, judged(other, "drop_reason = 'image-missing'"));
  }

  @Test
  void whatFailsAfterACommitCommitsNothingAgain() throws IOException {
    Path copy = folder.resolve("stuck");
    FileUtils.copyDirectory(new File(warehouse.root()), copy.toFile());
    Warehouse other = new Warehouse(spark, copy.toString());
    String image = other.read(Table.IMAGES).select("image_id").first().getString(0);
    DeltaTable.forPath(spark, other.path(Table.PAIRS)).delete("image_id = '" + image + "'");
    assertTrue(other.read(Table.PAIRS).count() < candidates);
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    hadoop.set("fs.file.impl", StuckJournal.class.getName());
    hadoop.setBoolean("fs.file.impl.disable.cache", true);
    try {
      UncheckedIOException e =
          assertThrows(
              UncheckedIOException.class,
              () -> new RejectStep().run(new StepContext(spark, other, recipe)));
      assertTrue(e.getMessage().contains("_under-way"), e.getMessage());
    } finally {
      hadoop.unset("fs.file.impl");
      hadoop.unset("fs.file.impl.disable.cache");
    }
    assertEquals(candidates, other.read(Table.PAIRS).count());
    assertEquals(0, new RejectStep().run(new StepContext(spark, other, recipe)).read());
  }

  @Test
  void pairsOfAnImageThatWasNotEmbeddedHaveThatFaultAndAreMadeOnceItHasPassed() throws IOException {
    Path copy = folder.resolve("embedded");
    FileUtils.copyDirectory(new File(warehouse.root()), copy.toFile());
    FileUtils.deleteDirectory(copy.resolve(Table.PAIRS.tableName()).toFile());
    Warehouse other = new Warehouse(spark, copy.toString());
    String similar = "reject.strategies=[{type: retrieved}]";
    StepContext context = new StepContext(spark, other, recipe(similar, "errors.max-share=1"));
    new RejectStep().run(context);
    String image = other.read(Table.SAMPLES).first().getAs("image_id");
    String ofImage = "image_id = '" + image + "'";
    long hit = other.read(Table.PAIRS).where(ofImage).count();
    DeltaTable.forPath(spark, other.path(Table.PAIRS)).delete(ofImage);
    spark.sql(
        "UPDATE delta.`%s` SET embedding = NULL, drop_reason = 'timed-out' WHERE content_id = '%s'"
            .formatted(other.path(Table.EMBEDDINGS), image));

    assertEquals(Map.of("timed-out", hit), new RejectStep().run(context).quarantined());

    Recipe again = recipe(similar, "errors.max-rows=0", "recovery.again=[timed-out]");
    StepResult mended = new RejectStep().run(new StepContext(spark, other, again));
    assertEquals(hit, mended.read());
    assertEquals(Map.of(), mended.quarantined());
  }

  private static long judged(Warehouse warehouse, String where) {
    return warehouse.read(Table.SELECTIONS).where(where).count();
  }

  @Test
  void aResponseThatCannotBeTokenisedIsAFaultOfItsPairsOnly() throws IOException {
    Path source =
        Files.writeString(
            folder.resolve("odd.json"),
            """
            [{"id": "odd", "image": "images/000300.png", "conversations": [
              {"from": "human", "value": "<image>\\nWhat is this?"},
              {"from": "gpt", "value": "A boat.</s>\\ufdd0"}]}]
            """);
    Recipe odd =
        recipe(
            "source.path=" + source,
            "reject.strategies=[{type: black}]",
            "reject.similarity.scope=sentence",
            "errors.max-share=1");
    Warehouse other = Pairs.warehouse(spark, folder.resolve("odd"));
    StepContext context = new StepContext(spark, other, odd);
    new IngestStep().run(context);
    new ReferenceStep().run(context);

    StepResult result = new RejectStep().run(context);

    assertEquals(Map.of("model-failed", 1L), result.quarantined(), result::toString);
    CandidatePair pair = CandidatePair.CODEC.fromRow(other.read(Table.PAIRS).first());
    assertEquals(CandidatePair.IMAGE, pair.rejects());
    assertTrue(pair.dropDetail().contains("U+FDD0"), pair::toString);
    assertEquals("sentence", pair.provenance().strategyParameters().get("similarity-scope"));
  }

  /** Runs every step up to select; returns candidate and selected pairs, in the order of ids. */
  private static List<String> pairs(Warehouse warehouse, int partitions) {
    String setting = "spark.sql.shuffle.partitions";
    String before = spark.conf().get(setting);
    spark.conf().set(setting, partitions);
    try {
      StepContext context = new StepContext(spark, warehouse, recipe);
      for (Step step :
          List.of(
              new IngestStep(),
              new ReferenceStep(),
              new RejectStep(),
              new DedupStep(),
              new SelectStep())) {
        FailingOnce.FAILURES.set(0);
        ExecutorModels.closeAll();
        StepResult result = step.run(context);
        if (step instanceof RejectStep) {
          failuresOfReject = FailingOnce.FAILURES.get();
          loads = result.metrics().get("model-loads");
        }
      }
    } finally {
      spark.conf().set(setting, before);
    }
    List<String> selected =
        warehouse.read(Table.PREFERENCE_PAIRS).orderBy("pair_id").toJSON().collectAsList();
    assertFalse(selected.isEmpty());
    List<String> rows =
        new ArrayList<>(warehouse.read(Table.PAIRS).orderBy("pair_id").toJSON().collectAsList());
    rows.addAll(selected);
    return rows;
  }

  private static Recipe recipe(String... overrides) throws IOException {
    ObjectMapper json = new ObjectMapper();
    Path data = ROOT.resolve("models/demo-data");
    JsonNode scenes = json.readTree(data.resolve("llava_instruct.json").toFile());
    ArrayNode few = json.createArrayNode();
    for (int i = 0; i < SCENES; i++) {
      few.add(scenes.get(i));
    }
    Path source = folder.resolve("scenes.json");
    json.writeValue(source.toFile(), few);
    Path file =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            """
            name: test
            source:
              name: scenes
              format: llava
              path: "%s"
              image-root: "%s"
            model:
              path: "%s"
            reject:
              strategies:
                - type: bdhs-attention
                - type: bdhs-noise
            """
                .formatted(source, data, ROOT.resolve("models/demo")));
    return RecipeReader.read(file, List.of(overrides));
  }
}

package io.github.pairloom.jobs.dedup;

import static io.github.pairloom.jobs.select.Pairs.id;
import static io.github.pairloom.jobs.select.Pairs.pair;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.DedupSettings;
import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecoverySettings;
import io.github.pairloom.jobs.recipe.RejectSettings;
import io.github.pairloom.jobs.recipe.RemoteSettings;
import io.github.pairloom.jobs.recipe.SemanticDedup;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.jobs.select.SelectStep;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Condition;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.dedup.ImageDedup;
import io.github.pairloom.udfs.dedup.Jaccard;
import io.github.pairloom.udfs.dedup.Shingles;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.dedup.TextSigner;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.commons.io.FileUtils;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestDedupStep {
  private static final long SEED = Long.getLong("tests.seed", 2407);
  private static final String RERUN = "rerun with -Dtests.seed=" + SEED;
  private static final double THRESHOLD = 0.7;

  private static SparkSession spark;

  @TempDir Path folder;
  private Warehouse warehouse;

  @BeforeAll
  static void startSpark() {
    spark = Pairs.startSpark();
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @BeforeEach
  void openWarehouse() {
    warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
  }

  @Test
  void allThatAreAlikeAreFoundAndBatchesFindThemAsOneRunDoes() {
    List<CandidatePair> pairs = planted(300);
    append(pairs);
    StepResult result = dedup(settings(THRESHOLD));
    Map<String, String> full = labels();

    assertEquals(pairs.size(), result.read());
    assertEquals(
        result.dropped().get("duplicate-pair"),
        full.values().stream().filter(label -> !label.startsWith("kept")).count());
    // At this size MinHash misses next to nothing; what it finds must all be true.
    assertEquals(clusters(pairs), clustersOf(full), RERUN);

    long version = warehouse.version(Table.DUPLICATES);
    StepResult again = dedup(settings(THRESHOLD));
    assertEquals(new StepResult(0, 0, Map.of(), Map.of(), pairs.size(), Map.of()), again);
    assertEquals(version, warehouse.version(Table.DUPLICATES));

    warehouse = Pairs.warehouse(spark, folder.resolve("daily"));
    int batches = 3;
    for (int batch = 0; batch < batches; batch++) {
      if (batch == batches - 1) {
        // What is new is then told by ids: this commit did more than add rows.
        spark.sql(
            "ALTER TABLE delta.`%s` SET TBLPROPERTIES ('of' = 'a user')"
                .formatted(warehouse.path(Table.PAIRS)));
      }
      append(pairs.subList(batch * pairs.size() / batches, (batch + 1) * pairs.size() / batches));
      StepResult day = dedup(settings(THRESHOLD));
      assertEquals(pairs.size() / batches, day.read());
    }
    assertEquals(full, labels(), RERUN);
  }

  @Test
  void setsOfManyNewRowsAreInPartitionsOfTheirSize() {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Dataset<Row> none =
        spark.createDataFrame(List.of(), StructType.fromDDL("pair_id STRING, signature BINARY"));
    TextDuplicates duplicates = new TextDuplicates(context, settings(1));
    try {
      // Equal rows are in as many partitions as those that are alike.
      assertEquals(
          2 * 64,
          duplicates
              .edges(context.emptyRDD(), Blocks.PARTITION_RECORDS, none, 0, none)
              .getNumPartitions());
    } finally {
      duplicates.release();
    }
  }

  @Test
  void rowsOfEqualContentAreOneClusterHoweverManyTasksReadThem() {
    long[] signature = new TextSigner(settings(1)).sign(1, "Where?", "Yes.", "No.");
    byte[] packed = Blocks.bytes(signature, signature.length);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      rows.add(RowFactory.create(id("r" + i), packed));
    }
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Dataset<Row> none =
        spark.createDataFrame(List.of(), StructType.fromDDL("pair_id STRING, signature BINARY"));
    TextDuplicates duplicates = new TextDuplicates(context, settings(1));
    try {
      Components components = new Components();
      duplicates
          .edges(context.parallelize(rows, 4), rows.size(), none, 0, none)
          .collect()
          .forEach(components::joinAll);
      assertEquals(rows.size(), components.size());
      assertEquals(1, components.count());
    } finally {
      duplicates.release();
    }
  }

  @Test
  void otherImagesAndContextsAreNotComparedUnlessTheRecipeSaysSo() {
    Pairs.add(
        warehouse,
        Pairs.ofImage("noise", "noise", id("noisy")),
        Pairs.ofImage("crop", "crop", id("cropped")),
        Pairs.ofImage("again", "noise", id("noisy")),
        pair("a", "A boat.", "s", 1),
        pair("b", id("other"), "Where?", "A beach.", "A boat.", "s", 1),
        Pairs.withContext(pair("c", "A boat.", "s", 1), "Who?"),
        pair("d", "a boat", "s", 2),
        Pairs.dropped("e", "identical"));
    StepResult near = dedup(settings(1));
    assertEquals(Map.of("duplicate-pair", 2L), near.dropped());
    assertEquals(7, near.read());
    assertEquals(id("a"), kept().get(id("d")));
    assertEquals(
        Set.of(id("a"), id("d"), id("noise"), id("again")),
        kept().keySet(),
        "pairs of images are the same only if the images are");

    StepResult all =
        dedup(
            new TextDedup(
                List.of("chosen", "rejected"), List.of(), TextDedup.Unit.WORD, 3, true, 1, 0.9));
    assertEquals(7, all.read(), "other settings compare all pairs again");
    assertEquals(4, all.dropped().get("duplicate-pair"));
    assertEquals(7, warehouse.read(Table.SIGNATURES).count());
  }

  @Test
  void pairsOfAnImagesCopiesAreComparedAsThoseOfTheOneThatIsKeptAlsoInAnOlderTable()
      throws IOException {
    String duplicates = warehouse.path(Table.DUPLICATES);
    FileUtils.deleteDirectory(new File(duplicates));
    String older = Table.DUPLICATES.createStatement("delta.`" + duplicates + "`");
    assertTrue(older.contains("PARTITIONED BY (kind)"), older);
    spark.sql(older.replace("PARTITIONED BY (kind)", ""));
    Pairs.add(
        warehouse,
        pair("a", id("image"), "Where?", "A beach.", "A boat.", "s", 1),
        pair("b", id("copy"), "Where?", "A beach.", "A boat.", "s", 1));
    assertEquals(Map.of(), dedup(settings(1)).dropped());
    addCopy();
    StepResult result = dedup(settings(1));
    assertEquals(1, result.read(), "only the copy's pair is another one now");
    assertEquals(1, kept().values().stream().filter("kept"::equals).count());
    assertEquals(2, kept().size());
    assertEquals(2, warehouse.read(Table.SIGNATURES).count());
    assertEquals(1, warehouse.read(Table.DUPLICATES).where("kind = 'image'").count());

    removeImageLabels();
    dedup(settings(1));
    assertEquals(Map.of(), kept(), "it is no copy any more");
  }

  @Test
  void aTextChosenHereAndRejectedThereIsAContradictionUnderTheSameConditionOnly() {
    CandidatePair reverse = pair("b", id("image"), "Where?", "A  boat. ", "A beach.", "s", 1);
    CandidatePair refused = pair("g", id("image"), "Where?", "A cup.", "A dog.", "s", 1);
    Pairs.add(
        warehouse,
        pair("a", "A boat.", "s", 1),
        reverse,
        pair("c", id("image"), "Where?", "A cat.", "A beach.", "s", 1),
        pair("d", id("image"), "Where?", "A dog.", "A cup.", "s", 1),
        Pairs.withCondition(
            pair("e", id("image"), "Where?", "A cup.", "A dog.", "s", 1),
            new Condition(null, "Be brief.")),
        pair("f", id("image"), "Who?", "A cup.", "A dog.", "s", 1),
        refused);
    Pairs.addScore(warehouse, refused, -9, -1);

    StepResult result = dedup(settings(1));

    assertEquals(
        new TreeMap<>(
            Map.of(
                id("a"), "reversed " + id("b"),
                id("b"), "reversed " + id("a"),
                id("c"), "mixed " + id("a"))),
        contradictions());
    assertEquals(3.0, result.metrics().get("contradictory-pairs"));
  }

  @Test
  void textsThatMeanTheSameAreDuplicatesAndTheOtherWayRoundContradictions() throws IOException {
    String rides = "A man is riding a brown horse on the beach.";
    String sleeps = "A dog sleeps on the sofa.";
    CandidatePair later =
        pair(
            "b",
            id("image"),
            "Where?",
            "A man rides a brown horse along the beach.",
            "A dog is sleeping on the sofa.",
            "s",
            2);
    Pairs.add(
        warehouse,
        pair("a", id("image"), "Where?", rides, sleeps, "s", 1),
        pair("c", id("image"), "Where?", "Two women drink coffee.", "A red car.", "s", 1),
        pair("d", id("other"), "Where?", later.chosen(), later.rejected(), "s", 1),
        pair(
            "e",
            id("image"),
            "Where?",
            "A dog is asleep on a sofa.",
            "A man rides a brown horse on a beach.",
            "s",
            1),
        pair("f", id("image"), "Where?", "A dog is asleep on a sofa.", "Fruit.", "s", 1));
    SemanticDedup semantic = new SemanticDedup(0.9);

    StepResult first = dedup(settings(1), semantic);

    // The question and seven texts; of the other image there is one pair.
    assertEquals(8.0, first.metrics().get("texts-embedded"));
    assertEquals(Map.of(), kept());
    Pairs.add(warehouse, later);
    StepResult second = dedup(settings(1), semantic);
    assertEquals(1, second.read());
    assertEquals(2.0, second.metrics().get("texts-embedded"));
    assertEquals(Map.of(id("a"), "kept", id("b"), id("a")), kept());

    String smallest = id("a").compareTo(id("b")) < 0 ? id("a") : id("b");
    assertEquals(
        new TreeMap<>(
            Map.of(
                id("a"), "near-reversed " + id("e"),
                id("b"), "near-reversed " + id("e"),
                id("e"), "near-reversed " + smallest,
                id("f"), "near-mixed " + smallest)),
        contradictions());

    new SelectStep().run(Pairs.context(spark, warehouse, new ExportSettings(List.of(), "", 0)));
    Map<String, String> reasons = new TreeMap<>();
    for (Row row : warehouse.read(Table.SELECTIONS).collectAsList()) {
      reasons.put(row.getString(0), String.valueOf(row.getString(1)));
    }
    assertEquals(
        new TreeMap<>(
            Map.of(
                id("a"), "contradiction",
                id("b"), "contradiction",
                id("c"), "null",
                id("d"), "null",
                id("e"), "contradiction",
                id("f"), "null")),
        reasons);

    assertEquals(6, dedup(settings(1), semantic, anotherModelOfMeaning()).read(), "all anew");
  }

  private RejectSettings anotherModelOfMeaning() throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    for (String file : List.of("model.onnx", "tokenizer.json")) {
      String resource = file.replace("model", "").replace("tokenizer", "-tokenizer");
      try (InputStream in =
          SentenceEmbedder.class.getResourceAsStream("/all-minilm-l6-v2-q" + resource)) {
        Files.copy(in, model.resolve(file));
      }
    }
    Files.writeString(model.resolve("weights"), "others");
    return new RejectSettings(
        Pairs.REJECT.strategies(),
        1,
        new SimilaritySettings(model.toString(), SimilaritySettings.Scope.RESPONSE),
        Pairs.REJECT.segments(),
        null);
  }

  @Test
  void aLargeGroupIsComparedWithinItsClustersHoweverItIsPartitioned() {
    Random random = new Random(SEED);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      float[] vector = new float[16];
      double squares = 0;
      for (int j = 0; j < vector.length; j++) {
        vector[j] = (float) ((j == i % 4 ? 1 : 0) + 0.01 * random.nextDouble());
        squares += vector[j] * vector[j];
      }
      Float[] unit = new Float[vector.length];
      for (int j = 0; j < vector.length; j++) {
        unit[j] = (float) (vector[j] / Math.sqrt(squares));
      }
      rows.add(RowFactory.create(1L, 60L, i, true, id("t" + i), unit, unit, unit));
    }
    Dataset<Row> group =
        spark
            .createDataFrame(
                rows,
                StructType.fromDDL(
                    "group BIGINT, size BIGINT, number INT, fresh BOOLEAN, chosen STRING,"
                        + " prompt_vector ARRAY<FLOAT>, chosen_vector ARRAY<FLOAT>,"
                        + " rejected_vector ARRAY<FLOAT>"))
            .withColumn("pair_id", functions.col("number").cast("string"));
    Set<String> found = alike(group.repartition(1), 30);
    assertEquals(found, alike(group.repartition(7), 30), RERUN);
    Set<String> exact = alike(group, 60);
    assertEquals(4 * 15 * 14 / 2, exact.size(), "each of four topics, all with all");
    assertTrue(exact.containsAll(found), RERUN);
    assertTrue(found.size() >= exact.size() / 2, found.size() + ", " + RERUN);
  }

  private static Set<String> alike(Dataset<Row> group, int most) {
    return SemanticPairs.compared(group, 60, 0.95, most, SEED).collectAsList().stream()
        .filter(row -> row.getString(2).equals("duplicate"))
        .map(row -> row.getString(0) + " " + row.getString(1))
        .collect(Collectors.toSet());
  }

  private Map<String, String> contradictions() {
    Map<String, String> found = new TreeMap<>();
    for (Row row : warehouse.read(Table.CONTRADICTIONS).collectAsList()) {
      found.put(row.getString(0), row.getString(1) + " " + row.getString(2));
    }
    return found;
  }

  @Test
  void keptIsWhatTrainersMayHaveSeenAndNothingUnwantedInPlaceOfAGoodOne() {
    // A folder whose name Spark would take for a pattern.
    warehouse = Pairs.warehouse(spark, folder.resolve("run[1]"));
    CandidatePair refused = pair("a", "A boat.", "s", 1);
    CandidatePair refusedLater = pair("c", "A dog.", "s", 1);
    CandidatePair seen = pair("f", "A cat.", "s", 3);
    Pairs.add(
        warehouse,
        refused,
        refusedLater,
        pair("d", "A dog.", "s", 2),
        pair("e", "A cat.", "s", 1),
        seen,
        pair("g", "A car.", "s", 1),
        pair("h", "A car.", "s", 2),
        pair("i", "A tree.", "s", 1),
        pair("j", "A tree.", "s", 2),
        pair("k", "A bus.", "s", 1),
        pair("l", "A bus.", "s", 1),
        pair("m", "A bus.", "s", 2),
        pair("n", id("image"), "Who?", "A girl.", "A boy.", "s", 1),
        pair("o", id("image"), "Who?", "A girl.", "a boy", "s", 2),
        pair("p", id("image"), "Who?", "A boy.", "A girl.", "s", 1));
    Pairs.addScore(warehouse, refused, -9, -1);
    Pairs.addKept(spark, warehouse, List.of(seen));
    warehouse.append(
        Table.SELECTIONS,
        spark.createDataFrame(
            List.of(
                RowFactory.create(id("g"), "contaminated-prompt", null, null, null),
                RowFactory.create(id("i"), "over-budget", null, null, null),
                RowFactory.create(id("k"), "contradiction", null, null, null),
                RowFactory.create(id("l"), "duplicate-pair", id("k"), null, null)),
            Table.SELECTIONS.schema()));
    dedup(settings(1));
    Map<String, String> expected = new TreeMap<>();
    keep(expected, "c", "d");
    keep(expected, "f", "e");
    keep(expected, "h", "g");
    // For a budget one of them is as good as the other.
    keep(expected, "i", "j");
    // What was dropped in the place of such a pair stays dropped.
    keep(expected, "m", "k");
    keep(expected, "m", "l");
    // The one that this run has found to contradict another is to be dropped.
    keep(expected, "o", "n");
    assertEquals(expected, kept());

    Pairs.addScore(warehouse, refusedLater, -9, -1);
    assertEquals(0, dedup(settings(1)).read());
    keep(expected, "d", "c");
    assertEquals(expected, kept());

    Pairs.add(warehouse, pair("b", "A boat.", "s", 2));
    assertEquals(1, dedup(settings(1)).read());
    keep(expected, "b", "a");
    assertEquals(expected, kept());
  }

  private static void keep(Map<String, String> kept, String one, String inPlaceOf) {
    kept.put(id(one), "kept");
    kept.put(id(inPlaceOf), id(one));
  }

  @Test
  void pairsAreComparedAnewWhereSignaturesLabelsOrTheTableAreNotThoseOfTheLastRun()
      throws IOException {
    Pairs.add(warehouse, pair("a", "A boat.", "s", 2), pair("b", "A boat.", "s", 1));
    dedup(settings(1));
    Map<String, String> before = labels();
    // As a run leaves it that died before its signatures were written.
    spark.sql("DELETE FROM delta.`" + warehouse.path(Table.SIGNATURES) + "`");
    assertEquals(2, dedup(settings(1)).read());
    assertEquals(before, labels());
    assertEquals(2, warehouse.read(Table.SIGNATURES).count());

    Pairs.add(warehouse, pair("c", "A boat.", "s", 3));
    assertEquals(1, dedup(settings(1)).read());
    // Of an earlier run than the last one.
    spark.sql(
        "DELETE FROM delta.`"
            + warehouse.path(Table.SIGNATURES)
            + "` WHERE pair_id = '"
            + Pairs.id("a")
            + "'");
    before = labels();
    assertEquals(1, dedup(settings(1)).read());
    assertEquals(before, labels());
    assertEquals(3, warehouse.read(Table.SIGNATURES).count());

    FileUtils.deleteDirectory(new File(warehouse.path(Table.DUPLICATES)));
    warehouse = new Warehouse(spark, warehouse.root());
    assertEquals(3, dedup(settings(1)).read());
    assertEquals(before, labels());

    // With another text under an id that is signed.
    FileUtils.deleteDirectory(new File(warehouse.path(Table.PAIRS)));
    warehouse = new Warehouse(spark, warehouse.root());
    Pairs.add(warehouse, pair("a", "A boat.", "s", 2), pair("b", "A dog.", "s", 1));
    assertEquals(2, dedup(settings(1)).read());
    assertEquals(Map.of(), kept());
    assertEquals(2, warehouse.read(Table.SIGNATURES).count());
  }

  @Test
  void ofTwoRunsThatReplaceTheLabelsTheyReadTheSecondStops() {
    Warehouse late = new Warehouse(spark, warehouse.root());
    late.latest(Table.DUPLICATES);
    Pairs.add(warehouse, pair("a", "A boat.", "s", 1), pair("b", "A boat.", "s", 2));
    dedup(settings(1));
    Map<String, String> before = labels();
    Dataset<Row> found = warehouse.latest(Table.DUPLICATES);
    Dataset<Row> none = found.limit(0);
    // It goes on with what it read.
    assertTrue(late.readAsSeen(Table.DUPLICATES).isEmpty());

    JobException e =
        assertThrows(
            JobException.class, () -> late.replace(Table.DUPLICATES, "kind = 'pair'", none));

    assertTrue(
        e.getMessage().startsWith("Another run has added to table duplicates"), e.getMessage());
    assertEquals(before, labels());
    // What it has read by now it may replace, and its own rows, too.
    late.latest(Table.DUPLICATES);
    late.replace(Table.DUPLICATES, "kind = 'pair'", none);
    assertEquals(Map.of(), labels());
    late.replace(Table.DUPLICATES, "kind = 'pair'", found);
    assertEquals(before, labels());
  }

  @Test
  void labelsOfOtherSettingsWhoseRunDiedAreNotTakenForTheirs() {
    Pairs.add(
        warehouse, pair("a", "A big old boat.", "s", 1), pair("b", "A big old boat here.", "s", 1));
    dedup(settings(1));
    assertEquals(Map.of(), kept());
    String signatures = "ALTER TABLE delta.`" + warehouse.path(Table.SIGNATURES) + "` ";
    String settings = warehouse.read(Table.SIGNATURES).first().getAs("settings_id");
    // Of other settings no row can be written: the run dies there, after it has written its labels.
    spark.sql(signatures + "ADD CONSTRAINT own CHECK (settings_id = '" + settings + "')");
    assertThrows(Exception.class, () -> dedup(settings(0.5)));
    spark.sql(signatures + "DROP CONSTRAINT own");
    assertEquals(2, kept().size());
    assertEquals(2, dedup(settings(1)).read());
    assertEquals(Map.of(), kept());
  }

  @Test
  void aPairWhoseDuplicateIsRemovedTogetherWithItsImageIsNoDuplicateAnyMore() {
    addCopy();
    Pairs.add(
        warehouse,
        pair("a", "A boat.", "s", 2),
        pair("b", id("copy"), "Where?", "A beach.", "A boat.", "s", 1));
    dedup(settings(1));
    assertEquals(Map.of(id("b"), "kept", id("a"), id("b")), kept());
    spark.sql(
        "DELETE FROM delta.`%s` WHERE pair_id = '%s'"
            .formatted(warehouse.path(Table.PAIRS), id("b")));
    removeImageLabels();
    dedup(settings(1));
    assertEquals(Map.of(), kept());
    Pairs.add(warehouse, pair("c", "A dog.", "s", 1));
    assertEquals(1, dedup(settings(1)).read());
    assertEquals(2, warehouse.read(Table.SIGNATURES).count());
  }

  private void addCopy() {
    spark.sql(
        "INSERT INTO delta.`%s` VALUES ('image', '%s', '%s', '%s', 1.0)"
            .formatted(warehouse.path(Table.DUPLICATES), id("copy"), id("copy"), id("image")));
  }

  private void removeImageLabels() {
    spark.sql(
        "DELETE FROM delta.`%s` WHERE kind = 'image'".formatted(warehouse.path(Table.DUPLICATES)));
  }

  @Test
  void aTableThatAnotherVersionMadeIsNamedWithItsFolder() {
    String signatures = folder.resolve("old/signatures").toString();
    spark.range(1).selectExpr("'a' AS pair_id").write().format("delta").save(signatures);
    JobException e =
        assertThrows(
            JobException.class,
            () -> new Warehouse(spark, folder.resolve("old").toString()).read(Table.SIGNATURES));
    assertTrue(e.getMessage().contains("has no column settings_id"), e.getMessage());
    assertTrue(e.getMessage().contains("delete folder " + signatures), e.getMessage());
  }

  @Test
  void aColumnThatIsNotThereIsNamedWithThoseThatAre() {
    Pairs.add(warehouse, pair("a", "A boat.", "s", 1));
    JobException e =
        assertThrows(
            JobException.class,
            () ->
                dedup(
                    new TextDedup(
                        List.of("answer"), List.of(), TextDedup.Unit.WORD, 3, true, 1, 0.9)));
    assertTrue(e.getMessage().contains("dedup.text.columns: table pairs has no column 'answer'"));
    assertTrue(e.getMessage().contains("chosen, rejected"), e.getMessage());
  }

  /** Texts of 40 words, a third of them made of others by exchanging a few words. */
  private static List<CandidatePair> planted(int count) {
    Random random = new Random(SEED);
    List<CandidatePair> pairs = new ArrayList<>();
    List<String[]> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String[] words;
      if (i > 0 && random.nextInt(3) == 0) {
        words = texts.get(random.nextInt(i)).clone();
        for (int change = random.nextInt(4); change > 0; change--) {
          words[random.nextInt(words.length)] = "w" + random.nextInt(1000);
        }
      } else {
        words = random.ints(40, 0, 1000).mapToObj(w -> "w" + w).toArray(String[]::new);
      }
      texts.add(words);
      pairs.add(pair("p" + i, String.join(" ", words), "s" + i % 2, 1 + i % 3));
    }
    return pairs;
  }

  /** Returns each pair that has duplicates with the smallest id it is connected with. */
  private static Map<String, String> clusters(List<CandidatePair> pairs) {
    List<long[]> sets =
        pairs.stream()
            .map(
                p -> {
                  Shingles shingles = new Shingles(TextDedup.Unit.WORD, 3);
                  shingles.read(p.prompt(), p.chosen(), p.rejected());
                  return shingles.distinct();
                })
            .toList();
    String[] labels = pairs.stream().map(CandidatePair::pairId).toArray(String[]::new);
    boolean[] clustered = new boolean[labels.length];
    for (int i = 0; i < labels.length; i++) {
      for (int j = 0; j < i; j++) {
        if (Jaccard.ofLeastAlikeColumn(sets.get(i), sets.get(j)) >= THRESHOLD) {
          clustered[i] = true;
          clustered[j] = true;
          String a = labels[i];
          String b = labels[j];
          String least = a.compareTo(b) < 0 ? a : b;
          Arrays.setAll(
              labels, k -> labels[k].equals(a) || labels[k].equals(b) ? least : labels[k]);
        }
      }
    }
    Map<String, String> clusters = new TreeMap<>();
    for (int i = 0; i < labels.length; i++) {
      if (clustered[i]) {
        clusters.put(pairs.get(i).pairId(), labels[i]);
      }
    }
    assertFalse(clusters.isEmpty());
    return clusters;
  }

  private static Map<String, String> clustersOf(Map<String, String> labels) {
    Map<String, String> clusters = new TreeMap<>();
    labels.forEach((id, label) -> clusters.put(id, label.replaceAll(".* in ", "")));
    return clusters;
  }

  private void append(List<CandidatePair> pairs) {
    warehouse.append(Table.PAIRS, CandidatePair.CODEC, pairs);
  }

  private static TextDedup settings(double threshold) {
    return new TextDedup(
        List.of("prompt", "chosen", "rejected"),
        List.of("image_id", "context"),
        TextDedup.Unit.WORD,
        3,
        true,
        threshold,
        0.999);
  }

  private StepResult dedup(TextDedup settings) {
    return dedup(settings, new SemanticDedup(0));
  }

  private StepResult dedup(TextDedup settings, SemanticDedup semantic) {
    return dedup(settings, semantic, Pairs.REJECT);
  }

  private StepResult dedup(TextDedup settings, SemanticDedup semantic, RejectSettings reject) {
    Recipe recipe =
        new Recipe(
            "test-dedup",
            7,
            null,
            Pairs.MODEL,
            null,
            reject,
            Pairs.SCORE,
            new DedupSettings(
                new ImageDedup(24, ImageDedup.Keep.LARGEST), settings, semantic, List.of()),
            null,
            null,
            new ErrorBudget(0, 0),
            new RecoverySettings(20000, 900, List.of()),
            RemoteSettings.DEFAULTS);
    return new DedupStep().run(new StepContext(spark, warehouse, recipe));
  }

  private Map<String, String> labels() {
    Map<String, String> labels = new TreeMap<>();
    for (Row row : warehouse.read(Table.DUPLICATES).where("kind = 'pair'").collectAsList()) {
      labels.put(
          row.getString(1),
          (row.isNullAt(3) ? "kept" : row.getString(3)) + " in " + row.getString(2));
    }
    return labels;
  }

  private Map<String, String> kept() {
    Map<String, String> kept = new TreeMap<>();
    labels().forEach((id, label) -> kept.put(id, label.replaceAll(" in .*", "")));
    return kept;
  }
}

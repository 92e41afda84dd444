package io.github.pairloom.jobs.select;

import static io.github.pairloom.jobs.select.Pairs.id;
import static io.github.pairloom.jobs.select.Pairs.pair;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Table;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestSelectStep {
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
    warehouse = new Warehouse(spark, folder.toString());
  }

  @Test
  void aPairWhoseRejectedSideIsPreferredIsDroppedUnlessNobodyScoredIt() {
    CandidatePair good = pair("good", "A boat.", "bdhs-attention", 1);
    CandidatePair dubious = pair("dubious", "A ship.", "bdhs-attention", 1);
    CandidatePair unscored = pair("unscored", "A car.", "bdhs-attention", 1);
    Pairs.add(warehouse, good, dubious, unscored);
    Pairs.addScore(warehouse, good, -1, -9);
    Pairs.addScore(warehouse, dubious, -9, -1);

    StepResult result = select();

    assertEquals(2, result.written());
    assertEquals(Map.of("rejected-preferred", 1L), result.dropped());
    assertEquals(
        List.of(dubious.pairId()),
        warehouse
            .read(Table.SELECTIONS)
            .where("drop_reason = 'rejected-preferred'")
            .collectAsList()
            .stream()
            .map(row -> row.<String>getAs("pair_id"))
            .toList());
  }

  @Test
  void pairsOfImagesAreTheSameOnlyIfTheImagesAre() {
    CandidatePair noise = Pairs.ofImage("noise", "noise", id("noisy"));
    CandidatePair crop = Pairs.ofImage("crop", "crop", id("cropped"));
    CandidatePair again = Pairs.ofImage("again", "noise", id("noisy"));
    Pairs.add(warehouse, noise, crop, again);

    StepResult result = select();

    assertEquals(2, result.written());
    assertEquals(Map.of("duplicate-pair", 1L), result.dropped());
  }

  @Test
  void oneOfEqualPairsIsKeptWhateverTheirStrategy() {
    CandidatePair winner = pair("c", "A boat.", "bdhs-attention", 1);
    Pairs.add(
        warehouse,
        pair("a", "A boat.", "bdhs-noise", 1),
        pair("b", "A boat.", "bdhs-attention", 2),
        winner,
        pair("d", "A car.", "bdhs-noise", 3),
        pair("e", id("other image"), "Where?", "A beach.", "A boat.", "bdhs-noise", 1));

    StepResult result = select();

    assertEquals(new StepResult(5, 3, Map.of("duplicate-pair", 2L), Map.of(), 0, Map.of()), result);
    assertEquals(List.of("c", "d", "e"), kept());
    assertEquals(
        Map.of("a", "duplicate-pair c", "b", "duplicate-pair c", "c", "-", "d", "-", "e", "-"),
        verdicts());
    Row written =
        warehouse
            .read(Table.PREFERENCE_PAIRS)
            .filter("pair_id = '" + winner.pairId() + "'")
            .first();
    assertEquals(winner, Pairs.kept(written));
  }

  @Test
  void pairIdDecidesBetweenPairsOfOneStrategyAndIteration() {
    Pairs.add(warehouse, pair("a", "A boat.", "s", 1), pair("b", "A boat.", "s", 1));
    select();
    assertEquals(List.of(id("a").compareTo(id("b")) < 0 ? "a" : "b"), kept());
  }

  @Test
  void textsThatOnlyJoinToTheSameAreNotDuplicates() {
    String image = id("image");
    Pairs.add(
        warehouse,
        pair("a", image, "Where?", "A beach. A", "boat.", "s", 1),
        pair("b", image, "Where?", "A beach.", "A boat.", "s", 1),
        pair("c", image, "Where", "?A beach.", "A boat.", "s", 1));
    select();
    assertEquals(List.of("a", "b", "c"), kept());
  }

  @Test
  void aPairIsDroppedForItsOwnReason() {
    Pairs.add(
        warehouse,
        Pairs.dropped("a", "never-dissimilar"),
        Pairs.dropped("b", "never-dissimilar"),
        Pairs.dropped("c", "image-missing"),
        pair("d", "A boat.", "s", 1));

    StepResult result = select();

    assertEquals(Map.of("never-dissimilar", 2L, "image-missing", 1L), result.dropped());
    assertEquals(1, result.written());
    assertEquals(
        Map.of("a", "never-dissimilar", "b", "never-dissimilar", "c", "image-missing", "d", "-"),
        verdicts());
  }

  @Test
  void verdictsStandAndNewPairsAreHeldAgainstKeptOnes() {
    Pairs.add(warehouse, pair("a", "A boat.", "bdhs-noise", 4), Pairs.dropped("b", "identical"));
    select();
    Pairs.add(
        warehouse,
        pair("c", "A boat.", "bdhs-attention", 1),
        pair("d", "A car.", "bdhs-attention", 2),
        pair("e", "A car.", "bdhs-attention", 1));

    StepResult result = select();

    assertEquals(new StepResult(3, 1, Map.of("duplicate-pair", 2L), Map.of(), 2, Map.of()), result);
    assertEquals(List.of("a", "e"), kept());
    assertEquals(
        Map.of(
            "a", "-", "b", "identical", "c", "duplicate-pair a", "d", "duplicate-pair e", "e", "-"),
        verdicts());
  }

  @Test
  void aSecondRunCommitsNothing() {
    Pairs.add(warehouse, pair("a", "A boat.", "s", 1), Pairs.dropped("b", "identical"));
    select();
    long keptVersion = warehouse.version(Table.PREFERENCE_PAIRS);
    long verdictVersion = warehouse.version(Table.SELECTIONS);

    assertEquals(new StepResult(0, 0, Map.of(), Map.of(), 2, Map.of()), select());

    assertEquals(keptVersion, warehouse.version(Table.PREFERENCE_PAIRS));
    assertEquals(verdictVersion, warehouse.version(Table.SELECTIONS));
  }

  @Test
  void aRunThatDiedBetweenItsWritesIsMadeGood() {
    Pairs.add(
        warehouse,
        pair("a", "A boat.", "s", 2),
        pair("b", "A boat.", "s", 3),
        pair("c", "A car.", "s", 1));
    select();
    // What the disk holds when the driver dies after the first of the two commits.
    spark.sql("DELETE FROM delta.`" + warehouse.path(Table.SELECTIONS) + "`");
    Pairs.add(warehouse, pair("d", "A boat.", "s", 1));

    StepResult result = select();

    assertEquals(new StepResult(4, 2, Map.of("duplicate-pair", 2L), Map.of(), 0, Map.of()), result);
    assertEquals(List.of("a", "c"), kept());
    assertEquals(
        Map.of("a", "-", "b", "duplicate-pair a", "c", "-", "d", "duplicate-pair a"), verdicts());
  }

  @Test
  void partitioningDoesNotChangeTheVerdicts() {
    CandidatePair[] pairs =
        IntStream.range(0, 60)
            .mapToObj(i -> pair("p" + i, "Text " + i % 7, "s" + i % 2, 1 + i % 3))
            .toArray(CandidatePair[]::new);
    Map<String, String> one = verdictsOf("one", pairs, 1);
    Map<String, String> seven = verdictsOf("seven", pairs, 7);
    assertEquals(one, seven);
    assertEquals(7, one.values().stream().filter("-"::equals).count());
  }

  private Map<String, String> verdictsOf(String name, CandidatePair[] pairs, int partitions) {
    warehouse = new Warehouse(spark, folder.resolve(name).toString());
    List<Row> rows =
        IntStream.range(0, pairs.length)
            .mapToObj(i -> CandidatePair.CODEC.toRow(pairs[i]))
            .toList();
    warehouse.append(
        Table.PAIRS,
        spark.createDataFrame(rows, CandidatePair.CODEC.schema()).repartition(partitions));
    String setting = "spark.sql.shuffle.partitions";
    String before = spark.conf().get(setting);
    spark.conf().set(setting, partitions);
    try {
      select();
    } finally {
      spark.conf().set(setting, before);
    }
    return warehouse.read(Table.SELECTIONS).collectAsList().stream()
        .collect(Collectors.toMap(row -> row.getString(0), TestSelectStep::verdict));
  }

  @Test
  void anEmptyWarehouseNamesTheStepToRunFirst() {
    JobException e = assertThrows(JobException.class, this::select);
    assertTrue(e.getMessage().contains("table pairs in " + folder), e.getMessage());
    assertTrue(e.getMessage().contains("Run the reject step first"), e.getMessage());
  }

  private StepResult select() {
    return new SelectStep().run(Pairs.context(spark, warehouse, new ExportSettings(List.of(), "")));
  }

  private List<String> kept() {
    return warehouse.read(Table.PREFERENCE_PAIRS).select("pair_id").collectAsList().stream()
        .map(row -> nameOf(row.getString(0)))
        .sorted()
        .toList();
  }

  private Map<String, String> verdicts() {
    return warehouse.read(Table.SELECTIONS).collectAsList().stream()
        .collect(
            Collectors.toMap(
                row -> nameOf(row.getString(0)),
                row ->
                    verdict(row).replaceAll(" .*", "")
                        + (row.isNullAt(2) ? "" : " " + nameOf(row.getString(2)))));
  }

  /** Returns the reason and the pair kept instead; - for a kept pair. */
  private static String verdict(Row row) {
    return (row.isNullAt(1) ? "-" : row.getString(1))
        + (row.isNullAt(2) ? "" : " " + row.getString(2));
  }

  private static String nameOf(String id) {
    return "abcdef"
        .chars()
        .mapToObj(Character::toString)
        .filter(name -> id(name).equals(id))
        .findFirst()
        .orElse(id);
  }
}

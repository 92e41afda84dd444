package io.github.pairloom.jobs.select;

import static io.github.pairloom.jobs.select.Pairs.id;
import static io.github.pairloom.jobs.select.Pairs.pair;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.DiversitySettings;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.jobs.recipe.SelectSettings;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Sample;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestSelectStep {
  private static final long SEED = Long.getLong("tests.seed", 2407);
  private static final String RERUN = "rerun with -Dtests.seed=" + SEED;

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
    warehouse = Pairs.warehouse(spark, folder);
  }

  @Test
  void whatIsKnownOfAPairDropsItAndASecondRunCommitsNothing() {
    CandidatePair winner = pair("f", "A boat.", "bdhs-attention", 1);
    CandidatePair dubious = pair("g", "A ship.", "bdhs-attention", 1);
    CandidatePair good = pair("h", "A car.", "bdhs-attention", 1);
    add(
        pair("a", id("theirs"), "Where?", "A beach.", "A boat.", "s", 1),
        withRejectedImage("b", "theirs"),
        withRejectedImage("c", "ours"),
        pair("d", "A boat.", "bdhs-noise", 1),
        pair("e", "A boat.", "bdhs-attention", 2),
        winner,
        dubious,
        good,
        Pairs.dropped("i", "never-dissimilar"),
        Pairs.dropped("j", "image-missing"),
        pair("k", "A bus.", "bdhs-attention", 1),
        pair("l", "A bus.", "bdhs-attention", 2));
    warehouse.append(
        Table.CONTAMINATIONS,
        spark.createDataFrame(
            List.of(RowFactory.create("image", id("theirs"), "pope")),
            Table.CONTAMINATIONS.schema()));
    Row first = RowFactory.create("pair", id("d"), id("f"), id("f"), 1.0);
    Row second = RowFactory.create("pair", id("e"), id("f"), id("f"), 1.0);
    Row third = RowFactory.create("pair", id("l"), id("k"), id("k"), 1.0);
    warehouse.append(
        Table.DUPLICATES,
        spark.createDataFrame(List.of(first, second, third), Table.DUPLICATES.schema()));
    Pairs.addScore(warehouse, good, -1, -9);
    Pairs.addScore(warehouse, dubious, -9, -1);
    warehouse.append(
        Table.SCORES,
        PairScore.CODEC,
        List.of(
            PairScore.dropped(
                id("score of k"),
                id("k"),
                id("sample"),
                id("image"),
                "image-unreadable",
                null,
                Pairs.scorer(Pairs.MODEL, Pairs.SCORE),
                Map.of())));

    StepResult result = select();

    assertEquals(10, result.read());
    assertEquals(3, result.written());
    assertEquals(0, result.alreadyDone());
    // The one that is to be scored again, and the one in whose place it would be kept.
    assertEquals(Map.of("waiting-for-score", 2.0), result.metrics());
    assertEquals(
        Map.of(
            "contaminated-image", 2L,
            "duplicate-pair", 2L,
            "rejected-preferred", 1L,
            "never-dissimilar", 1L,
            "image-missing", 1L),
        result.dropped());
    assertEquals(
        Map.of(
            "a", "contaminated-image",
            "b", "contaminated-image",
            "c", "-",
            "d", "duplicate-pair f",
            "e", "duplicate-pair f",
            "f", "-",
            "g", "rejected-preferred",
            "h", "-",
            "i", "never-dissimilar",
            "j", "image-missing"),
        verdicts());
    assertEquals(List.of("c", "f", "h"), kept());
    Row written =
        warehouse
            .read(Table.PREFERENCE_PAIRS)
            .filter("pair_id = '" + winner.pairId() + "'")
            .first();
    assertEquals(winner, Pairs.kept(written));

    long keptVersion = warehouse.version(Table.PREFERENCE_PAIRS);
    long verdictVersion = warehouse.version(Table.SELECTIONS);
    assertEquals(
        new StepResult(0, 0, Map.of(), Map.of(), 10, Map.of("waiting-for-score", 2.0)), select());
    assertEquals(keptVersion, warehouse.version(Table.PREFERENCE_PAIRS));
    assertEquals(verdictVersion, warehouse.version(Table.SELECTIONS));
  }

  private static CandidatePair withRejectedImage(String name, String image) {
    Map<String, String> which = Map.of("image-id", id(image));
    return Pairs.ofImage(
        pair(name, "A boat.", "other-image", 1),
        new Transform("other-image", which, id("pixels"), null));
  }

  @Test
  void aRunThatDiedBetweenItsWritesIsMadeGood() {
    add(pair("a", "A boat.", "s", 4), pair("b", "A tree.", "s", 3), pair("c", "A car.", "s", 2));
    SelectSettings some = cutting("iteration", 0.4);
    select(some);
    assertEquals(List.of("a", "b"), kept());
    // What the disk holds when the driver dies after the first of the two commits.
    spark.sql("DELETE FROM delta.`" + warehouse.path(Table.PREFERENCE_PAIRS) + "`");
    add(pair("d", "A man.", "s", 9), pair("e", "A dog.", "s", 8), pair("f", "A cat.", "s", 7));

    StepResult result = select(some);

    assertEquals(new StepResult(3, 2, Map.of("cut-best", 1L), Map.of(), 3, Map.of()), result);
    assertEquals(List.of("a", "b", "d", "e"), kept());
    spark.sql("DELETE FROM delta.`" + warehouse.path(Table.PREFERENCE_PAIRS) + "`");
    assertEquals(0, select(some).read());
    assertEquals(List.of("a", "b", "d", "e"), kept());
  }

  private static SelectSettings cutting(String by, double best) {
    return new SelectSettings(
        Pairs.OFF,
        List.of(),
        List.of(new SelectSettings.Cut("best", SelectSettings.Cut.Type.SCORE, by, best)),
        List.of(),
        0,
        "");
  }

  @Test
  void keptPairsStayWhereVerdictsAreMadeAnew() {
    add(pair("a", "A boat.", "s", 2), pair("b", "A tree.", "s", 3), pair("c", "A car.", "s", 1));
    SelectSettings two = new SelectSettings(Pairs.OFF, List.of(), List.of(), List.of(), 2, "");
    select(two);
    List<String> before = kept();
    spark.sql("DELETE FROM delta.`" + warehouse.path(Table.SELECTIONS) + "`");
    add(pair("d", "A boat.", "s", 1));

    StepResult result = select(two);

    assertEquals(new StepResult(4, 2, Map.of("over-budget", 2L), Map.of(), 0, Map.of()), result);
    assertEquals(before, kept());
  }

  @Test
  void theFirstFilterThatIsNotMetIsTheReason() {
    add(
        pair("a", "A boat.", "s", 2),
        pair("b", "A very long boat.", "s", 1),
        pair("c", "A very long car.", "t", 1),
        Pairs.dropped("d", "identical"));
    SelectSettings settings =
        new SelectSettings(
            Pairs.OFF,
            List.of(
                new SelectSettings.Filter("short", "length(rejected) < 10"),
                new SelectSettings.Filter("known", "source = 'photos'"),
                new SelectSettings.Filter("late", "iteration > 1")),
            List.of(),
            List.of(),
            0,
            "");
    addSource("photos");
    assertEquals(
        new StepResult(4, 1, Map.of("identical", 1L, "filter-short", 2L), Map.of(), 0, Map.of()),
        select(settings));
    assertEquals(
        Map.of("a", "-", "b", "filter-short", "c", "filter-short", "d", "identical"), verdicts());
  }

  @Test
  void quotasAndTheBudgetCountWhatEarlierRunsKept() {
    SelectSettings settings =
        new SelectSettings(
            Pairs.OFF,
            List.of(),
            List.of(),
            List.of(new SelectSettings.Quota("strategy", 2)),
            3,
            "");
    add(pair("a", "1", "s", 1), pair("b", "2", "s", 1), pair("c", "3", "s", 1));
    assertEquals(Map.of("over-quota", 1L), select(settings).dropped());
    List<String> first = kept();
    assertEquals(2, first.size());
    add(pair("d", "4", "s", 1), pair("e", "5", "t", 1), pair("f", "6", "t", 1));
    assertEquals(Map.of("over-quota", 1L, "over-budget", 1L), select(settings).dropped());
    assertEquals(3, kept().size());
    assertTrue(kept().containsAll(first), "verdicts stand");
  }

  @Test
  void aCascadePassesOnTheBestOfEachStageAndTheBudgetTakesThePreferred() {
    CandidatePair[] pairs = {
      pair("a", "1", "s", 1),
      pair("b", "22", "s", 1),
      pair("c", "333", "s", 1),
      pair("d", "4444", "s", 1),
      pair("e", "55555", "s", 1)
    };
    add(pairs);
    for (int i = 0; i < 4; i++) {
      // What nobody scored is the worst.
      Pairs.addScore(warehouse, pairs[i], -1, -9 + i);
    }
    // Another model than the recipe's: its scores are none.
    Pairs.addScore(
        warehouse, pairs[4], -1, -99, Pairs.scorer(ModelSpec.onCpu(Path.of("other")), Pairs.SCORE));
    SelectSettings settings =
        new SelectSettings(
            Pairs.OFF,
            List.of(),
            List.of(
                new SelectSettings.Cut("sure", SelectSettings.Cut.Type.SCORE, "margin", 0.75),
                new SelectSettings.Cut(
                    "short", SelectSettings.Cut.Type.SCORE, "-length(rejected)", 0.75)),
            List.of(),
            2,
            "iteration * length(rejected)");

    StepResult result = select(settings);

    assertEquals(Map.of("cut-sure", 1L, "cut-short", 1L, "over-budget", 1L), result.dropped());
    assertEquals(
        Map.of("a", "over-budget", "b", "-", "c", "-", "d", "cut-short", "e", "cut-sure"),
        verdicts());
  }

  @Test
  void textsFarFromEachOtherGoOnAndEveryPairThatWasWeighedKeepsItsScores() {
    String sea = "A boat sails on the sea near the harbour.";
    String soup = "A bowl of tomato soup with bread.";
    String proof = "Seven mathematicians prove a theorem.";
    add(
        about("a", sea, "1"),
        about("b", sea, "2"),
        about("c", soup, "3"),
        about("d", soup, "4"),
        about("e", proof, "5"),
        Pairs.dropped("f", "identical"));
    SelectSettings settings =
        new SelectSettings(
            new DiversitySettings(2, 100),
            List.of(new SelectSettings.Filter("scored", "diversity >= 0")),
            List.of(new SelectSettings.Cut("spread", SelectSettings.Cut.Type.K_CENTER, "", 0.6)),
            List.of(new SelectSettings.Quota("diversity < 0", 9)),
            0,
            "diversity");

    StepResult result = select(settings);

    assertEquals(Map.of("cut-spread", 2L, "identical", 1L), result.dropped());
    assertEquals(Map.of("texts-embedded", 3.0), result.metrics());
    Map<String, Row> verdicts =
        warehouse.read(Table.SELECTIONS).collectAsList().stream()
            .collect(Collectors.toMap(row -> nameOf(row.getString(0)), row -> row));
    assertTrue(kept().contains("e"), "the only one of its text");
    for (List<String> twins : List.of(List.of("a", "b"), List.of("c", "d"))) {
      assertEquals(1, twins.stream().filter(kept()::contains).count());
      assertEquals(1, twins.stream().filter(name -> verdicts.get(name).getDouble(4) == 0).count());
      assertEquals(
          verdicts.get(twins.get(0)).getDouble(3), verdicts.get(twins.get(1)).getDouble(3));
    }
    assertTrue(verdicts.get("f").isNullAt(3) && verdicts.get("f").isNullAt(4));

    add(about("g", sea, "6"));
    assertEquals(Map.of("texts-embedded", 0.0), select(settings).metrics());
    assertTrue(kept().contains("g"));
    assertEquals(3, warehouse.read(Table.EMBEDDINGS).where("size(embedding) = 384").count());
  }

  private static CandidatePair about(String name, String chosen, String rejected) {
    return pair(name, id("image"), "What is this?", chosen, rejected, "s", 1);
  }

  @Test
  void anExpressionWithoutAValueForARowIsNull() {
    String share = "1 / (iteration - 1)";
    String number = "CAST(rejected AS INT)";
    SelectSettings settings =
        new SelectSettings(
            Pairs.OFF,
            List.of(new SelectSettings.Filter("good", "rejected = 'x' OR " + share + " > 0")),
            List.of(new SelectSettings.Cut("sure", SelectSettings.Cut.Type.SCORE, share, 0.75)),
            List.of(new SelectSettings.Quota(number, 1)),
            1,
            number);

    assertEquals(
        Map.of(
            "a", "filter-good", "b", "over-budget", "c", "cut-sure", "d", "-", "e", "over-budget"),
        reasons(
            settings,
            1,
            pair("a", "1", "s", 1),
            pair("b", "2", "s", 2),
            pair("c", "x", "s", 1),
            pair("d", "4", "s", 2),
            pair("e", "y", "s", 2)));
  }

  /** Returns what the choice alone says of so many partitions of pairs, - for what it takes. */
  private static Map<String, String> reasons(
      SelectSettings settings, int partitions, CandidatePair... pairs) {
    List<Row> rows = Arrays.stream(pairs).map(CandidatePair.CODEC::toRow).toList();
    Dataset<Row> candidates =
        spark.createDataFrame(rows, CandidatePair.CODEC.schema()).repartition(partitions);
    return new Choice(settings, 7, null)
            .judge(candidates, candidates.where("false"))
            .select("pair_id", "drop_reason")
            .collectAsList()
            .stream()
            .collect(
                Collectors.toMap(
                    row -> nameOf(row.getString(0)),
                    row -> row.isNullAt(1) ? "-" : row.getString(1)));
  }

  @Test
  void aCutTakesNoMoreThanItsShareHoweverTheNumberIsRounded() {
    CandidatePair[] pairs =
        IntStream.range(0, 25)
            .mapToObj(i -> pair("p" + i, "Text " + i, "s", 1))
            .toArray(CandidatePair[]::new);
    // As doubles, 25 * 0.28 is above 7. Sorted on disk as in memory.
    String bound = "spark.sql.execution.topKSortFallbackThreshold";
    String before = spark.conf().get(bound);
    spark.conf().set(bound, spark.version().startsWith("3.") ? before : "2");
    try {
      Map<String, String> reasons =
          reasons(cutting("CAST(substr(rejected, 6) AS INT)", 0.28), 5, pairs);
      reasons.values().removeIf("cut-best"::equals);
      assertEquals(
          IntStream.range(18, 25).mapToObj(i -> id("p" + i)).collect(Collectors.toSet()),
          reasons.keySet());
    } finally {
      spark.conf().set(bound, before);
    }
  }

  @Test
  void anExpressionThatIsNoSqlIsToldByItsKey() {
    SelectSettings settings =
        new SelectSettings(
            Pairs.OFF,
            List.of(new SelectSettings.Filter("good", "score > 1")),
            List.of(),
            List.of(),
            0,
            "");
    CandidatePair pair = pair("a", "A boat.", "s", 1);
    JobException e = assertThrows(JobException.class, () -> reasons(settings, 1, pair));
    assertTrue(e.getMessage().contains("select.filters.good.where 'score > 1'"), e.getMessage());
  }

  @Test
  void whatLiesBetweenDomainsIsTheMostDiverseHoweverItIsPartitioned() {
    Random random = new Random(SEED);
    List<double[]> vectors = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      double[] vector = random.doubles(8, -0.2, 0.2).toArray();
      vector[0] += i < 100 ? i % 2 : 0.5;
      vector[1] += i < 100 ? 1 - i % 2 : 0.5;
      vectors.add(unit(vector));
    }
    Map<String, Double> one = diversities(vectors, 1, 2);
    assertEquals(one, diversities(vectors, 5, 2), RERUN);
    double surest = 0;
    double between = 0;
    for (int i = 0; i < vectors.size(); i++) {
      double score = one.get(id("v" + i));
      assertTrue(score >= 0 && score <= 1, RERUN);
      surest += i < 100 ? score / 100 : 0;
      between += i < 100 ? 0 : score / 20;
    }
    assertTrue(between > surest + 0.1, between + " and " + surest + ", " + RERUN);

    List<double[]> same = Collections.nCopies(9, unit(new double[] {1, 2}));
    assertEquals(Set.of(0.0), Set.copyOf(diversities(same, 2, 3).values()));
  }

  private static Map<String, Double> diversities(
      List<double[]> vectors, int partitions, int domains) {
    Dataset<Row> rows = rows(vectors).select("content_id", "vector").repartition(partitions);
    return Diversity.of(rows, rows, new DiversitySettings(domains, 100), SEED)
        .collectAsList()
        .stream()
        .collect(Collectors.toMap(row -> row.getString(0), row -> row.getDouble(1)));
  }

  @Test
  void centresLeaveNoneFartherThanTwiceWhatTheBestChoiceWould() {
    Random random = new Random(SEED);
    for (int round = 0; round < 20; round++) {
      List<double[]> vectors =
          random
              .ints(12, 0, 1)
              .mapToObj(i -> unit(random.doubles(3, -1, 1).toArray()))
              .collect(Collectors.toList());
      vectors.add(vectors.get(5));
      for (int wanted = 1; wanted <= 4; wanted++) {
        double[] spreads = Spread.spreads(vectors, wanted);
        List<Integer> order =
            IntStream.range(0, vectors.size())
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -spreads[i]))
                .toList();
        double best = Double.MAX_VALUE;
        for (int chosen = 0; chosen < 1 << vectors.size(); chosen++) {
          int bits = chosen;
          if (Integer.bitCount(bits) == wanted) {
            best =
                Math.min(
                    best,
                    radius(
                        vectors,
                        IntStream.range(0, vectors.size())
                            .filter(i -> (bits >> i & 1) == 1)
                            .boxed()
                            .toList()));
          }
        }
        assertTrue(radius(vectors, order.subList(0, wanted)) <= 2 * best + 1e-9, RERUN);
      }
      double[] all = Spread.spreads(vectors, vectors.size());
      assertEquals(2, all[0]);
      assertEquals(1, Arrays.stream(all).filter(s -> s == 0).count(), "one stands there twice");
    }
  }

  @Test
  void cellsGiveCentresOfAllGroupsHoweverTheyArePartitioned() {
    // 20 groups of 30 with a few outliers, cut into cells of about 100, none above 60.
    Random random = new Random(SEED);
    List<double[]> vectors = new ArrayList<>();
    for (int i = 0; i < 600; i++) {
      double[] vector = new Random(i % 20).doubles(16, -1, 1).toArray();
      for (int j = 0; j < vector.length; j++) {
        vector[j] += random.nextDouble() * 0.02;
      }
      vectors.add(unit(vector));
    }
    Map<String, Double> one = spreads(vectors, 1);
    assertEquals(vectors.size(), one.size());
    assertEquals(one, spreads(vectors, 5), RERUN);
    Set<Integer> groups =
        IntStream.range(0, vectors.size())
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -one.get(id("v" + i))))
            .limit(120)
            .map(i -> i % 20)
            .collect(Collectors.toSet());
    assertEquals(20, groups.size(), RERUN);
  }

  private static Map<String, Double> spreads(List<double[]> vectors, int partitions) {
    return new Spread(100, 60)
            .of(rows(vectors).repartition(partitions), vectors.size(), 120, SEED)
            .collectAsList()
            .stream()
            .collect(Collectors.toMap(row -> row.getString(0), row -> row.getDouble(1)));
  }

  private static double radius(List<double[]> vectors, List<Integer> centres) {
    return vectors.stream()
        .mapToDouble(
            v ->
                centres.stream()
                    .mapToDouble(
                        c ->
                            Math.sqrt(
                                IntStream.range(0, v.length)
                                    .mapToDouble(i -> Math.pow(v[i] - vectors.get(c)[i], 2))
                                    .sum()))
                    .min()
                    .orElseThrow())
        .max()
        .orElseThrow();
  }

  private static double[] unit(double[] vector) {
    double length = Math.sqrt(Arrays.stream(vector).map(v -> v * v).sum());
    return Arrays.stream(vector).map(v -> v / length).toArray();
  }

  private static Dataset<Row> rows(List<double[]> vectors) {
    List<Row> rows =
        IntStream.range(0, vectors.size())
            .mapToObj(
                i ->
                    RowFactory.create(
                        id("v" + i),
                        (long) i,
                        id("v" + i),
                        Arrays.stream(vectors.get(i)).mapToObj(v -> (float) v).toArray()))
            .toList();
    return spark.createDataFrame(
        rows,
        StructType.fromDDL("pair_id STRING, draw BIGINT, content_id STRING, vector ARRAY<FLOAT>"));
  }

  @Test
  void partitioningDoesNotChangeTheVerdicts() {
    CandidatePair[] pairs =
        IntStream.range(0, 60)
            .mapToObj(i -> pair("p" + i, "Text " + i, "s" + i % 2, 1 + i % 3))
            .toArray(CandidatePair[]::new);
    SelectSettings settings =
        new SelectSettings(
            Pairs.OFF,
            List.of(),
            List.of(),
            List.of(new SelectSettings.Quota("iteration", 8)),
            15,
            "");
    Map<String, String> one = reasons(settings, 1, pairs);
    String setting = "spark.sql.shuffle.partitions";
    String before = spark.conf().get(setting);
    spark.conf().set(setting, 7);
    try {
      assertEquals(one, reasons(settings, 7, pairs));
    } finally {
      spark.conf().set(setting, before);
    }
    assertEquals(15, one.values().stream().filter("-"::equals).count());
  }

  @Test
  void anEmptyWarehouseNamesTheStepToRunFirst() {
    JobException e = assertThrows(JobException.class, () -> select());
    assertTrue(e.getMessage().contains("table pairs in " + folder), e.getMessage());
    assertTrue(e.getMessage().contains("Run the reject step first"), e.getMessage());
  }

  @Test
  void pairsThatWereNotComparedNameTheStepToRunFirst() {
    Pairs.add(warehouse, pair("a", "A boat.", "s", 1), Pairs.dropped("b", "identical"));
    JobException e = assertThrows(JobException.class, () -> select());
    assertTrue(e.getMessage().contains("1 of them in " + folder), e.getMessage());
    assertTrue(e.getMessage().contains("Run the dedup step first"), e.getMessage());
  }

  /** Adds pairs that step dedup has looked at. */
  private void add(CandidatePair... pairs) {
    Pairs.add(warehouse, pairs);
    sign(Arrays.stream(pairs).map(CandidatePair::pairId).toList());
  }

  private void sign(List<String> ids) {
    warehouse.append(
        Table.SIGNATURES,
        spark.createDataFrame(
            ids.stream()
                .map(
                    id ->
                        RowFactory.create(
                            id, id("settings"), 0L, null, 0L, 0L, 1L, 2L, new byte[48]))
                .toList(),
            Table.SIGNATURES.schema()));
  }

  private void addSource(String source) {
    warehouse.append(
        Table.SAMPLES,
        Sample.CODEC,
        List.of(
            new Sample(
                id("sample"), id("image"), List.of(), "Where?", null, null, source, "a#1", null)));
  }

  private StepResult select() {
    return select(new SelectSettings(Pairs.OFF, List.of(), List.of(), List.of(), 0, ""));
  }

  private StepResult select(SelectSettings settings) {
    return new SelectStep()
        .run(Pairs.context(spark, warehouse, settings, new ExportSettings(List.of(), "", 0)));
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
    return "abcdefghijkl"
        .chars()
        .mapToObj(Character::toString)
        .filter(name -> id(name).equals(id))
        .findFirst()
        .orElse(id);
  }
}

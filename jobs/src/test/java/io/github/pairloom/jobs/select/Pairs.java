package io.github.pairloom.jobs.select;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.files.LocalFiles;
import io.github.pairloom.jobs.recipe.DiversitySettings;
import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecoverySettings;
import io.github.pairloom.jobs.recipe.RejectSettings;
import io.github.pairloom.jobs.recipe.RemoteSettings;
import io.github.pairloom.jobs.recipe.ScoreSettings;
import io.github.pairloom.jobs.recipe.SegmentSettings;
import io.github.pairloom.jobs.recipe.SelectSettings;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Condition;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Likelihood;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Provenance;
import io.github.pairloom.schemas.Span;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.ImageBlack;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.commons.io.FileUtils;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;

/** Candidate pairs for tests, and a session to keep them in. */
public final class Pairs {
  /** Scores as the defaults have it. */
  public static final ScoreSettings SCORE =
      new ScoreSettings(List.of(), ScoreSettings.Blind.ABSENT, 500, false, 0, false);

  /** Pairs get no score for their diversity. */
  public static final DiversitySettings OFF = new DiversitySettings(0, 5000);

  /** Texts are compared by MiniLM. */
  public static final RejectSettings REJECT =
      new RejectSettings(
          List.of(new ImageBlack()),
          1,
          new SimilaritySettings(SimilaritySettings.MINILM, SimilaritySettings.Scope.RESPONSE),
          new SegmentSettings(3, 4),
          null);

  /** A model that no test loads: what works on texts takes its threads from it. */
  public static final ModelSpec MODEL =
      ModelSpec.onCpu(Path.of(System.getProperty("pairloom.root"), "models/demo"));

  private static final Path EMPTY = emptyWarehouse();

  private Pairs() {}

  /** Starts Spark with Delta on two threads. */
  public static SparkSession startSpark() {
    return startSpark("local[2]", Map.of("spark.ui.enabled", "false"));
  }

  /** Returns a session as {@code startSpark()} does, on this master and with these settings. */
  public static SparkSession startSpark(String master, Map<String, String> settings) {
    SparkSession.Builder builder = SparkSession.builder();
    LocalFiles.settings().forEach(builder::config);
    settings.forEach(builder::config);
    SparkSession spark =
        builder
            .master(master)
            .config("spark.sql.shuffle.partitions", "3")
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
    spark.sparkContext().setLogLevel("ERROR");
    return spark;
  }

  /**
   * Returns a warehouse in {@code folder} whose tables are there, without rows: making them again
   * for each test would take longer than most tests.
   */
  public static Warehouse warehouse(SparkSession spark, Path folder) {
    try {
      if (!Files.exists(EMPTY)) {
        Warehouse empty = new Warehouse(spark, EMPTY.toString());
        Arrays.stream(Table.values()).parallel().forEach(empty::version);
      }
      FileUtils.copyDirectory(EMPTY.toFile(), folder.toFile());
      return new Warehouse(spark, folder.toString());
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot copy " + EMPTY + " to " + folder, e);
    }
  }

  private static Path emptyWarehouse() {
    try {
      Path folder = Files.createTempDirectory("pairloom-empty");
      FileUtils.forceDeleteOnExit(folder.toFile());
      return folder.resolve("warehouse");
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot make a folder for an empty warehouse", e);
    }
  }

  /** Returns a context with a recipe that says no more than what is exported. */
  public static StepContext context(
      SparkSession spark, Warehouse warehouse, ExportSettings export) {
    return context(
        spark, warehouse, new SelectSettings(OFF, List.of(), List.of(), List.of(), 0, ""), export);
  }

  /** Returns a context with a recipe that says no more than what is selected and exported. */
  public static StepContext context(
      SparkSession spark, Warehouse warehouse, SelectSettings select, ExportSettings export) {
    return new StepContext(spark, warehouse, recipe(MODEL, SCORE, select, export));
  }

  /** Returns a recipe that says no more than this. */
  public static Recipe recipe(
      ModelSpec model, ScoreSettings score, SelectSettings select, ExportSettings export) {
    return new Recipe(
        "test-pairs",
        7,
        null,
        model,
        null,
        REJECT,
        score,
        null,
        select,
        export,
        new ErrorBudget(0, 0),
        new RecoverySettings(20000, 900, List.of("image-unreadable")),
        RemoteSettings.DEFAULTS);
  }

  /** Returns the id of whatever {@code name} names. */
  public static String id(String name) {
    return ContentId.of(name);
  }

  /** Returns a pair made by {@code strategy} in {@code iteration}. */
  public static CandidatePair pair(String name, String rejected, String strategy, int iteration) {
    return pair(name, id("image"), "Where?", "A beach.", rejected, strategy, iteration);
  }

  /** Returns a pair with these texts. */
  public static CandidatePair pair(
      String name,
      String imageId,
      String prompt,
      String chosen,
      String rejected,
      String strategy,
      int iteration) {
    return new CandidatePair(
        id(name),
        id("sample"),
        imageId,
        id("response"),
        List.of(new Turn(Turn.USER, "Hi"), new Turn(Turn.ASSISTANT, "Hello \uD83D\uDE00")),
        prompt,
        null,
        chosen,
        rejected,
        strategy,
        iteration,
        0.5,
        List.of(new Span(0, 1, 0, 2)),
        List.of(new Span(0, 1, 0, 1)),
        4,
        id(name),
        0,
        CandidatePair.TEXT,
        CandidatePair.REFERENCE,
        null,
        List.of(),
        null,
        null,
        provenance());
  }

  /** Returns {@code pair} after one user turn with {@code content} and an answer. */
  public static CandidatePair withContext(CandidatePair pair, String content) {
    return new CandidatePair(
        pair.pairId(),
        pair.sampleId(),
        pair.imageId(),
        pair.responseId(),
        List.of(new Turn(Turn.USER, content), new Turn(Turn.ASSISTANT, "Yes.")),
        pair.prompt(),
        pair.condition(),
        pair.chosen(),
        pair.rejected(),
        pair.strategy(),
        pair.iteration(),
        pair.similarity(),
        pair.spans(),
        pair.tokenSpans(),
        pair.segmentWeight(),
        pair.groupId(),
        pair.ordinal(),
        pair.rejects(),
        pair.chosenOrigin(),
        pair.judgement(),
        pair.failedGates(),
        pair.dropReason(),
        pair.dropDetail(),
        pair.provenance());
  }

  /** Returns {@code pair} under {@code condition}. */
  public static CandidatePair withCondition(CandidatePair pair, Condition condition) {
    return new CandidatePair(
        pair.pairId(),
        pair.sampleId(),
        pair.imageId(),
        pair.responseId(),
        pair.context(),
        pair.prompt(),
        condition,
        pair.chosen(),
        pair.rejected(),
        pair.strategy(),
        pair.iteration(),
        pair.similarity(),
        pair.spans(),
        pair.tokenSpans(),
        pair.segmentWeight(),
        pair.groupId(),
        pair.ordinal(),
        pair.rejects(),
        pair.chosenOrigin(),
        pair.judgement(),
        pair.failedGates(),
        pair.dropReason(),
        pair.dropDetail(),
        pair.provenance());
  }

  /** Returns a pair for which the strategy made no rejected side. */
  public static CandidatePair dropped(String name, String reason) {
    return new CandidatePair(
        id(name),
        id("sample"),
        id("image"),
        id("response"),
        List.of(),
        "Where?",
        null,
        "A beach.",
        null,
        "bdhs-attention",
        null,
        null,
        List.of(),
        List.of(),
        4,
        id(name),
        0,
        CandidatePair.TEXT,
        CandidatePair.REFERENCE,
        null,
        List.of(),
        reason,
        null,
        provenance());
  }

  private static Provenance provenance() {
    return new Provenance(
        id("recipe"),
        7,
        Map.of("mask-rate", "0.99"),
        "models/demo",
        id("model"),
        id("template"),
        Map.of("temperature", "0.7"),
        new Transform("attention-mask", Map.of("rate", "0.99"), id("pixels"), List.of(3, 9)),
        null,
        null,
        Map.of("pairloom", "0.1"));
  }

  /** Returns a pair whose rejected side is the chosen text about other pixels. */
  public static CandidatePair ofImage(String name, String strategy, String pixels) {
    return ofImage(
        pair(name, "A boat.", strategy, 1), new Transform(strategy, Map.of(), pixels, null));
  }

  /** Returns {@code pair} with the chosen text on both sides, the rejected one about an image. */
  public static CandidatePair ofImage(CandidatePair pair, Transform transform) {
    Provenance made = pair.provenance();
    return new CandidatePair(
        pair.pairId(),
        pair.sampleId(),
        pair.imageId(),
        pair.responseId(),
        pair.context(),
        pair.prompt(),
        pair.condition(),
        pair.chosen(),
        pair.chosen(),
        pair.strategy(),
        1,
        1.0,
        List.of(),
        List.of(),
        4,
        pair.groupId(),
        0,
        CandidatePair.IMAGE,
        CandidatePair.REFERENCE,
        null,
        List.of(),
        null,
        null,
        new Provenance(
            made.recipeId(),
            made.seed(),
            made.strategyParameters(),
            made.modelId(),
            made.modelRevision(),
            made.promptTemplateSha256(),
            made.sampling(),
            transform,
            null,
            null,
            made.engine()));
  }

  /** Adds the score of a pair whose sides have these log-probabilities, by the recipe's model. */
  public static void addScore(
      Warehouse warehouse, CandidatePair pair, double chosen, double rejected) {
    addScore(warehouse, pair, chosen, rejected, scorer(MODEL, SCORE));
  }

  /** Returns {@code model} as rows name it; its revision is the id of its path. */
  public static PairScore.Scorer scorer(ModelSpec model, ScoreSettings score) {
    return new PairScore.Scorer(
        model.path(),
        id(model.path()),
        id("tokens"),
        id("template"),
        recipe(model, score, null, null).scoreId(model));
  }

  /** Adds the score that {@code scorer} gives to a pair. */
  public static void addScore(
      Warehouse warehouse,
      CandidatePair pair,
      double chosen,
      double rejected,
      PairScore.Scorer scorer) {
    Likelihood blind = new Likelihood(-20, 0, 10, null);
    warehouse.append(
        Table.SCORES,
        PairScore.CODEC,
        List.of(
            PairScore.of(
                id("score of " + pair.pairId() + scorer),
                pair.pairId(),
                pair.sampleId(),
                pair.imageId(),
                new Likelihood(chosen, 0, 10, null),
                new Likelihood(rejected, 0, 10, null),
                blind,
                blind,
                new Transform(Transform.ABSENT, Map.of(), id("pixels"), List.of()),
                false,
                0,
                scorer,
                Map.of())));
  }

  /** Adds {@code pairs} to table pairs. */
  public static void add(Warehouse warehouse, CandidatePair... pairs) {
    warehouse.append(Table.PAIRS, CandidatePair.CODEC, List.of(pairs));
  }

  /** Adds {@code pairs} to table preference_pairs as they are. */
  public static void addKept(SparkSession spark, Warehouse warehouse, List<CandidatePair> pairs) {
    List<Row> rows = pairs.stream().map(CandidatePair.CODEC::toRow).toList();
    warehouse.append(
        Table.PREFERENCE_PAIRS, spark.createDataFrame(rows, CandidatePair.CODEC.schema()));
  }

  /** A pair that was kept failed no gate and has no drop_reason. */
  private static Object missing(String column) {
    return column.equals("failed_gates") ? new Object[0] : null;
  }

  /** Returns the row of preference_pairs as the pair it was made from. */
  public static CandidatePair kept(Row row) {
    List<String> columns = List.of(row.schema().fieldNames());
    Object[] values =
        Arrays.stream(CandidatePair.CODEC.schema().fieldNames())
            .map(name -> columns.contains(name) ? row.getAs(name) : missing(name))
            .toArray();
    return CandidatePair.CODEC.fromRow(RowFactory.create(values));
  }
}

package io.github.pairloom.jobs.score;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecoverySettings;
import io.github.pairloom.jobs.recipe.ScoreSettings;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.vlm.Batching;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.commons.io.FileUtils;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestScoreStep {
  private static final ModelSpec OTHER = ModelSpec.onCpu(Path.of("models/other"));
  private static final Path SCENE =
      Path.of(System.getProperty("pairloom.root"), "models/demo-data/images/000300.png");

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
  void modelsThatTakePicturesOtherwiseScorePairsOfImagesAndAllAreCounted() throws IOException {
    String imageId = add(SCENE);
    Pairs.add(
        warehouse,
        ofImage("black", imageId, new Transform("black", Map.of(), Pairs.id("pixels"), null)),
        ofImage(
            "noise",
            imageId,
            new Transform(
                "diffusion-noise",
                Map.of("noise-steps", "500", "noise-key", "7"),
                Pairs.id("pixels"),
                null)));
    StepContext withoutTheLast = context(Pairs.MODEL, List.of(Pairs.MODEL, OTHER));
    assertThrows(ModelException.class, () -> new ScoreStep().run(withoutTheLast));
    assertTrue(warehouse.read(Table.SCORES).isEmpty(), "before the first has read anything");
    ModelSpec darker = darker();
    StepResult one = new ScoreStep().run(context(Pairs.MODEL, List.of()));

    StepResult two = new ScoreStep().run(context(Pairs.MODEL, List.of(darker, Pairs.MODEL)));

    assertEquals(Map.of(), one.quarantined());
    assertEquals(Map.of(), two.quarantined());
    assertEquals(2, one.written());
    assertEquals(2, two.written());
    assertEquals(2, two.alreadyDone());
    assertEquals(
        4,
        warehouse.read(Table.SCORES).collectAsList().stream()
            .map(PairScore.CODEC::fromRow)
            .map(PairScore::margin)
            .distinct()
            .count());
    // Those of the model whose work was done, though the other one came last.
    assertEquals(one.metrics().get("images-encoded"), two.metrics().get("images-encoded"));
    assertTrue(one.metrics().get("images-encoded") > 0);
  }

  /** Adds an image, and returns its id. */
  private String add(Path scene) throws IOException {
    byte[] png = Files.readAllBytes(scene);
    String imageId = ContentId.of(png);
    warehouse.append(
        Table.IMAGES,
        Image.CODEC,
        List.of(
            new Image(
                imageId,
                scene.toString(),
                0,
                png.length,
                "png",
                64,
                64,
                "test",
                Pairs.id("pixels"),
                Pairs.id("hash"))));
    return imageId;
  }

  @Test
  void aPairThatWasDroppedWhileItsScoreFailedIsJudgedAgainOnceItHasOne() throws IOException {
    Path scene = Files.copy(SCENE, folder.resolve("scene.png"));
    String imageId = add(scene);
    Transform black = new Transform("black", Map.of(), Pairs.id("pixels"), null);
    Pairs.add(warehouse, ofImage("dropped", imageId, black), ofImage("kept", imageId, black));
    Files.delete(scene);
    Recipe recipe = Pairs.recipe(Pairs.MODEL, Pairs.SCORE, null, null);
    StepResult failed = new ScoreStep().run(again(recipe, List.of()));
    assertEquals(Map.of("image-missing", 2L), failed.quarantined());
    assertTrue(ScoreStep.waiting(again(recipe, List.of())).isEmpty());
    assertEquals(
        2, ScoreStep.waiting(again(recipe, List.of("image-missing"))).orElseThrow().count());
    warehouse.append(
        Table.SELECTIONS,
        spark.createDataFrame(
            List.of(
                RowFactory.create(Pairs.id("dropped"), "filter-good", null, null, null),
                RowFactory.create(
                    Pairs.id("copy"), "duplicate-pair", Pairs.id("dropped"), null, null),
                RowFactory.create(
                    Pairs.id("other"), "duplicate-pair", Pairs.id("kept"), null, null),
                RowFactory.create(Pairs.id("kept"), null, null, null, null)),
            Table.SELECTIONS.schema()));
    Files.copy(SCENE, scene);

    StepResult mended = new ScoreStep().run(again(recipe, List.of("image-missing")));

    assertEquals(2, mended.written());
    assertTrue(ScoreStep.waiting(again(recipe, List.of("image-missing"))).isEmpty());
    assertEquals(
        Set.of(Pairs.id("kept"), Pairs.id("other")),
        warehouse.read(Table.SELECTIONS).collectAsList().stream()
            .map(row -> row.getString(0))
            .collect(Collectors.toSet()));
  }

  /** Returns a context with this recipe, bad rows allowed, and some worked on again. */
  private StepContext again(Recipe recipe, List<String> reasons) {
    return new StepContext(
        spark,
        warehouse,
        new Recipe(
            recipe.name(),
            recipe.seed(),
            recipe.source(),
            recipe.model(),
            recipe.reference(),
            recipe.reject(),
            recipe.score(),
            recipe.dedup(),
            recipe.select(),
            recipe.export(),
            new ErrorBudget(2, 1),
            new RecoverySettings(20000, 900, reasons),
            recipe.remote()));
  }

  private static CandidatePair ofImage(String name, String imageId, Transform transform) {
    return Pairs.ofImage(
        Pairs.pair(name, imageId, "Where is the circle?", "On the left.", "-", name, 1), transform);
  }

  /** Returns the demo model with another mean of pixels. */
  private ModelSpec darker() throws IOException {
    Path copy = folder.resolve("darker");
    FileUtils.copyDirectory(Path.of(Pairs.MODEL.path()).toFile(), copy.toFile());
    Path config = copy.resolve("preprocessor_config.json");
    String mean = "\"image_mean\": [\n    0.5,";
    assertTrue(Files.readString(config).contains(mean));
    Files.writeString(config, Files.readString(config).replace(mean, mean.replace("0.5", "0.6")));
    return ModelSpec.onCpu(copy);
  }

  @Test
  void verdictsOfSettingsThatTheRecipeHasNoMoreRefuseNothing() {
    CandidatePair pair = Pairs.pair("a", "A boat.", "s", 1);
    ScoreSettings strict =
        new ScoreSettings(List.of(), ScoreSettings.Blind.ABSENT, 500, false, 5, false);
    Pairs.addScore(warehouse, pair, -9, -1, Pairs.scorer(Pairs.MODEL, strict));

    assertEquals(Set.of(), refused(context(Pairs.MODEL, List.of())));
  }

  @Test
  void verdictsOfModelsThatTheRecipeHasNoMoreRefuseNothing() {
    CandidatePair both = Pairs.pair("a", "A boat.", "s", 1);
    CandidatePair other = Pairs.pair("b", "A tree.", "s", 1);
    Pairs.addScore(warehouse, both, -9, -1);
    Pairs.addScore(warehouse, other, -9, -1, Pairs.scorer(OTHER, Pairs.SCORE));

    assertEquals(Set.of(both.pairId()), refused(context(Pairs.MODEL, List.of())));
    assertEquals(Set.of(other.pairId()), refused(context(Pairs.MODEL, List.of(OTHER))));
    assertEquals(
        Set.of(both.pairId(), other.pairId()),
        refused(context(Pairs.MODEL, List.of(OTHER, Pairs.MODEL))));
    // Of this revision, wherever it lies, and of no other.
    assertEquals(
        Set.of(other.pairId()), refused(context(pinned(Pairs.id(OTHER.path())), List.of())));
    assertEquals(Set.of(), refused(context(pinned(Pairs.id("new")), List.of())));
  }

  @Test
  void aModelThatWasMovedKeepsItsVerdicts() {
    CandidatePair pair = Pairs.pair("a", "A boat.", "s", 1);
    PairScore.Scorer there = Pairs.scorer(OTHER, Pairs.SCORE);
    Pairs.addScore(warehouse, pair, -9, -1, there);

    assertEquals(Set.of(pair.pairId()), refused(context(Pairs.MODEL, List.of())));

    CandidatePair later = Pairs.pair("b", "A tree.", "s", 1);
    Pairs.addScore(
        warehouse,
        later,
        -9,
        -1,
        new PairScore.Scorer(
            Pairs.MODEL.path(),
            there.modelRevision(),
            there.tokenizerSha256(),
            there.promptTemplateSha256(),
            there.settingsId()));
    assertEquals(Set.of(pair.pairId(), later.pairId()), refused(context(Pairs.MODEL, List.of())));
  }

  private static ModelSpec pinned(String revision) {
    return new ModelSpec(
        "models/moved", "", revision, "", ModelSpec.Device.CPU, 1, Batching.DEFAULTS);
  }

  private static Set<String> refused(StepContext context) {
    return ScoreStep.refused(context).collectAsList().stream()
        .map(row -> row.getString(0))
        .collect(Collectors.toSet());
  }

  private StepContext context(ModelSpec model, List<ModelSpec> models) {
    ScoreSettings score =
        new ScoreSettings(models, ScoreSettings.Blind.ABSENT, 500, false, 0, false);
    return new StepContext(spark, warehouse, Pairs.recipe(model, score, null, null));
  }
}

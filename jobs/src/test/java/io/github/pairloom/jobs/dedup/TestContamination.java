package io.github.pairloom.jobs.dedup;

import static io.github.pairloom.jobs.select.Pairs.id;
import static io.github.pairloom.jobs.select.Pairs.pair;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.DedupSettings;
import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.jobs.recipe.EvaluationSet;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecoverySettings;
import io.github.pairloom.jobs.recipe.RemoteSettings;
import io.github.pairloom.jobs.recipe.SelectSettings;
import io.github.pairloom.jobs.recipe.SemanticDedup;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.jobs.select.SelectStep;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.dedup.ImageDedup;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PerceptualHash;
import io.github.pairloom.udfs.image.RgbImage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.imageio.ImageIO;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestContamination {
  private static final Path SCENES =
      Path.of(System.getProperty("pairloom.root"), "models", "demo-data", "images");

  /** Its last sigma has a small letter of its own, where a text is made small as a whole. */
  private static final String GREEK = "Is there the word ΟΔΟΣ on any sign?";

  private static SparkSession spark;

  @TempDir Path folder;

  @BeforeAll
  static void startSpark() {
    spark = Pairs.startSpark();
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @Test
  void pairsOfAnEvaluationSetsImagesAndPromptsAreDropped() throws IOException {
    Warehouse warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
    List<Path> files;
    try (var list = Files.list(SCENES)) {
      files = list.sorted().limit(4).toList();
    }
    List<Image> images = new ArrayList<>();
    for (Path file : files) {
      images.add(image(file));
    }
    Path copy = folder.resolve("copy.bmp");
    ImageIO.write(ImageIO.read(files.get(1).toFile()), "bmp", copy.toFile());
    images.add(image(copy));
    warehouse.append(Table.IMAGES, Image.CODEC, images);
    // The set holds the first scene in another format, and the file of the second by its hash, of
    // which the warehouse has a copy in another format.
    Path evaluation = Files.createDirectories(folder.resolve("evaluation/val"));
    ImageIO.write(ImageIO.read(files.get(0).toFile()), "bmp", evaluation.resolve("a.bmp").toFile());
    Files.writeString(evaluation.resolve("broken.jpg"), "no image");
    // Takes no room on the disk.
    try (RandomAccessFile huge =
        new RandomAccessFile(evaluation.resolve("huge.png").toFile(), "rw")) {
      huge.setLength(1L << 31);
    }
    Path hashes =
        Files.writeString(
            folder.resolve("hashes.txt"),
            "\uFEFF# A list with a byte order mark, of a file in whose name is a backslash\n\n\\"
                + images.get(1).imageId().toUpperCase(java.util.Locale.ROOT)
                + " *val/\\\\b.png\n");
    Path prompts =
        Files.writeString(
            folder.resolve("prompts.txt"),
            "<image>\tIs there a RED cube, left of the ball?\n\t\nWhere is it?\n" + GREEK + "\n");
    Pairs.add(
        warehouse,
        of("a", images.get(0), "Where is it?"),
        of("b", images.get(1), "Where is it?"),
        of("c", images.get(2), "is there a red cube left of the ball"),
        of("d", images.get(3), "Where is it?"),
        of("e", images.get(4), "Where is it?"),
        of("f", images.get(3), GREEK),
        Pairs.withContext(of("g", images.get(3), "Where is it?"), GREEK));
    EvaluationSet set =
        new EvaluationSet(
            "held-out", evaluation.getParent().toString(), hashes.toString(), prompts.toString());
    StepContext context = context(warehouse, List.of(set));

    Map<String, Double> figures = new DedupStep().run(context).metrics();

    assertEquals(3, figures.get("contaminated-images"));
    assertEquals(3, figures.get("contaminated-pairs"));
    assertEquals(1, figures.get("evaluation-images"));
    assertEquals(2, figures.get("evaluation-images-unreadable"));
    assertEquals(1, figures.get("evaluation-hashes"));
    assertEquals(2, figures.get("evaluation-prompts"));
    assertEquals(1, figures.get("evaluation-prompts-too-short"));
    new SelectStep().run(context);
    Map<String, String> verdicts = new TreeMap<>();
    for (Row row : warehouse.read(Table.SELECTIONS).collectAsList()) {
      verdicts.put(row.getString(0), row.isNullAt(1) ? "-" : row.getString(1));
    }
    assertEquals(
        Map.of(
            id("a"), "contaminated-image",
            id("b"), "contaminated-image",
            id("c"), "contaminated-prompt",
            id("d"), "-",
            id("e"), "contaminated-image",
            id("f"), "contaminated-prompt",
            id("g"), "contaminated-prompt"),
        verdicts);

    long version = warehouse.version(Table.CONTAMINATIONS);
    new DedupStep().run(context);
    assertEquals(version, warehouse.version(Table.CONTAMINATIONS), "nothing new, nothing written");
  }

  @Test
  void aSetThatIsNotThereIsNamedByItsKey() {
    Warehouse warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
    EvaluationSet set = new EvaluationSet("gone", "", "", folder.resolve("gone.txt").toString());
    JobException e =
        assertThrows(
            JobException.class,
            () -> new Contamination(context(warehouse, List.of())).write(List.of(set), 24));
    assertTrue(e.getMessage().contains("gone.txt of dedup.evaluations.prompts"), e.getMessage());
  }

  @Test
  void aListInWhichNothingIsFoundIsAnError() throws IOException {
    Warehouse warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
    String hash = id("picture");
    Map<String, String> hashes =
        Map.of(
            hash + "\n" + hash + ",a.png\n",
            "its line '" + hash + ",a.png' does not begin with the SHA-256 of a file",
            hash.substring(1) + "\n",
            "its line '" + hash.substring(1) + "' does not begin",
            "PAR1" + "x".repeat(200),
            "its line 'PAR1" + "x".repeat(76) + "...' does not begin",
            " \n",
            "set held-out apart: there is no hash in ");
    for (Map.Entry<String, String> list : hashes.entrySet()) {
      String path = Files.writeString(folder.resolve("list.txt"), list.getKey()).toString();
      assertFails(warehouse, new EvaluationSet("held-out", "", path, ""), list.getValue());
    }
    String path = Files.writeString(folder.resolve("list.txt"), "Where?\n\nWho?\n").toString();
    assertFails(
        warehouse,
        new EvaluationSet("held-out", "", "", path),
        "no prompt in " + path + " has 6 words, and 2 have fewer");
  }

  private static void assertFails(Warehouse warehouse, EvaluationSet set, String message) {
    Contamination contamination = new Contamination(context(warehouse, List.of()));
    JobException e =
        assertThrows(JobException.class, () -> contamination.write(List.of(set), 24), message);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void aSetOnTheWebIsNotFetched() {
    Warehouse warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
    Contamination contamination = new Contamination(context(warehouse, List.of()));
    for (String key : List.of("images", "hashes", "prompts")) {
      String address = "http://127.0.0.1/pope";
      EvaluationSet set =
          new EvaluationSet(
              "pope",
              key.equals("images") ? address : "",
              key.equals("hashes") ? address : "",
              key.equals("prompts") ? address : "");
      JobException e =
          assertThrows(JobException.class, () -> contamination.write(List.of(set), 24), key);
      assertTrue(e.getMessage().contains("'http:' (dedup.evaluations." + key), e.getMessage());
    }
  }

  @Test
  void ofDuplicatesOneIsKeptThatIsInNoEvaluationSet() throws IOException {
    Warehouse warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
    String asked = "Is there a red cube left of the ball?";
    Pairs.add(
        warehouse,
        pair("a", id("image"), asked, "A beach.", "A boat.", "s", 1),
        pair("b", id("image"), "Where?", "A beach.", "A boat.", "s", 2));
    new DedupStep().run(context(warehouse, List.of()));
    Path prompts = Files.writeString(folder.resolve("prompts.txt"), asked);
    EvaluationSet set = new EvaluationSet("held-out", "", "", prompts.toString());

    StepContext context = context(warehouse, List.of(set));
    assertEquals(0, new DedupStep().run(context).read());

    Row label = warehouse.read(Table.DUPLICATES).where("duplicate_of IS NOT NULL").first();
    assertEquals(id("a"), label.getString(1));
    assertEquals(id("b"), label.getString(3));
  }

  private static Image image(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    RgbImage pixels = new ImageDecoder(ImageLimits.DEFAULTS).decode(bytes).image();
    return new Image(
        ContentId.of(bytes),
        file.toString(),
        0,
        bytes.length,
        "png",
        pixels.width(),
        pixels.height(),
        "scenes",
        pixels.sha256(),
        PerceptualHash.toHex(PerceptualHash.of(pixels)));
  }

  private static CandidatePair of(String name, Image image, String prompt) {
    return pair(name, image.imageId(), prompt, "A beach.", "A boat.", "s", 1);
  }

  private static StepContext context(Warehouse warehouse, List<EvaluationSet> sets) {
    DedupSettings dedup =
        new DedupSettings(
            new ImageDedup(24, ImageDedup.Keep.LARGEST),
            new TextDedup(
                List.of("chosen"), List.of("image_id"), TextDedup.Unit.WORD, 3, true, 1, 0.9),
            new SemanticDedup(0),
            sets);
    Recipe recipe =
        new Recipe(
            "test",
            7,
            null,
            null,
            null,
            null,
            Pairs.SCORE,
            dedup,
            new SelectSettings(Pairs.OFF, List.of(), List.of(), List.of(), 0, ""),
            null,
            new ErrorBudget(0, 0),
            new RecoverySettings(20000, 900, List.of()),
            RemoteSettings.DEFAULTS);
    return new StepContext(spark, warehouse, recipe);
  }
}

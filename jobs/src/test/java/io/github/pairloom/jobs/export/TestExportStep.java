package io.github.pairloom.jobs.export;

import static io.github.pairloom.jobs.select.Pairs.id;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.ingest.BadInputs;
import io.github.pairloom.jobs.recipe.ExportFormat;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.SelectSettings;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Condition;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.strategy.RejectedImage;
import io.github.pairloom.udfs.vlm.ModelFiles;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.commons.io.FileUtils;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestExportStep {
  private static final List<ExportFormat> BOTH =
      List.of(ExportFormat.PARQUET, ExportFormat.TRL_JSONL);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] OWN_FILE =
      "\u00FF\u00D8 a photograph".getBytes(StandardCharsets.UTF_8);
  private static final byte[] IN_TAR = "PNG in a tar".getBytes(StandardCharsets.UTF_8);

  private static final ImagePreprocessor EYE = new ModelFiles(Pairs.MODEL).preprocessor();

  private static SparkSession spark;

  /** A warehouse with images, which tests copy: making it takes longer than most exports. */
  @TempDir static Path shared;

  private static Path photograph;

  @TempDir Path folder;
  private Warehouse warehouse;

  @BeforeAll
  static void makeImages() throws IOException {
    spark = Pairs.startSpark();
    photograph = Files.write(shared.resolve("a photo.jpg"), OWN_FILE);
    Path tar = Files.writeString(shared.resolve("shard.tar"), "head" + text(IN_TAR) + "tail");
    Pairs.warehouse(spark, shared.resolve("warehouse"))
        .append(
            Table.IMAGES,
            Image.CODEC,
            List.of(
                image(photograph.toString(), 0, OWN_FILE, "jpeg"),
                image(tar.toUri().toString(), 4, IN_TAR, "png"),
                new Image(
                    id("unused"),
                    shared + "/gone.png",
                    0,
                    1,
                    "png",
                    4,
                    4,
                    "test",
                    id("pixels"),
                    id("hash"))));
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @BeforeEach
  void openWarehouse() throws IOException {
    warehouse = withImages("warehouse");
  }

  private Warehouse withImages(String name) throws IOException {
    Path copy = folder.resolve(name);
    FileUtils.copyDirectory(shared.resolve("warehouse").toFile(), copy.toFile());
    return new Warehouse(spark, copy.toString());
  }

  @Test
  void theExportHoldsTheTableInBothFormatsWithImagesCardAndManifest() throws IOException {
    CandidatePair a =
        pair("a", OWN_FILE, "What is \"this\"?\n", "A b\u00E9ach \uD83D\uDE00", "A boat.");
    CandidatePair b = pair("b", IN_TAR, "Where?", "Here.", "There.");
    CandidatePair c = pair("c", IN_TAR, "Where?", "Here.", "Nowhere.");
    CandidatePair marked = pair("d", OWN_FILE, "Where?", "Here.", "An <image> of it.");
    add(a, b, c, marked);

    StepResult result = export(BOTH);

    Path export = folder.resolve("warehouse/exports/test-pairs");
    assertEquals(4, result.read());
    assertEquals(3, result.written());
    assertEquals(Map.of("image-marker-in-text", 1L), result.dropped());
    assertEquals(2.0, result.metrics().get("images"));

    List<CandidatePair> expected =
        Stream.of(a, b, c).sorted(Comparator.comparing(CandidatePair::pairId)).toList();
    assertTrlLines(expected, export);
    assertParquet(expected, export);
    assertArrayEquals(
        OWN_FILE, Files.readAllBytes(export.resolve("images/" + ContentId.of(OWN_FILE) + ".jpg")));
    assertArrayEquals(
        IN_TAR, Files.readAllBytes(export.resolve("images/" + ContentId.of(IN_TAR) + ".png")));
    assertCard(export);
    assertManifest(export);
    assertEquals(
        List.of(
                "README.md",
                "manifest.json",
                "parquet/train-00000.parquet",
                "images/" + ContentId.of(OWN_FILE) + ".jpg",
                "images/" + ContentId.of(IN_TAR) + ".png",
                "trl/train-00000.jsonl")
            .stream()
            .sorted()
            .toList(),
        List.copyOf(contents(export).keySet()));
    assertEquals(List.of("test-pairs"), namesIn(export.getParent()));
  }

  private static void assertTrlLines(List<CandidatePair> expected, Path export) throws IOException {
    List<String> lines = Files.readAllLines(export.resolve("trl/train-00000.jsonl"));
    assertEquals(expected.size(), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      CandidatePair pair = expected.get(i);
      JsonNode line = JSON.readTree(lines.get(i));
      assertEquals(
          List.of(
              "images",
              "prompt",
              "chosen",
              "rejected",
              "pair_id",
              "strategy",
              "iteration",
              "similarity",
              "group_id",
              "ordinal",
              "provider_preference",
              "user_preference"),
          names(line));
      // What TRL's prepare_multimodal_messages asks for: one path for the one image, roles that it
      // knows, string contents, a user turn for the placeholder, and no marker in any text.
      assertEquals(1, line.get("images").size());
      assertTrue(Files.exists(export.resolve(line.get("images").get(0).asText())));
      assertTrue(line.get("images").get(0).asText().contains(pair.imageId()));
      assertEquals(
          List.of("user: Hi", "assistant: Hello \uD83D\uDE00", "user: " + pair.prompt()),
          messages(line.get("prompt")));
      assertEquals(List.of("assistant: " + pair.chosen()), messages(line.get("chosen")));
      assertEquals(List.of("assistant: " + pair.rejected()), messages(line.get("rejected")));
      assertEquals(pair.pairId(), line.get("pair_id").asText());
      assertEquals(pair.strategy(), line.get("strategy").asText());
      assertEquals(pair.iteration(), line.get("iteration").asInt());
      assertEquals(pair.similarity(), line.get("similarity").asDouble());
      assertEquals(pair.groupId(), line.get("group_id").asText());
      assertEquals(pair.ordinal(), line.get("ordinal").asInt());
      Condition condition = pair.condition();
      assertEquals(
          condition == null ? null : condition.user(), line.get("user_preference").textValue());
      assertTrue(line.get("provider_preference").isNull());
      assertFalse(lines.get(i).contains("<image>"));
    }
  }

  private static void assertParquet(List<CandidatePair> expected, Path export) {
    List<Row> rows = spark.read().parquet(export.resolve("parquet").toString()).collectAsList();
    assertEquals(
        Arrays.asList(Table.PREFERENCE_PAIRS.schema().fieldNames()),
        Arrays.asList(rows.get(0).schema().fieldNames()));
    assertEquals(expected, rows.stream().map(Pairs::kept).toList());
  }

  private static void assertCard(Path export) throws IOException {
    String card = Files.readString(export.resolve("README.md"));
    String[] parts = card.split("(?m)^---$", 3);
    JsonNode header = new ObjectMapper(new YAMLFactory()).readTree(parts[1]);
    JsonNode data = header.get("configs").get(0).get("data_files").get(0);
    assertEquals("train", data.get("split").asText());
    assertEquals("trl/train-*.jsonl", data.get("path").asText());
    // Every key of a line is a feature: load_dataset casts to exactly these.
    JsonNode features = header.get("dataset_info").get(0).get("features");
    List<String> featureNames = new ArrayList<>();
    features.forEach(feature -> featureNames.add(feature.get("name").asText()));
    String line = Files.readAllLines(export.resolve("trl/train-00000.jsonl")).get(0);
    assertEquals(names(JSON.readTree(line)), featureNames);
    assertEquals("image", features.get(0).get("list").asText());
    assertEquals("content", features.get(1).get("list").get(1).get("name").asText());
    assertEquals("int32", features.get(6).get("dtype").asText());

    String text = parts[2];
    assertTrue(
        text.contains(
            "# test-pairs\n\nPreference pairs made by Pairloom: 3, over 2 distinct images"),
        text);
    assertTrue(text.contains("Left out: 1, because"), text);
    assertTrue(text.contains("| bdhs-noise | 3 | 0.500 | models/demo | " + id("model")), text);
    assertTrue(text.contains("| 7 | " + id("recipe") + " |"), text);
    assertTrue(text.contains("- `bdhs-noise`: `{\"mask-rate\":\"0.99\"}`"), text);
    assertTrue(text.contains("## Licence"), text);
  }

  private static String configDescription(Path export) throws IOException {
    return Files.readAllLines(export.resolve("README.md")).stream()
        .filter(line -> line.startsWith("  description: rows sha256 "))
        .findFirst()
        .orElseThrow();
  }

  private void assertManifest(Path export) throws IOException {
    JsonNode manifest = JSON.readTree(export.resolve("manifest.json").toFile());
    assertEquals(4, manifest.get("read").asInt());
    assertEquals(3, manifest.get("rows").asInt());
    assertEquals(1, manifest.get("dropped").get("image-marker-in-text").asInt());
    assertEquals(
        warehouse.version(Table.PREFERENCE_PAIRS), manifest.get("table").get("version").asLong());
    assertEquals(2, manifest.get("images").get("count").asInt());
    assertEquals(OWN_FILE.length + IN_TAR.length, manifest.get("images").get("bytes").asInt());
    List<String> listed = new ArrayList<>();
    for (JsonNode file : manifest.get("files")) {
      byte[] bytes = Files.readAllBytes(export.resolve(file.get("path").asText()));
      assertEquals(bytes.length, file.get("bytes").asInt());
      assertEquals(ContentId.of(bytes), file.get("sha256").asText());
      listed.add(file.get("path").asText());
    }
    assertEquals(
        List.of("parquet/train-00000.parquet", "trl/train-00000.jsonl", "README.md"), listed);
  }

  @Test
  void aSecondRunDoesNothingUntilTheTableTheSettingsOrTheFilesChange() throws IOException {
    add(pair("a", OWN_FILE, "Where?", "Here.", "There."));
    export(List.of(ExportFormat.TRL_JSONL));
    Path export = folder.resolve("warehouse/exports/test-pairs");
    Map<String, String> first = contents(export);
    // What the disk holds when a driver dies between the two renames of publishing.
    Files.move(export, export.resolveSibling(".test-pairs.retired"));
    Files.createDirectories(export.resolveSibling(".test-pairs.staging-1/trl"));

    StepResult again = export(List.of(ExportFormat.TRL_JSONL));
    assertEquals(new StepResult(0, 0, Map.of(), Map.of(), 1, Map.of()), again);
    assertEquals(first, contents(export));
    assertEquals(List.of("test-pairs"), namesIn(export.getParent()));

    Files.delete(export.resolve("images/" + ContentId.of(OWN_FILE) + ".jpg"));
    assertEquals(1, export(List.of(ExportFormat.TRL_JSONL)).written());
    assertEquals(first, contents(export));

    String firstConfig = configDescription(export);
    add(pair("b", IN_TAR, "Where?", "Here.", "There."));
    assertEquals(2, export(List.of(ExportFormat.TRL_JSONL)).written());
    // load_dataset caches a local folder by its card's header: other rows need another header.
    assertNotEquals(firstConfig, configDescription(export));
    assertEquals(2, Files.readAllLines(export.resolve("trl/train-00000.jsonl")).size());

    assertEquals(2, export(List.of(ExportFormat.PARQUET)).written());
    assertEquals(
        List.of("README.md", "manifest.json", "parquet/train-00000.parquet"),
        List.copyOf(contents(export).keySet()));
    assertFalse(Files.readString(export.resolve("README.md")).contains("configs:"));
    assertTrue(JSON.readTree(export.resolve("manifest.json").toFile()).get("images").isNull());
  }

  @Test
  void whatAnEvaluationSetHasSincePairsWereKeptIsLeftOut() throws IOException {
    CandidatePair good = pair("a", IN_TAR, "Where?", "Here.", "There.");
    CandidatePair asked = pair("b", IN_TAR, "What is it?", "A boat.", "A car.");
    CandidatePair seen = pair("c", OWN_FILE, "Where?", "Here.", "There.");
    CandidatePair shown =
        ofImage(
            "d",
            IN_TAR,
            new Transform(
                "other-image", Map.of("image-id", ContentId.of(OWN_FILE)), id("pixels"), null));
    add(good, asked, seen, shown);
    assertEquals(4, export(List.of(ExportFormat.PARQUET)).written());
    warehouse.append(
        Table.CONTAMINATIONS,
        spark.createDataFrame(
            List.of(
                RowFactory.create("image", ContentId.of(OWN_FILE), "one"),
                RowFactory.create("image", ContentId.of(OWN_FILE), "another"),
                RowFactory.create("pair", asked.pairId(), "one")),
            Table.CONTAMINATIONS.schema()));

    StepResult result = export(List.of(ExportFormat.PARQUET));

    assertEquals(4, result.read());
    assertEquals(1, result.written());
    assertEquals(Map.of("contaminated", 3L), result.dropped());
    Path export = folder.resolve("warehouse/exports/test-pairs");
    assertParquet(List.of(good), export);
    String card = Files.readString(export.resolve("README.md"));
    assertTrue(
        card.contains("Left out: 3, because an image, the prompt or an earlier question of theirs"),
        card);
    JsonNode manifest = JSON.readTree(export.resolve("manifest.json").toFile());
    assertEquals(3, manifest.get("dropped").get("contaminated").asInt());
    assertEquals(4, export(List.of(ExportFormat.PARQUET)).alreadyDone());
  }

  @Test
  void aBoundOnTheRowsOfFilesLosesNone() {
    add(
        pair("a", OWN_FILE, "Where?", "Here.", "There."),
        pair("b", OWN_FILE, "Where?", "Now.", "There."),
        pair("c", OWN_FILE, "Where?", "Never.", "There."));
    String bound = "spark.sql.files.maxRecordsPerFile";
    spark.conf().set(bound, 1);
    try {
      export(List.of(ExportFormat.PARQUET));
    } finally {
      spark.conf().unset(bound);
    }
    String export = folder.resolve("warehouse/exports/test-pairs/parquet").toString();
    assertEquals(3, spark.read().parquet(export).count());
  }

  @Test
  void theSameRowsGiveTheSameFilesHoweverTheyArePartitioned() throws IOException {
    List<CandidatePair> pairs =
        IntStream.range(0, 50)
            .mapToObj(i -> pair("p" + i, i % 2 == 0 ? OWN_FILE : IN_TAR, "Q" + i, "A", "B" + i))
            .toList();
    List<Map<String, String>> exports = new ArrayList<>();
    for (int partitions : new int[] {1, 7}) {
      spark.conf().set("spark.sql.shuffle.partitions", partitions);
      Path export = folder.resolve("export-" + partitions);
      Warehouse own = withImages("warehouse-" + partitions);
      List<Row> rows = pairs.stream().map(CandidatePair.CODEC::toRow).toList();
      own.append(
          Table.PREFERENCE_PAIRS,
          spark.createDataFrame(rows, CandidatePair.CODEC.schema()).repartition(partitions));
      new ExportStep(20)
          .run(Pairs.context(spark, own, new ExportSettings(BOTH, export.toString(), 0)));
      Map<String, String> contents = new TreeMap<>(contents(export));
      contents.keySet().removeIf(name -> name.equals("manifest.json"));
      exports.add(contents);
    }
    spark.conf().set("spark.sql.shuffle.partitions", 3);

    assertEquals(exports.get(0), exports.get(1));
    List<String> ids = new ArrayList<>();
    for (int file = 0; file < 3; file++) {
      Path lines = folder.resolve("export-7/trl/train-0000" + file + ".jsonl");
      for (String line : Files.readAllLines(lines)) {
        ids.add(JSON.readTree(line).get("pair_id").asText());
      }
    }
    assertEquals(pairs.stream().map(CandidatePair::pairId).sorted().toList(), ids);
  }

  @Test
  void noImageNorACopyOfItIsOnBothSidesWhateverTheSeed() {
    // Of 300 images, each of two pairs, the first 200 are copies two by two, the last 30 of one.
    int images = 300;
    List<CandidatePair> pairs = new ArrayList<>();
    List<Row> copies = new ArrayList<>();
    Map<String, String> clusters = new HashMap<>();
    for (int i = 0; i < images; i++) {
      String image = id("image " + i);
      String kept = id("image " + (i < 200 ? i - i % 2 : Math.min(i, 270)));
      clusters.put(image, kept);
      if (!image.equals(kept)) {
        copies.add(copy(image, kept));
      }
      for (String answer : List.of("A boat.", "A car.")) {
        pairs.add(Pairs.pair(answer + i, image, "Where?", "A beach.", answer, "bdhs-noise", 1));
      }
    }
    Dataset<Row> table =
        spark.createDataFrame(
            pairs.stream().map(CandidatePair.CODEC::toRow).toList(), CandidatePair.CODEC.schema());
    Dataset<Row> duplicates = spark.createDataFrame(copies, Table.DUPLICATES.schema());
    Set<Set<String>> draws = new HashSet<>();
    for (long seed = 1; seed <= 4; seed++) {
      Set<String> smaller = Set.of();
      for (double share : new double[] {0.1, 0.5}) {
        Manifest.Draw draw = new Manifest.Draw(share, seed, null);
        List<Split> splits = Split.drawn(table, duplicates, draw, 100);
        Map<String, Set<String>> sides = new TreeMap<>();
        long rows = 0;
        for (Split split : splits) {
          List<String> ids = imagesOf(split);
          assertEquals(split.rows(), ids.size());
          rows += ids.size();
          sides.put(split.name(), ids.stream().map(clusters::get).collect(Collectors.toSet()));
        }
        assertEquals(pairs.size(), rows);
        Set<String> both = new HashSet<>(sides.get("train"));
        both.retainAll(sides.get("validation"));
        assertEquals(Set.of(), both);
        // 70 images without copies, 100 with one, and one with 29: five standard deviations.
        double twoDrawn = share * share;
        assertEquals(
            70 * share + 100 * twoDrawn,
            sides.get("validation").size(),
            5 * Math.sqrt(70 * share * (1 - share) + 100 * twoDrawn * (1 - twoDrawn)));
        assertTrue(sides.get("validation").containsAll(smaller), "a larger share takes none back");
        smaller = sides.get("validation");
      }
      draws.add(smaller);
    }
    assertEquals(4, draws.size());
  }

  @Test
  void aShareForValidationMakesFilesOfBothSidesWhichCardAndManifestTellOf() throws IOException {
    // Seed 7 draws OWN_FILE at 0.17 and IN_TAR at 0.43.
    CandidatePair a = pair("a", OWN_FILE, "Where?", "Here.", "There.");
    CandidatePair b = pair("b", IN_TAR, "Where?", "Here.", "There.");
    CandidatePair c = pair("c", IN_TAR, "Where?", "Here.", "Nowhere.");
    CandidatePair ofBoth =
        ofImage(
            "both",
            IN_TAR,
            new Transform(
                "other-image", Map.of("image-id", ContentId.of(OWN_FILE)), id("pixels"), null));
    add(a, b, c, ofBoth);
    List<ExportFormat> all = List.of(ExportFormat.values());

    StepResult result = export(all, 0.3);

    assertEquals(3, result.written());
    assertEquals(Map.of("images-on-both-sides", 1L), result.dropped());
    assertEquals(2, result.metrics().get("train-rows"));
    assertEquals(1, result.metrics().get("validation-rows"));
    Path export = folder.resolve("warehouse/exports/test-pairs");
    Map<String, String> first = contents(export);
    assertEquals(
        List.of("train-00000.parquet", "validation-00000.parquet"),
        namesIn(export.resolve("parquet")));
    assertEquals(
        List.of("train-00000.jsonl", "validation-00000.jsonl"), namesIn(export.resolve("trl")));
    for (Map.Entry<String, List<CandidatePair>> side :
        Map.of("train", List.of(b, c), "validation", List.of(a)).entrySet()) {
      List<String> ids = side.getValue().stream().map(CandidatePair::pairId).sorted().toList();
      Path lines = export.resolve("trl/" + side.getKey() + "-00000.jsonl");
      List<String> written = new ArrayList<>();
      for (String line : Files.readAllLines(lines)) {
        written.add(JSON.readTree(line).get("pair_id").asText());
      }
      assertEquals(ids, written);
      Path parquet = export.resolve("parquet/" + side.getKey() + "-00000.parquet");
      assertEquals(
          ids,
          spark.read().parquet(parquet.toString()).collectAsList().stream()
              .map(row -> row.<String>getAs("pair_id"))
              .toList());
    }
    String card = Files.readString(export.resolve("README.md"));
    JsonNode files =
        new ObjectMapper(new YAMLFactory())
            .readTree(card.split("(?m)^---$", 3)[1])
            .get("configs")
            .get(0)
            .get("data_files");
    assertEquals("train", files.get(0).get("split").asText());
    assertEquals("trl/train-*.jsonl", files.get(0).get("path").asText());
    assertEquals("validation", files.get(1).get("split").asText());
    assertEquals("trl/validation-*.jsonl", files.get(1).get("path").asText());
    assertTrue(card.contains("| train | 2 |\n| validation | 1 |\n"), card);
    assertTrue(card.contains("Left out: 1, because one"), card);
    for (String option :
        List.of(
            "--dataset /path/to/this/export/swift/train-*.jsonl \\\n",
            "--val_dataset /path/to/this/export/swift/validation-*.jsonl ...\n")) {
      assertTrue(card.contains(option), card);
    }
    JsonNode manifest = JSON.readTree(export.resolve("manifest.json").toFile());
    assertEquals(2, manifest.get("splits").get("train").asInt());
    assertEquals(1, manifest.get("splits").get("validation").asInt());

    assertEquals(4, export(all, 0.3).alreadyDone());
    Files.delete(export.resolve("trl/validation-00000.jsonl"));
    assertEquals(3, export(all, 0.3).written());
    assertEquals(first, contents(export));

    assertEquals(3, export(BOTH, 0.4).written(), "another share is another export");
    assertEquals(2, JSON.readTree(export.resolve("manifest.json").toFile()).get("splits").size());

    // Now both are one picture, on the side of the one that was for training.
    List<Row> copy = List.of(copy(ContentId.of(IN_TAR), ContentId.of(OWN_FILE)));
    warehouse.append(Table.DUPLICATES, spark.createDataFrame(copy, Table.DUPLICATES.schema()));
    JobException e = assertThrows(JobException.class, () -> export(BOTH, 0.4));
    assertTrue(e.getMessage().contains("export.validation-share 0.4 and seed 7"), e.getMessage());
    assertTrue(e.getMessage().contains("the validation side gets none"), e.getMessage());
    assertEquals(4, export(BOTH).written());
    assertEquals(List.of("train-00000.parquet"), namesIn(export.resolve("parquet")));
  }

  private static Row copy(String image, String kept) {
    return RowFactory.create("image", image, kept, kept, 1.0);
  }

  private static List<String> imagesOf(Split split) {
    return split.pairs().select("image_id").collectAsList().stream()
        .map(row -> row.getString(0))
        .toList();
  }

  @Test
  void anImageThatIsGoneOrHasChangedLeavesTheOldExportAlone() throws IOException {
    add(pair("a", IN_TAR, "Where?", "Here.", "There."));
    export(List.of(ExportFormat.TRL_JSONL));
    Path export = folder.resolve("warehouse/exports/test-pairs");
    Map<String, String> before = contents(export);
    add(pair("b", OWN_FILE, "Where?", "Here.", "There."));

    try {
      Files.writeString(photograph, "another photograph");
      assertExportFails(
          "Cannot export 1 of the images, nothing is written", "a photo.jpg", "changed");
      Files.delete(photograph);
      assertExportFails("Cannot export 1 of the images, nothing is written", "a photo.jpg");
    } finally {
      Files.write(photograph, OWN_FILE);
    }

    assertEquals(before, contents(export));
    assertEquals(List.of("test-pairs"), namesIn(export.getParent()));
  }

  @Test
  void anImageThatIsInNoTableIsNamed() {
    add(pair("a", "nowhere".getBytes(StandardCharsets.UTF_8), "Where?", "Here.", "There."));
    assertExportFails("image " + id("nowhere") + " is not in table images");
  }

  @Test
  void aLineWhoseImageIsNotAmongThoseThatWereCopiedIsAnError() {
    CandidatePair pair = pair("a", OWN_FILE, "Where?", "Here.", "There.");
    Dataset<Row> pairs =
        spark.createDataFrame(
            List.of(CandidatePair.CODEC.toRow(pair)), CandidatePair.CODEC.schema());
    Dataset<Row> files =
        spark.createDataFrame(
            List.of(RowFactory.create(null, null, null, null, "gone")), ImageWriter.OUTCOME);
    for (JsonLines format : JsonLines.values()) {
      Exception e =
          assertThrows(
              Exception.class, () -> format.of(pairs, files).collectAsList(), format.name());
      assertTrue(e.getMessage().contains("pair " + pair.pairId() + ": image "), e.getMessage());
    }
  }

  @Test
  void pairsOfImagesAreWrittenWithBothImagesWhereTheFormatHasAPlaceForThem() throws IOException {
    RgbImage picture = scene("000300.png");
    byte[] own = ImageEdits.toPng(picture);
    Path file = Files.write(folder.resolve("own.png"), own);
    warehouse.append(Table.IMAGES, Image.CODEC, List.of(image(file.toString(), 0, own, "png")));
    CandidatePair text = pair("text", OWN_FILE, "Where?", "Here.", "There.");
    RgbImage part = ImageEdits.crop(picture, 3, 5, 20, 30);
    CandidatePair crop =
        ofImage(
            "crop",
            own,
            edited("crop", Map.of("left", "3", "top", "5", "width", "20", "height", "30"), part));
    CandidatePair black =
        ofImage("black", own, edited("black", Map.of(), ImageEdits.black(picture)));
    RgbImage turned = ImageEdits.rotate(picture, 33.3);
    CandidatePair rotate =
        ofImage("rotate", own, edited("rotate", Map.of("degrees", "33.3"), turned));
    Transform noisy = RejectedImage.noise(EYE.apply(picture), 500, KeyedRandom.of(7)).transform();
    CandidatePair noise = ofImage("noise", own, noisy);
    CandidatePair other =
        ofImage(
            "other",
            own,
            new Transform(
                "other-image", Map.of("image-id", ContentId.of(IN_TAR)), id("pixels"), null));
    // What is no noise does not depend on the model.
    CandidatePair dark =
        ofImage("dark", own, new Transform("black", Map.of(), id("seen otherwise"), null));
    add(text, crop, black, rotate, noise, other, dark);

    StepResult result = export(List.of(ExportFormat.values()));

    assertEquals(7, result.written());
    assertEquals(Map.of(), result.dropped());
    Path export = folder.resolve("warehouse/exports/test-pairs");
    assertEquals(
        List.of(text.pairId()),
        lines(export.resolve("trl")).stream().map(line -> line.get("pair_id").asText()).toList());
    assertEquals(7, spark.read().parquet(export.resolve("parquet").toString()).count());
    Map<String, JsonNode> swift = new TreeMap<>();
    lines(export.resolve("swift")).forEach(line -> swift.put(line.get("pair_id").asText(), line));
    assertEquals(7, swift.size());
    for (CandidatePair pair : List.of(text, crop, black, rotate, noise, other)) {
      JsonNode line = swift.get(pair.pairId());
      List<String> asked =
          List.of("user: <image>Hi", "assistant: Hello \uD83D\uDE00", "user: " + pair.prompt());
      assertEquals(with(asked, pair.chosen()), messages(line.get("messages")));
      assertEquals(with(asked, pair.rejected()), messages(line.get("rejected_messages")));
      assertTrue(path(line, "images").startsWith("images/" + pair.imageId() + "."));
    }
    assertEquals(
        path(swift.get(text.pairId()), "images"),
        path(swift.get(text.pairId()), "rejected_images"));
    assertArrayEquals(
        IN_TAR,
        Files.readAllBytes(export.resolve(path(swift.get(other.pairId()), "rejected_images"))));
    for (CandidatePair pair : List.of(crop, black, rotate)) {
      RgbImage made = decoded(export, swift.get(pair.pairId()));
      // What the model saw, to the last bit.
      assertEquals(
          pair.provenance().transform().pixelsSha256(), EYE.apply(made).sha256(), pair.strategy());
    }
    assertNoise(
        RejectedImage.rebuild(noisy, picture, EYE::apply),
        decoded(export, swift.get(noise.pairId())));
    assertEquals(
        Stream.of(crop, black, rotate, noise, dark).map(p -> p.pairId() + ".png").sorted().toList(),
        namesIn(export.resolve("images/rejected")));
    assertEquals(3 + 5, result.metrics().get("images"));

    String card = Files.readString(export.resolve("README.md"));
    assertTrue(card.contains("In 6 of them both sides are one text"), card);
    assertTrue(card.contains("Without the 6 pairs of images: TRL has no place"), card);
    assertTrue(card.contains("--dataset /path/to/this/export/swift/train-*.jsonl ...\n"), card);
    JsonNode header = new ObjectMapper(new YAMLFactory()).readTree(card.split("(?m)^---$", 3)[1]);
    assertEquals("swift", header.get("configs").get(1).get("config_name").asText());
    List<String> features = new ArrayList<>();
    header
        .get("dataset_info")
        .get(1)
        .get("features")
        .forEach(feature -> features.add(feature.get("name").asText()));
    assertEquals(names(swift.get(text.pairId())), features);
    JsonNode manifest = JSON.readTree(export.resolve("manifest.json").toFile());
    assertEquals(6, manifest.get("pairsOfImages").asInt());

    assertEquals(7, export(List.of(ExportFormat.values())).alreadyDone());
    StepResult forTrl = export(List.of(ExportFormat.TRL_JSONL));
    assertEquals(1, forTrl.written());
    assertEquals(Map.of("pair-of-images", 6L), forTrl.dropped());
    assertFalse(Files.exists(export.resolve("images/rejected")));
    assertTrue(Files.readString(export.resolve("README.md")).contains("Left out: 6, because both"));
  }

  @Test
  void noiseOnWhatAnotherModelSawIsLeftOutAndCountedUntilTheRecipeNamesThatModel()
      throws IOException {
    RgbImage picture = scene("000300.png");
    byte[] own = ImageEdits.toPng(picture);
    Path file = Files.write(folder.resolve("own.png"), own);
    warehouse.append(Table.IMAGES, Image.CODEC, List.of(image(file.toString(), 0, own, "png")));
    Transform seen = RejectedImage.noise(EYE.apply(picture), 500, KeyedRandom.of(7)).transform();
    CandidatePair text = pair("text", own, "Where?", "Here.", "There.");
    add(text, ofImage("noise", own, seen), ofImage("too", own, seen));

    Path other = Files.createDirectories(folder.resolve("other-model"));
    Files.writeString(
        other.resolve("preprocessor_config.json"),
        Files.readString(Path.of(Pairs.MODEL.path(), "preprocessor_config.json"))
            .replace("0.5", "0.25"));
    List<ExportFormat> formats = List.of(ExportFormat.TRL_JSONL, ExportFormat.SWIFT_JSONL);
    Recipe ofOther =
        Pairs.recipe(
            ModelSpec.onCpu(other),
            Pairs.SCORE,
            new SelectSettings(Pairs.OFF, List.of(), List.of(), List.of(), 0, ""),
            new ExportSettings(formats, "", 0));

    StepResult result = new ExportStep().run(new StepContext(spark, warehouse, ofOther));

    assertEquals(1, result.written());
    assertEquals(Map.of("noise-of-another-model", 2L), result.dropped());
    Path export = folder.resolve("warehouse/exports/test-pairs");
    assertTrue(
        Files.readString(export.resolve("README.md")).contains("Left out: 2, because their"));
    assertEquals(3, export(formats).written());
    assertEquals(3, export(formats).alreadyDone());
  }

  @Test
  void anImageThatCannotBeMadeAgainNamesItsPair() throws IOException {
    byte[] own = ImageEdits.toPng(scene("000300.png"));
    Path file = Files.write(folder.resolve("own.png"), own);
    warehouse.append(Table.IMAGES, Image.CODEC, List.of(image(file.toString(), 0, own, "png")));
    CandidatePair strange =
        ofImage("strange", own, new Transform("mirror", Map.of(), id("pixels"), null));
    add(strange);
    JobException e =
        assertThrows(JobException.class, () -> export(List.of(ExportFormat.SWIFT_JSONL)));
    assertTrue(
        e.getMessage().contains("rejected image of pair " + strange.pairId() + ": Cannot make"),
        e.getMessage());
    e = assertThrows(JobException.class, () -> export(BOTH));
    assertTrue(e.getMessage().contains("every pair rejects an image"), e.getMessage());
  }

  @Test
  void picturesThatTrainersWouldSeeOtherwiseAreWrittenAsTheModelSawThem() throws IOException {
    Map<String, BadInputs.File> inputs = BadInputs.files();
    byte[] turned = inputs.get("turned-6.jpg").bytes();
    byte[] seeThrough = inputs.get("see-through.png").bytes();
    byte[] plain = inputs.get("really-a-jpeg.png").bytes();
    List<Image> images = new ArrayList<>();
    for (byte[] bytes : List.of(turned, seeThrough, plain)) {
      Path file = Files.write(folder.resolve("image-" + images.size()), bytes);
      images.add(image(file.toString(), 0, bytes, bytes == seeThrough ? "png" : "jpeg"));
    }
    warehouse.append(Table.IMAGES, Image.CODEC, images);
    Transform other =
        new Transform("other-image", Map.of("image-id", ContentId.of(turned)), id("pixels"), null);
    CandidatePair ofTwo = ofImage("two", seeThrough, other);
    add(pair("plain", plain, "Where?", "Here.", "There."), ofTwo);

    export(List.of(ExportFormat.SWIFT_JSONL));

    Path export = folder.resolve("warehouse/exports/test-pairs");
    for (byte[] bytes : List.of(turned, seeThrough)) {
      byte[] written = Files.readAllBytes(export.resolve("images/" + ContentId.of(bytes) + ".png"));
      RgbImage seen = new ImageDecoder(ImageLimits.DEFAULTS).decode(bytes).image();
      BufferedImage shown = ImageIO.read(new ByteArrayInputStream(written));
      assertEquals(seen.width() + "x" + seen.height(), shown.getWidth() + "x" + shown.getHeight());
      assertFalse(shown.getColorModel().hasAlpha());
      assertEquals(seen, new ImageDecoder(ImageLimits.DEFAULTS).decode(written).image());
    }
    assertArrayEquals(
        plain, Files.readAllBytes(export.resolve("images/" + ContentId.of(plain) + ".jpg")));
    JsonNode line =
        lines(export.resolve("swift")).stream()
            .filter(some -> some.get("pair_id").asText().equals(ofTwo.pairId()))
            .findFirst()
            .orElseThrow();
    assertEquals("images/" + ContentId.of(seeThrough) + ".png", path(line, "images"));
    assertEquals("images/" + ContentId.of(turned) + ".png", path(line, "rejected_images"));
    JsonNode listed = JSON.readTree(export.resolve("manifest.json").toFile()).get("images");
    assertEquals(3, listed.get("count").asInt());
    assertEquals(2, listed.get("redrawn").asInt());
    String card = Files.readString(export.resolve("README.md"));
    assertTrue(card.contains("2 of them are not the source's bytes"), card);
  }

  private static Image image(String uri, long offset, byte[] content, String format) {
    return new Image(
        ContentId.of(content),
        uri,
        offset,
        content.length,
        format,
        4,
        4,
        "test",
        id("pixels"),
        id("hash"));
  }

  private static CandidatePair ofImage(String strategy, byte[] image, Transform transform) {
    return Pairs.ofImage(
        Pairs.pair(strategy, ContentId.of(image), "Where?", "Here.", "-", strategy, 1), transform);
  }

  private static Transform edited(String name, Map<String, String> parameters, RgbImage shown) {
    return new Transform(name, parameters, EYE.apply(shown).sha256(), null);
  }

  private static RgbImage scene(String name) throws IOException {
    return new ImageDecoder(ImageLimits.DEFAULTS)
        .decode(
            Files.readAllBytes(
                Path.of(System.getProperty("pairloom.root"), "models/demo-data/images", name)))
        .image();
  }

  private static RgbImage decoded(Path export, JsonNode line) throws IOException {
    return new ImageDecoder(ImageLimits.DEFAULTS)
        .decode(Files.readAllBytes(export.resolve(path(line, "rejected_images"))))
        .image();
  }

  /** Checks that a picture shows a tensor as nearly as eight bits can, white and black cut off. */
  private static void assertNoise(PixelTensor pixels, RgbImage picture) {
    PixelTensor shown = EYE.apply(picture);
    PixelTensor white = EYE.apply(filled(picture, 255));
    PixelTensor black = EYE.apply(filled(picture, 0));
    int cutOff = 0;
    for (int channel = 0; channel < 3; channel++) {
      double step = (white.value(channel, 0, 0) - black.value(channel, 0, 0)) / 255.0;
      for (int y = 0; y < pixels.height(); y++) {
        for (int x = 0; x < pixels.width(); x++) {
          float value = pixels.value(channel, y, x);
          float least = black.value(channel, y, x);
          float most = white.value(channel, y, x);
          cutOff += value < least || value > most ? 1 : 0;
          assertEquals(
              Math.max(least, Math.min(most, value)), shown.value(channel, y, x), 0.51 * step);
        }
      }
    }
    assertTrue(cutOff > 0, "noise goes beyond black and white");
  }

  private static RgbImage filled(RgbImage like, int sample) {
    byte[] rgb = like.toBytes();
    Arrays.fill(rgb, (byte) sample);
    return RgbImage.copyOf(like.width(), like.height(), rgb);
  }

  private static List<JsonNode> lines(Path folder) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve("train-00000.jsonl"))) {
      lines.add(JSON.readTree(line));
    }
    return lines;
  }

  private static String path(JsonNode line, String key) {
    assertEquals(1, line.get(key).size());
    return line.get(key).get(0).asText();
  }

  private static List<String> with(List<String> turns, String answer) {
    return Stream.concat(turns.stream(), Stream.of("assistant: " + answer)).toList();
  }

  @Test
  void aFolderWithOtherFilesIsNotReplaced() throws IOException {
    add(pair("a", OWN_FILE, "Where?", "Here.", "There."));
    Path export = folder.resolve("warehouse/exports/test-pairs");
    Path thesis = export.resolve("images/thesis.tex");
    Files.createDirectories(thesis.getParent());
    Files.writeString(thesis, "years of work");
    assertExportFails("it holds images/thesis.tex, which no export wrote", "set export.path");
    assertEquals("years of work", Files.readString(thesis));
    Files.delete(thesis);
    Path manifest = export.resolve("manifest.json");
    for (String other : List.of("{\"name\": \"an app\"}", "{\"layout\": \"grid\"}", "[1]", "")) {
      Files.writeString(manifest, other);
      assertExportFails("it holds manifest.json, which no export wrote", "set export.path");
      assertEquals(other, Files.readString(manifest));
    }
    // An export of another layout, whatever else that had.
    Files.writeString(manifest, "{\"layout\": 2, \"recipe\": \"test-pairs\", \"shards\": 3}");
    assertEquals(1, export(List.of(ExportFormat.PARQUET)).written());
    assertEquals(List.of("test-pairs"), namesIn(export.getParent()));
  }

  @Test
  void ofTwoExportsToOneFolderAtOnceTheFirstSaysSo() throws IOException {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    String target = folder.resolve("exports/both").toString();
    try (ExportFolder first = ExportFolder.open(hadoop, target)) {
      first.staged().write("README.md", out -> out.write('#'));
      try (ExportFolder second = ExportFolder.open(hadoop, target)) {
        second.staged().write("README.md", out -> out.write('#'));
        // A task of the first one that was under way makes its folder anew.
        first.staged().write("manifest.json", out -> out.write('{'));

        JobException e = assertThrows(JobException.class, first::publish);

        assertTrue(e.getMessage().startsWith("Another run exports to "), e.getMessage());
        second.publish();
      }
    }
    assertTrue(Files.exists(folder.resolve("exports/both/README.md")));
    assertFalse(Files.exists(folder.resolve("exports/both/manifest.json")));
    assertFalse(Files.exists(folder.resolve("exports/both/_token")));
    assertEquals(List.of("both"), namesIn(folder.resolve("exports")));
  }

  @Test
  void nothingToExportSaysWhatToDo() {
    assertExportFails("table preference_pairs in " + folder, "Run the select step first");
    add(pair("a", OWN_FILE, "Where is <image>?", "Here.", "There."));
    assertExportFails("all 1 rows", "hold the text <image>");
  }

  @Test
  void noFormatsWriteNothing() {
    assertEquals(new StepResult(0, 0, Map.of(), Map.of(), 0, Map.of()), export(List.of()));
    assertFalse(Files.exists(folder.resolve("warehouse/exports")));
  }

  @Test
  void markersAreSeenInEveryText() {
    add(
        pair("a", OWN_FILE, "Where is <image>?", "Here.", "There."),
        pair("b", OWN_FILE, "Where?", "<image>", "There."),
        pair("c", OWN_FILE, "Where?", "Here.", "There.<image>"),
        Pairs.withContext(pair("d", OWN_FILE, "Where?", "Here.", "There."), "<image>\nLook."),
        Pairs.withContext(pair("e", OWN_FILE, "Where?", "Here.", "There."), "<images> and image"));
    StepResult result = export(List.of(ExportFormat.PARQUET));
    assertEquals(1, result.written());
    assertEquals(Map.of("image-marker-in-text", 4L), result.dropped());
    assertNull(result.metrics().get("images"));
  }

  private void assertExportFails(String... parts) {
    JobException e = assertThrows(JobException.class, () -> export(BOTH));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  private StepResult export(List<ExportFormat> formats) {
    return export(formats, 0);
  }

  private StepResult export(List<ExportFormat> formats, double validationShare) {
    return new ExportStep()
        .run(Pairs.context(spark, warehouse, new ExportSettings(formats, "", validationShare)));
  }

  private void add(CandidatePair... pairs) {
    Pairs.addKept(spark, warehouse, List.of(pairs));
  }

  private static CandidatePair pair(
      String name, byte[] image, String prompt, String chosen, String rejected) {
    return Pairs.pair(name, ContentId.of(image), prompt, chosen, rejected, "bdhs-noise", 2);
  }

  private static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  private static List<String> messages(JsonNode array) {
    List<String> messages = new ArrayList<>();
    for (JsonNode message : array) {
      assertEquals(List.of("role", "content"), names(message));
      assertTrue(message.get("content").isTextual());
      messages.add(message.get("role").asText() + ": " + message.get("content").asText());
    }
    return messages;
  }

  /** Returns the digest of every file, by its path from {@code root}. */
  private static Map<String, String> contents(Path root) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> files = Files.walk(root)) {
      files
          .filter(Files::isRegularFile)
          .forEach(
              file -> contents.put(root.relativize(file).toString(), ContentId.of(bytes(file))));
    }
    return contents;
  }

  private static List<String> namesIn(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}

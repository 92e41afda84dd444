package io.github.pairloom.jobs.ingest;

import static io.github.pairloom.jobs.ingest.SourceFolder.array;
import static io.github.pairloom.jobs.ingest.SourceFolder.lines;
import static io.github.pairloom.jobs.ingest.SourceFolder.picture;
import static io.github.pairloom.jobs.ingest.SourceFolder.row;
import static io.github.pairloom.jobs.ingest.SourceFolder.tar;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.TooManyBadRowsException;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.RecipeReader;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.schemas.Condition;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.Sample;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.image.ImageBytes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.commons.io.FileUtils;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestIngestStep {
  private static final String QUESTION = "<image>\nWhat is it?";
  private static SparkSession spark;

  @TempDir Path folder;
  private SourceFolder files;
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
    files = new SourceFolder(folder.resolve("source"));
    warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
  }

  @Test
  void eachAssistantTurnIsASampleWithTheTurnsBeforeItAsContext() throws IOException {
    files.pictures(1);
    files.write(
        "rows.json",
        array(row("images/0.png", QUESTION, "A boat.", "Where?", "At sea.", "And when?")));

    StepResult result = ingest("llava", "rows.json");

    assertEquals(3, result.read());
    assertEquals(3, result.written());
    String image = ContentId.of(picture("png", 0));
    List<Turn> first =
        List.of(new Turn(Turn.USER, "What is it?"), new Turn(Turn.ASSISTANT, "A boat."));
    List<Turn> second = new ArrayList<>(first);
    second.addAll(List.of(new Turn(Turn.USER, "Where?"), new Turn(Turn.ASSISTANT, "At sea.")));
    List<Sample> samples = samples();
    assertEquals(
        List.of("What is it?", "Where?", "And when?"),
        samples.stream().map(Sample::prompt).toList());
    assertEquals(
        Arrays.asList("A boat.", "At sea.", null), samples.stream().map(Sample::response).toList());
    assertEquals(List.of(List.of(), first, second), samples.stream().map(Sample::context).toList());
    assertEquals(List.of(image, image, image), samples.stream().map(Sample::imageId).toList());
    assertEquals(1, warehouse.read(Table.IMAGES).count());
  }

  @Test
  void noTextBeginsOrEndsWithWhiteSpaceOrAByteOrderMark() throws IOException {
    ConversationParser parser =
        new ConversationParser(RecipeReader.read(recipe("webdataset", ""), List.of()).source());
    ObjectNode turns =
        row("0.png", "\uFEFF Look.\n<image>\n", " A boat.\n", "Where?\r\n", "\t\uFEFF");
    ObjectNode columns =
        Json.MAPPER
            .createObjectNode()
            .put("prompt", "What is it?\u2028")
            .put("response", "\uFEFFA  boat. \uFEFF\n");

    assertEquals(List.of("Look.", "A boat.", "Where?", ""), texts(parser.parse(turns)));
    assertEquals(List.of("What is it?", "A  boat."), texts(parser.parse(columns)));
    ObjectNode caption = Json.MAPPER.createObjectNode();
    parser.addCaption("\uFEFFA boat.\n".getBytes(UTF_8), caption);
    assertEquals(List.of("Describe the image.", "A boat."), texts(parser.parse(caption)));
  }

  private static List<String> texts(Conversation conversation) {
    return conversation.turns().stream().map(Turn::content).toList();
  }

  @Test
  void thePreferencesOfARowTravelWithItsSamplesAndTellThemApart() throws IOException {
    files.pictures(1);
    ObjectNode plain = row("images/0.png", QUESTION, "A boat.");
    ObjectNode brief = plain.deepCopy().put("user_preference", "Be brief. ");
    ObjectNode both = brief.deepCopy().put("provider_preference", "No brands.");
    ObjectNode blank = plain.deepCopy().put("user_preference", " ");
    ObjectNode number = plain.deepCopy().put("user_preference", 7);
    files.write("rows.jsonl", lines(plain, brief, both, blank, number));

    StepResult result = ingest("llava", "rows.jsonl");

    assertEquals(3, result.written(), "a blank preference is none");
    assertEquals(Map.of("conversation-malformed", 1L), result.quarantined());
    assertEquals(
        Set.of(
            Optional.empty(),
            Optional.of(new Condition(null, "Be brief.")),
            Optional.of(new Condition("No brands.", "Be brief."))),
        samples().stream()
            .map(sample -> Optional.ofNullable(sample.condition()))
            .collect(Collectors.toSet()));
    assertTrue(
        samples().stream()
            .noneMatch(sample -> String.valueOf(sample.extra()).contains("preference")),
        "they are in no other column");
  }

  @Test
  void everyBadRowIsInQuarantineWithItsReasonAndTheOthersGoOn() throws IOException {
    files.pictures(2);
    byte[] jpeg = picture("jpg", 3);
    files.write("images/empty.png", new byte[0]);
    files.write("images/text.jpg", "I am no picture.");
    files.write("images/cut.jpg", Arrays.copyOf(jpeg, jpeg.length * 2 / 3));
    ObjectNode twoUsers = row("images/0.png");
    twoUsers.set(
        "conversations",
        Json.MAPPER.valueToTree(
            List.of(
                Map.of("from", "human", "value", QUESTION),
                Map.of("from", "human", "value", "Well?"),
                Map.of("from", "gpt", "value", "A boat."))));
    String good = row("images/0.png", QUESTION, "A boat.").toString();
    files.write(
        "rows.jsonl",
        lines(
            good,
            row("images/none.png", QUESTION, "A boat."),
            row("images/empty.png", QUESTION, "A boat."),
            row("images/text.jpg", QUESTION, "A boat."),
            row("images/cut.jpg", QUESTION, "A boat."),
            row("images/0.png", QUESTION, " \n"),
            twoUsers,
            row("images/0.png", "<image><image> What are they?", "Boats."),
            row("images/0.png", "What is it?", "No marker."),
            good.replace("A boat.", "A \\uD83D boat."),
            good.substring(0, good.length() / 2),
            "[1, 2]",
            row("images/1.png", QUESTION, "A car.")));

    StepResult result = ingest("llava", "rows.jsonl");

    Map<String, Long> reasons =
        new TreeMap<>(
            Map.of(
                "image-missing", 1L,
                "image-empty", 1L,
                "image-not-an-image", 1L,
                "image-truncated", 1L,
                "response-empty", 1L,
                "turns-do-not-alternate", 1L,
                "image-count-mismatch", 2L,
                "lone-surrogate", 1L,
                "broken-json", 1L,
                "row-not-an-object", 1L));
    assertEquals(reasons, result.quarantined());
    assertEquals(13, result.read());
    assertEquals(2, result.written());
    assertEquals(
        List.of("A boat.", "A car."), samples().stream().map(Sample::response).sorted().toList());
    Map<String, Long> inTable = new TreeMap<>();
    warehouse.read(Table.QUARANTINE).groupBy("reason").count().collectAsList().stream()
        .forEach(row -> inTable.put(row.getString(0), row.getLong(1)));
    assertEquals(reasons, inTable);
  }

  @Test
  void everyOddFileIsReadRightOrQuarantinedForWhatIsWrongWithIt() throws IOException {
    Map<String, BadInputs.File> inputs = BadInputs.files();
    assertTrue(inputs.size() >= 60, inputs.size() + " files");
    List<ObjectNode> rows = new ArrayList<>();
    for (Map.Entry<String, BadInputs.File> input : inputs.entrySet()) {
      if (input.getValue().bytes() != null) {
        files.write("images/" + input.getKey(), input.getValue().bytes());
      }
      rows.add(row("images/" + input.getKey(), QUESTION, input.getKey()));
    }
    files.write("rows.jsonl", lines(rows.toArray()));

    ingest("llava", "rows.jsonl");

    List<String> names = List.copyOf(inputs.keySet());
    Map<String, String> expected = new TreeMap<>();
    inputs.forEach(
        (name, input) -> expected.put(name, input.size() == null ? input.outcome() : input.size()));
    Map<String, String> found = new TreeMap<>(reasons(names));
    warehouse
        .read(Table.SAMPLES)
        .join(warehouse.read(Table.IMAGES), "image_id")
        .select("response", "width", "height")
        .collectAsList()
        .forEach(row -> found.put(row.getString(0), row.getInt(1) + "x" + row.getInt(2)));
    assertEquals(expected, found);
    leave("files", names, expected);
  }

  @Test
  void everyOddTextIsKeptButForItsMarginsOrQuarantinedForWhatIsWrongWithIt() throws IOException {
    files.pictures(1);
    Map<String, BadInputs.Line> inputs = BadInputs.lines("images/0.png");
    assertTrue(inputs.size() >= 40, inputs.size() + " rows");
    ByteArrayOutputStream rows = new ByteArrayOutputStream();
    for (BadInputs.Line line : inputs.values()) {
      rows.writeBytes(line.bytes());
      rows.write('\n');
    }
    files.write("rows.jsonl", rows.toByteArray());

    ingest("llava", "rows.jsonl");

    List<String> names = List.copyOf(inputs.keySet());
    Map<String, String> expected = new TreeMap<>();
    inputs.forEach((name, line) -> expected.put(name, line.outcome()));
    Map<String, String> found = new TreeMap<>(reasons(names));
    for (Sample sample : samples()) {
      String name = names.get(rowNumber(sample.sourceRow()));
      String text = Json.MAPPER.valueToTree(sample.response()).toString();
      assertTrue(
          Json.object(inputs.get(name).bytes())
              .toString()
              .contains(text.substring(1, text.length() - 1)),
          name);
      found.put(name, BadInputs.READ);
    }
    assertEquals(expected, found);
    leave("texts", names, expected);
  }

  /** Leaves the source in the build's folder, with what is to become of its rows, for a cluster. */
  private void leave(String name, List<String> names, Map<String, String> expected)
      throws IOException {
    Path left = Path.of("target", "bad-inputs", name);
    FileUtils.deleteDirectory(left.toFile());
    FileUtils.copyDirectory(folder.resolve("source").toFile(), left.toFile());
    Json.MAPPER.writeValue(
        left.resolve("expected.json").toFile(), names.stream().map(expected::get).toList());
  }

  /** Returns the reasons of quarantined rows by the names of all rows. */
  private Map<String, String> reasons(List<String> names) {
    Map<String, String> reasons = new TreeMap<>();
    warehouse
        .read(Table.QUARANTINE)
        .select("source_row", "reason")
        .collectAsList()
        .forEach(row -> reasons.put(names.get(rowNumber(row.getString(0))), row.getString(1)));
    return reasons;
  }

  private static int rowNumber(String sourceRow) {
    return Integer.parseInt(sourceRow.replaceFirst(".*#(\\d+)(/.*)?", "$1"));
  }

  @Test
  void ofTwoRunsThatAddTheSameRowsTheSecondStops() throws IOException {
    files.pictures(1);
    files.write("rows.json", array(row("images/0.png", QUESTION, "A boat.")));
    Warehouse late = new Warehouse(spark, folder.resolve("warehouse").toString());
    late.read(Table.SAMPLES);
    ingest("llava", "rows.json");
    Dataset<Row> sameRows = warehouse.read(Table.SAMPLES);

    JobException e = assertThrows(JobException.class, () -> late.append(Table.SAMPLES, sameRows));

    assertTrue(e.getMessage().startsWith("Another run has added to table samples"), e.getMessage());
    assertEquals(1, warehouse.read(Table.SAMPLES).count());
    late.append(Table.SAMPLES, late.read(Table.SAMPLES).limit(0));

    // Nor beside one that puts rows in the place of others, or takes some away.
    Dataset<Row> none = sameRows.limit(0);
    for (Runnable change :
        List.<Runnable>of(
            () -> late.put(Table.SAMPLES, "sample_id", sameRows),
            () -> late.delete(Table.SAMPLES, "sample_id", none))) {
      warehouse.read(Table.SAMPLES);
      change.run();
      assertThrows(JobException.class, () -> warehouse.append(Table.SAMPLES, sameRows));
      warehouse.read(Table.SAMPLES);
      late.append(Table.SAMPLES, none);
      assertThrows(JobException.class, () -> warehouse.put(Table.SAMPLES, "sample_id", sameRows));
      assertThrows(
          JobException.class, () -> warehouse.delete(Table.SAMPLES, "sample_id", sameRows));
    }
    assertEquals(1, warehouse.read(Table.SAMPLES).count());
  }

  @Test
  void aTableThatARunDiedCreatingIsCreated() throws IOException {
    SourceFolder left = new SourceFolder(folder.resolve("new"));
    left.write("samples/_delta_log/.0.json.tmp", new byte[] {'{'});
    Files.createDirectories(folder.resolve("new/samples/_delta_log/_staged_commits"));
    left.write("images/somebody-elses.txt", new byte[] {'!'});
    Warehouse next = new Warehouse(spark, folder.resolve("new").toString());

    assertEquals(0, next.read(Table.SAMPLES).count());
    JobException e = assertThrows(JobException.class, () -> next.read(Table.IMAGES));
    assertTrue(e.getMessage().startsWith("Cannot create table images: folder "), e.getMessage());
    assertTrue(Files.exists(folder.resolve("new/images/somebody-elses.txt")));
  }

  @Test
  void aFileIsReadOnceUnlessPreferencesComeFromOtherColumns() throws IOException {
    files.pictures(2);
    files.write("rows.json", array(row("images/0.png", QUESTION, "A boat.")));
    ingest("llava", "rows.json");
    long version = warehouse.version(Table.SAMPLES);

    StepResult again = ingest("llava", "rows.json");

    assertEquals(0, again.read());
    assertEquals(1, again.alreadyDone());
    assertEquals(version, warehouse.version(Table.SAMPLES));
    assertEquals(1, ingest("llava", "rows.json", "source.user-preference-column=persona").read());
    files.write("rows.json", array(row("images/1.png", QUESTION, "A car.")));
    JobException changed = assertThrows(JobException.class, () -> ingest("llava", "rows.json"));
    assertTrue(changed.getMessage().contains("has changed since"), changed.getMessage());
  }

  @Test
  void aFileThatIsGoneIsAnErrorAndOneThatThePathDoesNotNameIsNot() throws IOException {
    files.pictures(1);
    for (String name : List.of("day-1.json", "day-2.json", "other.json")) {
      files.write(name, array(row("images/0.png", QUESTION, "In " + name)));
    }
    ingest("llava", "");
    Files.delete(folder.resolve("source/day-2.json"));

    for (String path : List.of("", "day-*.json", "{day,d}-[0-9].json")) {
      JobException e = assertThrows(JobException.class, () -> ingest("llava", path), path);
      assertTrue(e.getMessage().startsWith("1 source files"), e.getMessage());
      assertTrue(e.getMessage().contains("source/day-2.json. Their rows"), e.getMessage());
    }
    for (String path : List.of("day-1.json", "o*.json", "{day-1,other}.json")) {
      assertEquals(0, ingest("llava", path).read(), path);
    }
    assertEquals(3, warehouse.read(Table.SAMPLES).count());
  }

  @Test
  void aManifestHoldsTheSourceToWhatItLists() throws IOException {
    files.pictures(1);
    Map<String, String> hashes = new TreeMap<>();
    for (String name : List.of("a.json", "b.json")) {
      byte[] bytes = array(row("images/0.png", QUESTION, "In " + name)).getBytes(UTF_8);
      files.write(name, bytes);
      hashes.put(name, ContentId.of(bytes));
    }
    String a = hashes.get("a.json") + "  a.json\n";
    String b = hashes.get("b.json") + " *b.json\n";
    Map<String, String> refused =
        Map.of(
            a,
            "b.json. Add them to it",
            a + b + b.replace("b.json", "c.json"),
            "1 of 3 files that source.manifest",
            a + a.replace("a.json", "b.json"),
            "source/b.json is not as source.manifest",
            a + "b.json\n",
            "Line 2 of source.manifest");
    for (Map.Entry<String, String> listed : refused.entrySet()) {
      JobException e =
          assertThrows(JobException.class, () -> ingestListed(listed.getKey()), listed.getValue());
      assertTrue(e.getMessage().contains(listed.getValue()), e.getMessage());
      assertEquals(0, warehouse.read(Table.SAMPLES).count());
    }
    assertEquals(2, ingestListed("# all of it\n" + a + b).written());
    JobException late =
        assertThrows(JobException.class, () -> ingestListed(a + a.replace("a.json", "b.json")));
    assertTrue(late.getMessage().contains("source/b.json is not as"), late.getMessage());
  }

  private StepResult ingestListed(String manifest) throws IOException {
    files.write("SHA256SUMS", manifest);
    return ingest("llava", "", "source.manifest=" + folder.resolve("source/SHA256SUMS"));
  }

  /** Local files that count how often a source is opened. */
  public static final class CountingOpens extends LocalFileSystem {
    private static final AtomicInteger OPENS = new AtomicInteger();

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path path, int bufferSize)
        throws IOException {
      if (path.getName().equals("rows.jsonl")) {
        OPENS.incrementAndGet();
      }
      return super.open(path, bufferSize);
    }
  }

  @Test
  void aSourceIsReadOnceThoughSomeOfItsRowsAreQuarantined() throws IOException {
    files.pictures(1);
    files.write(
        "rows.jsonl",
        lines(row("images/0.png", QUESTION, "A boat."), row("gone.png", QUESTION, "")));
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    hadoop.set("fs.file.impl", CountingOpens.class.getName());
    hadoop.setBoolean("fs.file.impl.disable.cache", true);
    CountingOpens.OPENS.set(0);
    try {
      assertEquals(2, ingest("llava", "rows.jsonl").read());
    } finally {
      hadoop.unset("fs.file.impl");
      hadoop.unset("fs.file.impl.disable.cache");
    }
    assertEquals(1, CountingOpens.OPENS.get());
  }

  /** Local files of which one is delivered from the third try on, and the others never. */
  public static final class BusyFiles extends LocalFileSystem {
    private static final AtomicInteger OPENS = new AtomicInteger();

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path path, int bufferSize)
        throws IOException {
      if (OPENS.incrementAndGet() < 3 || !path.getName().equals("0.png")) {
        throw new IOException("Slow down");
      }
      return super.open(path, bufferSize);
    }
  }

  @Test
  void anImageIsAskedForAgainBeforeItIsUnreadableUnlessManyInARowWere() throws IOException {
    files.pictures(7);
    Configuration hadoop = new Configuration();
    hadoop.set("fs.file.impl", BusyFiles.class.getName());
    hadoop.setBoolean("fs.file.impl.disable.cache", true);
    BusyFiles.OPENS.set(0);
    ImageOpener opener = new ImageOpener(new ImageBytes(hadoop), new ImageInspector("test"), 1);
    Conversation conversation =
        new Conversation(List.of(new Turn(Turn.USER, "What is it?")), null, null);
    List<SourceRow> rows = new ArrayList<>();
    List<Integer> opens = new ArrayList<>();
    for (int i : List.of(0, 1, 2, 3, 4, 5, 6, 0, 1)) {
      String uri = folder.resolve("source/images/" + i + ".png").toString();
      rows.add(
          opener.open(
              SourceRow.conversation("rows.jsonl", i, ImageRef.at(uri), conversation, "{}")));
      opens.add(BusyFiles.OPENS.get());
    }

    assertEquals(ContentId.of(picture("png", 0)), rows.get(0).image().imageId());
    assertEquals("image-unreadable", rows.get(1).reason());
    assertEquals(
        "java.io.IOException: Slow down. Once the file can be read, ingest the row's file under"
            + " another name (source.name)",
        rows.get(1).detail());
    assertEquals(List.of(3, 7, 11, 15, 19, 23, 24, 25, 29), opens);
  }

  @Test
  void imagesOfAFileThatWasMovedAreReadWhereAnotherSourceHasThem() throws IOException {
    files.pictures(2);
    files.write(
        "rows.jsonl",
        lines(row("images/0.png", QUESTION, "A boat."), row("images/1.png", QUESTION, "A car.")));
    ingest("llava", "rows.jsonl");
    files.write("again/rows.jsonl", Files.readAllBytes(folder.resolve("source/rows.jsonl")));
    files.write("again/images/0.png", picture("png", 0));
    files.write("again/images/1.png", picture("png", 1));
    Files.delete(folder.resolve("source/images/1.png"));

    StepResult again = ingest("llava", "again/rows.jsonl", "source.name=again");

    assertEquals(Map.of("duplicate-sample", 2L), again.dropped());
    List<String> uris =
        warehouse.read(Table.IMAGES).select("uri").as(Encoders.STRING()).collectAsList().stream()
            .map(uri -> uri.replaceFirst(".*/source/", ""))
            .sorted()
            .toList();
    assertEquals(List.of("again/images/1.png", "images/0.png"), uris);
  }

  @Test
  void imagesOfATarThatWasPackedAnewWithOtherCaptionsAreReadWhereTheyLieNow() throws IOException {
    byte[] picture = picture("png", 0);
    files.write("a.tar", tar("0.png", picture, "0.txt", "A boat."));
    ingest("webdataset", "a.tar");
    files.write("a.tar", tar("0.txt", "A red boat.", "0.png", picture));

    StepResult again = ingest("webdataset", "a.tar", "source.name=again");

    assertEquals(1, again.written());
    assertEquals(0.0, again.metrics().get("images-new"));
    List<Row> images = warehouse.read(Table.IMAGES).collectAsList();
    assertEquals(1, images.size());
    assertArrayEquals(
        picture,
        new ImageBytes(spark.sparkContext().hadoopConfiguration())
            .read(Image.CODEC.fromRow(images.get(0))));
  }

  @Test
  void equalRowsAreOneSampleAndTheOthersAreDroppedWithWhatElseTheySay() throws IOException {
    files.pictures(1);
    files.write("images/copy.png", picture("png", 0));
    files.write(
        "rows.jsonl",
        lines(
            row("images/0.png", QUESTION, "A boat."),
            row("images/copy.png", QUESTION, "A boat.").put("rejected", "A cat.")));

    StepResult result = ingest("llava", "rows.jsonl");

    assertEquals(2, result.read());
    assertEquals(1, result.written());
    assertEquals(Map.of("duplicate-sample", 1L), result.dropped());
    String payload = warehouse.read(Table.QUARANTINE).select("payload").first().getString(0);
    assertTrue(payload.contains("\"rejected\":\"A cat.\""), payload);
  }

  @Test
  void aTarGivesASampleForEachKeyAndABrokenOneWhatStandsBeforeItsFault() throws IOException {
    byte[] whole =
        tar(
            "a.png", picture("png", 0),
            "a.json", "{\"prompt\": \"What is it?\", \"response\": \"A boat.\"}",
            "b.jpg", picture("jpg", 1),
            "b.txt", "A car on a road.",
            "c.json", "{\"prompt\": \"Where?\"}",
            "d.png", picture("png", 2),
            "d.json", "{\"prompt\": \"Who?\"}",
            "e.png", picture("png", 3),
            "e.json", "{\"prompt\": \"When?\"}",
            "e.txt", "At dawn.",
            "f.png", picture("png", 4),
            "f.txt", "A br\u00FCcke.".getBytes(ISO_8859_1),
            "f.json", "{\"prompt\": \"How many?\", \"response\": \"One.\"}",
            "g.png", picture("png", 5),
            "g.txt", "A t\u00FCr.".getBytes(ISO_8859_1));
    files.write("good.tar", whole);

    StepResult result = ingest("webdataset", "good.tar");

    assertEquals(Map.of("image-not-given", 1L, "not-utf-8", 1L), result.quarantined());
    assertEquals(
        List.of(
            "What is it?: A boat.",
            "Describe the image.: A car on a road.",
            "Who?: null",
            "When?: At dawn.",
            "How many?: One."),
        samples().stream().map(s -> s.prompt() + ": " + s.response()).toList());
    assertEquals("{\"txt\":\"A br\uFFFDcke.\"}", samples().get(4).extra());

    files.write("broken/torn.tar", Arrays.copyOf(whole, 3000));
    files.write("broken/endless.tar", withoutEnd());
    StepResult broken = ingest("webdataset", "broken");
    assertEquals(Map.of("broken-tar", 2L), broken.quarantined());
    assertEquals(Map.of("duplicate-sample", 1L), broken.dropped(), "what stands before the tear");
    assertEquals(1, broken.written());
    assertEquals(4, broken.read());
    assertEquals("A truck.", samples().get(0).response());
  }

  /** Returns a tar whose last member's name never ends, below a folder of an odd name. */
  private static byte[] withoutEnd() throws IOException {
    byte[] whole = tar("a\nb/c.png", picture("png", 0), "a\nb/c.txt", "A truck.");
    int end = whole.length;
    while (whole[end - 1] == 0) {
      end--;
    }
    ByteArrayOutputStream endless = new ByteArrayOutputStream();
    // Up to the end of the last member's block, which the end mark stands behind.
    endless.write(whole, 0, (end + 511) / 512 * 512);
    byte[] longName = new byte[512];
    new TarArchiveEntry(TarConstants.GNU_LONGLINK, TarConstants.LF_GNUTYPE_LONGNAME)
        .writeEntryHeader(longName);
    for (int i = 0; i < 40_000; i++) {
      endless.write(longName);
    }
    return endless.toByteArray();
  }

  @Test
  void aParquetFileThatIsBrokenIsQuarantinedAndNamesMayHoldBlanks() throws IOException {
    StructType schema =
        new StructType()
            .add("my notes", DataTypes.StringType)
            .add("image", DataTypes.BinaryType)
            .add("prompt", DataTypes.StringType)
            .add("response", DataTypes.StringType);
    Path source = folder.resolve("source/shards");
    spark
        .createDataFrame(
            List.of(
                RowFactory.create("x", picture("png", 0), "What is it?", "A boat."),
                RowFactory.create("y", new byte[0], "What is it?", "A car.")),
            schema)
        .coalesce(1)
        .write()
        .parquet(source.toString());
    Path good;
    try (Stream<Path> shards = Files.list(source)) {
      good = shards.filter(f -> f.toString().endsWith(".parquet")).findFirst().orElseThrow();
    }
    byte[] bytes = Files.readAllBytes(good);
    // The header of the first page.
    Arrays.fill(bytes, 4, 12, (byte) 0xFF);
    Files.write(source.resolve("broken.parquet"), bytes);
    Files.write(source.resolve("cut.parquet"), Arrays.copyOf(bytes, bytes.length - 9));

    StepResult result = ingest("parquet", "shards");

    assertEquals(
        new TreeMap<>(Map.of("broken-parquet", 2L, "image-empty", 1L)), result.quarantined());
    assertEquals(List.of("A boat."), samples().stream().map(Sample::response).toList());
  }

  @Test
  void filesOfTheWebAreNoSource() throws IOException {
    files.write("rows.jsonl", lines(row("images/0.png", QUESTION, "A boat.")));
    Map.of(
            "source.path=http://169.254.169.254/rows.jsonl", "Cannot read files by 'http:'",
            // Of which Hadoop's own defaults know.
            "source.path=ftp://127.0.0.1/rows.jsonl", "Cannot read files by 'ftp:'",
            "source.image-root=https://127.0.0.1/", "Cannot read files by 'https:'",
            "source.manifest=http://127.0.0.1/SUMS", "Cannot read files by 'http:'",
            "source.path=s3a://key:secret@my_bucket/x.jsonl", "source.path holds a user and")
        .forEach(
            (setting, message) -> {
              JobException e =
                  assertThrows(
                      JobException.class, () -> ingest("llava", "rows.jsonl", setting), setting);
              assertTrue(e.getMessage().startsWith(message), e.getMessage());
              assertFalse(e.getMessage().contains("secret"), e.getMessage());
            });
  }

  @Test
  void parquetImagesMayBeStructsThatHoldBytesAndAPath() throws IOException {
    StructType schema =
        StructType.fromDDL(
            "image STRUCT<bytes: BINARY, path: STRING>, prompt STRING, response STRING");
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Row image = RowFactory.create(i == 2 ? new byte[0] : picture("png", i), i + ".png");
      rows.add(RowFactory.create(image, "What is it?", "Boat " + i));
    }
    spark
        .createDataFrame(rows, schema)
        .coalesce(1)
        .write()
        .parquet(folder.resolve("source/shards").toString());

    StepResult result = ingest("parquet", "shards");

    assertEquals(2, result.written());
    assertEquals(Map.of("image-empty", 1L), result.quarantined());
    assertEquals(
        List.of("Boat 0", "Boat 1"), samples().stream().map(Sample::response).sorted().toList());
  }

  @Test
  void tooManyBadRowsWriteNothing() throws IOException {
    files.pictures(1);
    files.write("rows.jsonl", lines(row("images/0.png", QUESTION, "A boat."), "{", "}", "no"));

    TooManyBadRowsException e =
        assertThrows(
            TooManyBadRowsException.class,
            () -> ingest("llava", "rows.jsonl", "errors.max-share=0.1"));

    assertTrue(e.getMessage().contains("3 of 4"), e.getMessage());
    assertTrue(e.getMessage().contains("broken-json"), e.getMessage());
    assertEquals(0, warehouse.read(Table.SAMPLES).count());
    assertEquals(0, warehouse.read(Table.QUARANTINE).count());
  }

  private StepResult ingest(String format, String path, String... overrides) throws IOException {
    return new IngestStep()
        .run(
            new StepContext(
                spark, warehouse, RecipeReader.read(recipe(format, path), List.of(overrides))));
  }

  private Path recipe(String format, String path) throws IOException {
    return Files.writeString(
        folder.resolve("recipe.yaml"),
        """
            name: test
            source:
              name: test
              format: %s
              path: "%s"
            model:
              path: models/demo
            errors:
              max-share: 1
            """
            .formatted(format, folder.resolve("source").resolve(path)));
  }

  /** Returns the samples in the order of their rows. */
  private List<Sample> samples() {
    return warehouse.read(Table.SAMPLES).orderBy("source_row").collectAsList().stream()
        .map(Sample.CODEC::fromRow)
        .toList();
  }
}

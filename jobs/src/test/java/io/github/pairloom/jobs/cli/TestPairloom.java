package io.github.pairloom.jobs.cli;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.map;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.schemas.Run;
import io.github.pairloom.schemas.Table;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestPairloom {
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"));
  private static SparkSession spark;

  @TempDir Path folder;
  private String out;
  private String err;

  @BeforeAll
  static void startSpark() {
    spark = Pairs.startSpark();
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @Test
  void aRunGoesFromScenesToPairsAndTheNextFindsNothingNew() throws IOException {
    String recipe = recipe(2).toString();
    String warehouse = folder.resolve("warehouse").toString();

    assertEquals(0, pairloom("run", recipe, "--warehouse", warehouse), () -> err);
    assertTrue(out.matches("(?s).*\nPairs +[1-9][0-9]* in preference_pairs\n.*"), out);
    assertTrue(out.contains("  rejected  "), out);

    assertEquals(
        0,
        pairloom(
            "show", "pairs", recipe, "--warehouse", warehouse, "--format", "jsonl", "--limit", "2"),
        () -> err);
    List<String> lines = out.lines().toList();
    assertEquals(2, lines.size(), out);
    for (String line : lines) {
      JsonNode pair = new ObjectMapper().readTree(line);
      assertEquals(64, pair.get("pair_id").asText().length());
      assertTrue(pair.has("provenance"), line);
    }
    assertEquals(
        2, pairloom("show", "pairs", recipe, "--warehouse", warehouse, "--where", "colour = 1"));
    assertTrue(err.contains("Cannot use --where 'colour = 1'"), err);
    assertEquals(0, pairloom("show", "quarantine", recipe, "--warehouse", warehouse), () -> err);
    assertTrue(out.endsWith("0 of 0 rows of quarantine\n"), out);

    assertEquals(0, pairloom("run", recipe, "--warehouse", warehouse), () -> err);
    assertTrue(out.lines().anyMatch(line -> line.startsWith("Nothing new")), out);
    assertEquals(
        0,
        pairloom(
            "show", "runs", recipe, "--warehouse", warehouse, "--format", "jsonl", "--limit", "1"),
        () -> err);
    JsonNode last = new ObjectMapper().readTree(out);
    assertEquals("export", last.get("step").asText());
    assertEquals(0, last.get("read").asLong(), "of the second run");
  }

  @Test
  void wrongUsageIsExitCode2() throws IOException {
    assertEquals(2, pairloom());
    assertEquals(2, pairloom("weave"));
    assertEquals(2, pairloom("run", recipe(1).toString(), "--fast"));
    assertEquals(2, pairloom("show", "chairs", recipe(1).toString()));
    assertEquals(2, pairloom("run", recipe(1).toString(), "--steps", "ingest,dance"));
    assertTrue(err.contains("Unknown steps: dance"), err);
  }

  @Test
  void threeMistakesInARecipeAreOneErrorThatListsAllThree() throws IOException {
    Path recipe = recipe(1);
    Files.writeString(
        recipe, Files.readString(recipe) + "seed: many\nspeed: 7\nerrors:\n  max-share: 2\n");

    assertEquals(2, pairloom("run", recipe.toString()));

    assertTrue(err.contains("3 problems"), err);
    for (String part : List.of("seed", "speed", "max-share")) {
      assertTrue(err.lines().anyMatch(line -> line.contains(part)), err);
    }
  }

  @Test
  void tooManyBadRowsAreExitCode3() throws IOException {
    Files.writeString(folder.resolve("bad.jsonl"), "{\n}\nno\n");
    assertEquals(
        3,
        pairloom(
            "ingest",
            recipe(1).toString(),
            "--set",
            "source.path=" + folder.resolve("bad.jsonl"),
            "--warehouse",
            folder.resolve("bad").toString()),
        () -> err);
    assertTrue(err.contains("Too many bad rows"), err);
  }

  @Test
  void anythingElseIsExitCode1() throws IOException {
    String nowhere = folder.resolve("nowhere").toString();
    assertEquals(1, pairloom("show", "pairs", recipe(1).toString(), "--warehouse", nowhere));
    assertTrue(err.contains("There is no table pairs in " + nowhere), err);
    String other = "model.sha256=" + "0".repeat(64);
    assertEquals(0, pairloom("plan", recipe(1).toString(), "--set", other, "--warehouse", nowhere));
    assertTrue(out.contains("not yet: Cannot use model "), out);
    assertEquals(
        1, pairloom("reference", recipe(1).toString(), "--set", other, "--warehouse", nowhere));
    assertTrue(err.contains("Cannot use model ") && !err.contains("--verbose"), err);
  }

  @Test
  void strategiesOfOneNameAreToldApartByWhatTheyDifferIn() {
    Warehouse warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
    StepContext context = Pairs.context(spark, warehouse, new ExportSettings(List.of(), "", 0));
    Pairs.add(warehouse, Pairs.pair("a", "A boat.", "bdhs-noise", 1));
    assertTrue(Comparison.of(context).isEmpty(), "one alone");
    Dataset<Row> one = warehouse.latest(Table.PAIRS);

    warehouse.append(Table.PAIRS, madeBy(one, "b").union(madeBy(one, "c")));

    assertEquals(
        Set.of(
            "bdhs-noise, mask-rate=0.99",
            "bdhs-noise, mask-rate=0.5, " + Pairs.id("b").substring(0, 8),
            "bdhs-noise, mask-rate=0.5, " + Pairs.id("c").substring(0, 8)),
        Comparison.of(context).orElseThrow().rows().stream()
            .map(cells -> cells.get(0))
            .collect(Collectors.toSet()));
  }

  @Test
  void doctorFindsTheDemoModelFromAnyFolder() {
    pairloom("doctor");
    String model = ROOT.resolve("models/demo") + ": ";
    assertTrue(
        out.lines().anyMatch(line -> line.matches("ok +model .*\\Q" + model + "\\E.*")), out);
  }

  @Test
  void aSmallCostIsToldInDigitsThatCount() {
    Map<String, Double> metrics = Map.of("remote-cost", 0.0012);
    Run run =
        new Run(
            "run",
            "reject",
            "test",
            Pairs.id("recipe"),
            Instant.EPOCH,
            Instant.EPOCH,
            0,
            0,
            Map.of(),
            Map.of(),
            0,
            metrics);
    assertEquals("remote-cost 0.00120", StepRunner.metrics(run).orElseThrow().strip());
  }

  /** Returns {@code pairs} as another recipe makes them, at a mask rate of its own. */
  private static Dataset<Row> madeBy(Dataset<Row> pairs, String recipe) {
    return pairs.withColumn(
        "provenance",
        col("provenance")
            .withField("recipe_id", lit(Pairs.id(recipe)))
            .withField("strategy_parameters", map(lit("mask-rate"), lit("0.5"))));
  }

  /** Writes a recipe about the first demo scenes. */
  private Path recipe(int scenes) throws IOException {
    ObjectMapper json = new ObjectMapper();
    Path data = ROOT.resolve("models/demo-data");
    JsonNode all = json.readTree(data.resolve("llava_instruct.json").toFile());
    ArrayNode few = json.createArrayNode();
    for (int i = 0; i < scenes; i++) {
      few.add(all.get(i));
    }
    json.writeValue(folder.resolve("scenes.json").toFile(), few);
    return Files.writeString(
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
        """
            .formatted(folder.resolve("scenes.json"), data, ROOT.resolve("models/demo")));
  }

  private int pairloom(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    Terminal terminal = new Terminal(new PrintWriter(out), new PrintWriter(err), false, false, 100);
    int code = Pairloom.execute(terminal, Steps.all(), args);
    this.out = out.toString();
    this.err = err.toString();
    return code;
  }
}

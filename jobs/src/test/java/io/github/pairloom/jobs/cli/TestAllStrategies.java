package io.github.pairloom.jobs.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.RecipeReader;
import io.github.pairloom.jobs.reject.RejectStep;
import io.github.pairloom.jobs.score.ScoreStep;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Transform;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.commons.io.FileUtils;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every strategy in one recipe, from scenes to selected pairs, scored by two models. */
class TestAllStrategies {
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"));
  private static final Path RECIPE = ROOT.resolve("conf/recipes/all-strategies.yaml");
  private static final int SCENES = 3;
  private static final String ANSWER = "\nAnswer: ";

  @TempDir static Path folder;

  private static SparkSession spark;
  private static final AtomicInteger questions = new AtomicInteger();
  private static volatile boolean everySecondFails;
  private static HttpServer rewriter;
  private static Warehouse warehouse;
  private static List<CandidatePair> pairs;
  private static List<PairScore> scores;
  private static List<String> overrides;
  private static int exitCode;
  private static String outOfRun;
  private static String errOfRun;

  /** Of the last command. */
  private static String out;

  private static String err;

  @BeforeAll
  static void runAll() throws IOException {
    spark = Pairs.startSpark();
    rewriter = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    rewriter.createContext("/v1/chat/completions", TestAllStrategies::rewrite);
    rewriter.start();
    Path data = ROOT.resolve("models/demo-data");
    Path demo = ROOT.resolve("models/demo");
    String models = "score.models=[{path: '%s'}, {path: '%s'}]".formatted(demo, otherModel(demo));
    overrides =
        List.of(
            "source.format=llava",
            "source.path=" + few(data),
            "source.image-root=" + data,
            "model.path=" + demo,
            "reject.strategies.6.endpoint.url=" + url(),
            "reject.per-response=2",
            "score.token-log-probs=true",
            models);
    warehouse = Pairs.warehouse(spark, folder.resolve("warehouse"));
    exitCode = pairloom("run", warehouse, overrides);
    outOfRun = out;
    errOfRun = err;
    pairs =
        warehouse.read(Table.PAIRS).collectAsList().stream()
            .map(CandidatePair.CODEC::fromRow)
            .toList();
    scores =
        warehouse.read(Table.SCORES).collectAsList().stream()
            .map(PairScore.CODEC::fromRow)
            .toList();
  }

  @AfterAll
  static void stop() {
    rewriter.stop(0);
    spark.stop();
  }

  @Test
  void theRunEndsWithAComparisonOfAllStrategies() {
    assertEquals(0, exitCode, errOfRun);
    for (String label :
        List.of(
            "bdhs-attention",
            "bdhs-noise",
            "image-distortion",
            "dropout-ntp",
            "retrieval",
            "ranked, claims",
            "ranked, objects",
            "ranked, likelihood-gap",
            "correctness",
            "corruption",
            "mixed, bdhs-attention",
            "noise",
            "crop",
            "black",
            "rotate",
            "other-image",
            "retrieved")) {
      assertTrue(
          outOfRun.lines().anyMatch(line -> line.startsWith(label + " ")), label + "\n" + outOfRun);
    }
  }

  @Test
  void everyReferenceHasRowsOfEveryStrategyAndEachSaysWhatWasDone() {
    long responses = warehouse.read(Table.RESPONSES).count();
    Set<String> recipes =
        pairs.stream().map(pair -> pair.provenance().recipeId()).collect(Collectors.toSet());
    assertEquals(17, recipes.size());
    assertEquals(
        17 * responses,
        pairs.stream()
            .map(pair -> pair.provenance().recipeId() + pair.responseId())
            .distinct()
            .count());
    assertTrue(pairs.size() >= 2 * 17 * responses, "two of each at least");
    Map<String, List<CandidatePair>> groups =
        pairs.stream().collect(Collectors.groupingBy(CandidatePair::groupId));
    assertTrue(groups.values().stream().anyMatch(group -> group.size() > 1));
    for (List<CandidatePair> group : groups.values()) {
      assertEquals(1, group.stream().map(CandidatePair::chosen).distinct().count());
      assertEquals(
          IntStream.range(0, group.size()).boxed().toList(),
          group.stream().map(CandidatePair::ordinal).sorted().toList());
    }
    assertEquals(pairs.size(), pairs.stream().map(CandidatePair::pairId).distinct().count());
    for (CandidatePair pair : pairs) {
      assertEquals(pair.ordinal() == 0, pair.groupId().equals(pair.pairId()));
      boolean judged = pair.strategy().equals("ranked") || pair.strategy().equals("correctness");
      assertEquals(judged && pair.rejected() != null, pair.judgement() != null, pair::toString);
      if (pair.strategy().equals("ranked")) {
        // The source says what is in each scene.
        assertFalse("no-ground-truth".equals(pair.dropReason()), pair::toString);
      }
      if (pair.strategy().equals("corruption")) {
        assertTrue(pair.provenance().modelId().endsWith(" instruct"), pair::toString);
        assertFalse(pair.provenance().strategyParameters().get("template").isEmpty());
      }
      if (pair.dropReason() != null && pair.rejected() != null) {
        assertEquals(pair.dropReason(), pair.failedGates().get(0));
        assertFalse(pair.dropDetail().isEmpty());
      }
    }
    for (CandidatePair pair : pairs) {
      Transform transform = pair.provenance().transform();
      if (transform != null && transform.name().equals("retrieved-image")) {
        assertNotEquals(pair.imageId(), transform.parameters().get("image-id"));
        assertTrue(Double.parseDouble(transform.parameters().get("image-similarity")) < 0.995);
      }
      if (pair.dropReason() == null && pair.rejects().equals(CandidatePair.TEXT)) {
        assertFalse(pair.tokenSpans().isEmpty(), pair::toString);
      }
      assertEquals(4, pair.segmentWeight());
    }
    assertEquals(SCENES, warehouse.read(Table.EMBEDDINGS).where("size(embedding) = 128").count());
    Set<String> images =
        pairs.stream()
            .filter(pair -> pair.rejects().equals(CandidatePair.IMAGE))
            .map(pair -> pair.strategy() + " " + pair.provenance().transform().name())
            .collect(Collectors.toSet());
    assertEquals(
        Set.of(
            "noise diffusion-noise",
            "crop crop",
            "black black",
            "rotate rotate",
            "other-image other-image",
            "retrieved retrieved-image"),
        images);
  }

  @Test
  void bothModelsScoreEveryUsablePair() {
    Set<String> usable =
        pairs.stream()
            .filter(pair -> pair.dropReason() == null)
            .map(CandidatePair::pairId)
            .collect(Collectors.toSet());
    assertEquals(2 * usable.size(), scores.size());
    assertEquals(usable, scores.stream().map(PairScore::pairId).collect(Collectors.toSet()));
    assertEquals(2, scores.stream().map(PairScore::modelRevision).distinct().count());
    assertEquals(1, scores.stream().map(PairScore::tokenizerSha256).distinct().count());
    for (PairScore score : scores) {
      assertEquals(score.chosen().tokens(), score.chosen().tokenLogProbs().size());
      assertEquals(
          score.chosen().logProb(),
          score.chosen().tokenLogProbs().stream().mapToDouble(Double::doubleValue).sum(),
          1e-9);
      assertEquals(score.chosen().perToken() - score.rejected().perToken(), score.margin(), 1e-12);
      assertEquals(score.margin() < 0, score.verdict().equals(PairScore.REJECTED_PREFERRED));
      assertEquals("absent", score.blindView().name());
    }
    // The two models are one with two names: what they say is the same.
    assertEquals(
        usable.size(),
        scores.stream()
            .map(score -> score.pairId() + score.chosen() + score.rejected() + score.blindChosen())
            .distinct()
            .count());
  }

  @Test
  void theImageMakesTheChosenTextLikelierThanAnyOtherView() {
    Set<String> ofImages =
        pairs.stream()
            .filter(pair -> pair.rejects().equals(CandidatePair.IMAGE))
            .map(CandidatePair::pairId)
            .collect(Collectors.toSet());
    double margin =
        scores.stream()
            .filter(score -> ofImages.contains(score.pairId()))
            .mapToDouble(PairScore::margin)
            .average()
            .orElseThrow();
    assertTrue(margin > 0.1, "mean margin " + margin);
  }

  @Test
  void whatAModelPrefersIsNotSelected() {
    Set<String> preferred =
        scores.stream()
            .filter(score -> score.verdict().equals(PairScore.REJECTED_PREFERRED))
            .map(PairScore::pairId)
            .collect(Collectors.toSet());
    Set<String> selected =
        warehouse.read(Table.PREFERENCE_PAIRS).select("pair_id").collectAsList().stream()
            .map(row -> row.getString(0))
            .collect(Collectors.toCollection(TreeSet::new));
    assertFalse(selected.isEmpty());
    assertTrue(selected.stream().noneMatch(preferred::contains));
  }

  @Test
  void aSecondScoringFindsNothingToDo() {
    StepResult again =
        new ScoreStep()
            .run(new StepContext(spark, warehouse, RecipeReader.read(RECIPE, overrides)));
    assertEquals(0, again.read());
    assertEquals(scores.size(), again.alreadyDone());
  }

  @Test
  void noQuestionIsPaidForTwiceInAnotherRecipeNorWhereThePairsAreGone() throws IOException {
    Warehouse copy = copy("gone", Table.PAIRS.tableName());
    List<String> lenient = rewriting("retries: 1");
    lenient.add("reject.gates.too-similar=0.999");
    int before = questions.get();

    StepResult again =
        new RejectStep().run(new StepContext(spark, copy, RecipeReader.read(RECIPE, lenient)));

    assertTrue(again.read() > 0, again::toString);
    assertEquals(before, questions.get());
    assertEquals(0, again.metrics().get("remote-calls"));
    assertTrue(again.metrics().get("remote-answers-kept") >= again.read(), again::toString);
  }

  @Test
  void aCapStopsBeforeTheBatchThatWouldGoOverAndARaisedOneGoesOn() throws IOException {
    Warehouse copy = copy("capped", Table.PAIRS.tableName(), "_response-cache", "_spending");
    long responses = copy.read(Table.RESPONSES).count();
    // A question costs 0.1, and there are two for each response.
    List<String> priced = rewriting("read-price: 1000, retries: 0");
    priced.add("recovery.batch-rows=1");
    List<String> capped = new ArrayList<>(priced);
    capped.add("remote.max-cost=" + 0.1 * responses);
    int before = questions.get();

    assertEquals(Pairloom.SPENDING_CAP, pairloom("reject", copy, capped), err);
    int asked = questions.get() - before;
    assertTrue(err.contains("Stopped at the recipe's cap"), err);
    // What a row costs is known after the first slice, whose rows are drawn.
    assertTrue(asked > 0 && asked < 2 * responses, asked + " questions");
    assertEquals(asked, copy.read(Table.PAIRS).count());
    // Slices are cut by ids, which the endpoint's port is part of: now one may fit into what is
    // left.
    assertEquals(Pairloom.SPENDING_CAP, pairloom("reject", copy, capped), "what was spent counts");
    int askedInAll = questions.get() - before;
    assertTrue(askedInAll <= Math.max(asked, responses), askedInAll + " questions");
    assertEquals(askedInAll, copy.read(Table.PAIRS).count());

    assertEquals(0, pairloom("reject", copy, priced), err);
    assertEquals(before + 2 * responses, questions.get(), "no question twice");
    assertEquals(2 * responses, copy.read(Table.PAIRS).count());
    assertEquals(0, pairloom("reject", copy, capped), "nothing is left to pay for");

    capped.add("reject.gates.too-similar=0.999");
    assertEquals(0, pairloom("plan", copy, capped), err);
    assertTrue(out.lines().anyMatch(line -> line.matches("reject .*, [0-9.]+ remote-cost.*")), out);
    assertTrue(out.contains("%s tokens (remote.max-tokens: none)".formatted(240 * responses)), out);
  }

  @Test
  void ofSeveralCallsThatBelongTogetherAllWaitForTheOneThatFailed() throws IOException {
    Warehouse copy = copy("half", Table.PAIRS.tableName(), "_response-cache", "_spending");
    long responses = copy.read(Table.RESPONSES).count();
    List<String> settings = rewriting("retries: 0");
    settings.add("errors.max-share=1");
    int before = questions.get();
    everySecondFails = true;
    try {
      assertEquals(0, pairloom("reject", copy, settings), err);
    } finally {
      everySecondFails = false;
    }
    assertEquals(before + 2 * responses, questions.get());
    Dataset<Row> rows = copy.read(Table.PAIRS);
    long failed = rows.where("drop_reason = 'endpoint-failed'").count();
    assertTrue(failed > 0);
    assertEquals(failed + 2 * (responses - failed), rows.count());

    assertEquals(0, pairloom("reject", copy, settings), err);

    assertEquals(before + 3 * responses, questions.get(), "only what failed is asked again");
    assertEquals(2 * responses, copy.read(Table.PAIRS).count());
    assertEquals(0, copy.read(Table.PAIRS).where("drop_reason = 'endpoint-failed'").count());
  }

  private static int pairloom(String command, Warehouse warehouse, List<String> settings) {
    List<String> arguments =
        new ArrayList<>(List.of(command, RECIPE.toString(), "--warehouse", warehouse.root()));
    settings.forEach(setting -> arguments.addAll(List.of("--set", setting)));
    StringWriter printed = new StringWriter();
    StringWriter errors = new StringWriter();
    Terminal terminal =
        new Terminal(new PrintWriter(printed), new PrintWriter(errors), false, false, 100);
    int code = Pairloom.execute(terminal, Steps.all(), arguments.toArray(String[]::new));
    out = printed.toString();
    err = errors.toString();
    return code;
  }

  /** Returns a copy of the warehouse without some of its folders. */
  private static Warehouse copy(String name, String... without) throws IOException {
    Path copy = folder.resolve(name);
    FileUtils.copyDirectory(new File(warehouse.root()), copy.toFile());
    for (String gone : without) {
      FileUtils.deleteDirectory(copy.resolve(gone).toFile());
    }
    return new Warehouse(spark, copy.toString());
  }

  /** Returns the settings of the run, with nothing but a rewriter for a strategy. */
  private static List<String> rewriting(String endpoint) {
    List<String> settings = new ArrayList<>(overrides);
    settings.add(
        "reject.strategies=[{type: corruption, endpoint: {url: '%s', model: instruct, max-tokens: 200, %s}}]"
            .formatted(url(), endpoint));
    return settings;
  }

  private static String url() {
    return "http://127.0.0.1:" + rewriter.getAddress().getPort() + "/v1";
  }

  /** Writes a file with the first scenes. */
  private static Path few(Path data) throws IOException {
    ObjectMapper json = new ObjectMapper();
    JsonNode all = json.readTree(data.resolve("llava_instruct.json").toFile());
    ArrayNode few = json.createArrayNode();
    for (int i = 0; i < SCENES; i++) {
      few.add(all.get(i));
    }
    Path file = folder.resolve("scenes.json");
    json.writeValue(file.toFile(), few);
    return file;
  }

  /** Copies the demo model with another file beside it: the same weights, another revision. */
  private static Path otherModel(Path demo) throws IOException {
    Path copy = folder.resolve("other-model");
    try (Stream<Path> files = Files.walk(demo)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path target = copy.resolve(demo.relativize(file));
        Files.createDirectories(target.getParent());
        Files.copy(file, target);
      }
    }
    Files.writeString(copy.resolve("note.json"), "{}");
    return copy;
  }

  /** Says right for left and blue for all else that is red. */
  private static void rewrite(HttpExchange exchange) throws IOException {
    int number = questions.incrementAndGet();
    try (exchange) {
      if (everySecondFails && number % 2 == 0) {
        exchange.sendResponseHeaders(503, -1);
        return;
      }
      ObjectMapper json = new ObjectMapper();
      String question = json.readTree(exchange.getRequestBody()).at("/messages/0/content").asText();
      String text =
          question
              .substring(question.lastIndexOf(ANSWER) + ANSWER.length())
              .replaceFirst("\nRewritten:$", "")
              .replace("left", "right")
              .replace("red", "blue")
              .replace("No,", "Yes,");
      byte[] body =
          "{\"choices\": [{\"finish_reason\": \"stop\", \"message\": {\"content\": %s}}], \"usage\": {\"prompt_tokens\": 100, \"completion_tokens\": 20}}"
              .formatted(json.writeValueAsString(text))
              .getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  @Test
  void everyPairOfImagesIsExportedWithItsSecondImage() throws IOException {
    Path export = Path.of(warehouse.root(), "exports/all-strategies");
    Map<String, Long> kept =
        warehouse
            .read(Table.PREFERENCE_PAIRS)
            .where("rejects = 'image'")
            .groupBy("strategy")
            .count()
            .collectAsList()
            .stream()
            .collect(Collectors.toMap(row -> row.getString(0), row -> row.getLong(1)));
    Map<String, Long> exported = new TreeMap<>();
    for (String text : Files.readAllLines(export.resolve("swift/train-00000.jsonl"))) {
      JsonNode line = new ObjectMapper().readTree(text);
      String shown = line.get("images").get(0).asText();
      String rejected = line.get("rejected_images").get(0).asText();
      assertTrue(Files.exists(export.resolve(shown)), text);
      assertTrue(Files.exists(export.resolve(rejected)), text);
      boolean ofImages = line.get("messages").equals(line.get("rejected_messages"));
      assertEquals(ofImages, !shown.equals(rejected), text);
      if (ofImages) {
        exported.merge(line.get("strategy").asText(), 1L, Long::sum);
      }
    }
    assertEquals(new TreeMap<>(kept), exported);
    assertEquals(
        Set.of("noise", "crop", "black", "rotate", "other-image", "retrieved"), exported.keySet());
  }
}

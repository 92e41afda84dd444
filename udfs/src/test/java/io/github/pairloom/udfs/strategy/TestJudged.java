package io.github.pairloom.udfs.strategy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.pairloom.schemas.Judgement;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.remote.ChatServer;
import io.github.pairloom.udfs.remote.ResponseCache;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.ClaimCheck.Question;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Sampling;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Strategies that judge, rewrite or mix. */
class TestJudged {
  private static final List<String> KINDS =
      List.of(
          "ball",
          "cup",
          "cat",
          "tree",
          "car",
          "boat",
          "umbrella",
          "apple",
          "banana",
          "house",
          "star",
          "table",
          "fish",
          "flower",
          "hat",
          "book");
  private static final String KIND = "(" + String.join("|", KINDS) + ")";

  /** Wild enough for the demo model to be wrong at times. */
  private static final Sampling WILD = new Sampling(2, 1, 90);

  private static DemoBench demo;
  private static List<Scene> scenes;

  @BeforeAll
  static void open() {
    demo = new DemoBench();
    scenes = DemoFiles.scenes(8);
  }

  @AfterAll
  static void close() {
    demo.close();
  }

  @Test
  void objectsThatAreNotThereLowerTheScoreByTheirShare() {
    ObjectCheck check = new ObjectCheck(List.of("boat|ship", "bus", "cat"), "facts.objects.kind");
    String extra = "{\"facts\": {\"objects\": [{\"kind\": \"ship\"}, {\"kind\": \"cat\"}]}}";
    List<Judge.Verdict> verdicts =
        judge(
            check,
            demo.input(scenes.get(0), "?", "A boat.", extra),
            "Two boats and a cat.",
            "Buses, a ship.",
            "A business.");
    assertEquals(List.of(0.0, -0.5, 0.0), verdicts.stream().map(Judge.Verdict::score).toList());
    assertEquals("bus", verdicts.get(1).details().get("invented"));
    assertEquals("2", verdicts.get(1).details().get("objects"));
    assertEquals(
        "no-ground-truth",
        assertThrows(
                NoPairException.class,
                () -> judge(check, demo.input(scenes.get(0)), "A boat.", "A bus."))
            .reason());
  }

  @Test
  void claimsAreAskedOneByOneAndTheModelKnowsWhatIsThere() {
    ClaimCheck check = claims();
    for (Scene scene : scenes) {
      Set<String> there =
          KINDS.stream()
              .filter(kind -> scene.response().toLowerCase(Locale.ROOT).contains(kind))
              .collect(Collectors.toSet());
      List<String> absent = KINDS.stream().filter(kind -> !there.contains(kind)).limit(3).toList();
      String lie =
          "There is a %s. There is a %s. There is a %s."
              .formatted(absent.get(0), absent.get(1), absent.get(2));
      List<Judge.Verdict> verdicts = judge(check, demo.input(scene), scene.response(), lie);
      assertEquals(0, verdicts.get(0).score(), scene.response() + verdicts.get(0).details());
      assertTrue(verdicts.get(1).score() <= -2, lie + verdicts.get(1).details());
      assertEquals("3", verdicts.get(1).details().get("claims"));
    }
  }

  @Test
  void aClaimsPatternMayLookAtWhatStandsAroundIt() {
    Question question = new Question("(?<=\\ba )(\\w+)(?= (\\w+))", "Is a $1 $2 there?");
    assertEquals(
        List.of("Is a red ball there?", "Is a big cat there?"),
        question.about("There is a red ball near a big cat.").toList());
    assertEquals(
        List.of("ball: $5"),
        new Question("(?x) b(?<rest>\\w+) # so", "b${rest}: \\$5").about("a ball").toList());
  }

  @Test
  void aQuestionThatCannotBeAskedIsRefused() {
    for (String question : List.of("Is it $2?", "For 5$?", "For $x?", "Is it ${kind}?", "\\")) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> new Question("(\\w+) # so", question),
              question);
      assertTrue(e.getMessage().startsWith("Invalid question: '" + question), e.getMessage());
    }
  }

  @Test
  void theImageRaisesTheLikelihoodOfWhatIsTrue() {
    for (Scene scene : scenes) {
      Scene other = scenes.get((scenes.indexOf(scene) + 1) % scenes.size());
      List<Judge.Verdict> verdicts =
          judge(new LikelihoodGap(), demo.input(scene), scene.response(), other.response());
      assertTrue(verdicts.get(0).score() > 0, verdicts::toString);
      assertTrue(verdicts.get(0).score() > verdicts.get(1).score(), verdicts::toString);
    }
  }

  @Test
  void anAnnotatorSeesBothOrdersAndItsWordCounts() {
    // Prefers whatever speaks of a beach, wherever it stands.
    try (ChatServer server =
        new ChatServer(q -> q.indexOf("beach") < q.indexOf("Answer B") ? "A" : "B. Because")) {
      Annotator annotator =
          new Annotator(server.endpoint(), "{prompt}\nAnswer A: {first}\nAnswer B: {second}", "");
      boolean first = false;
      boolean second = false;
      for (Scene scene : scenes) {
        List<Judge.Verdict> verdicts = judge(annotator, demo.input(scene), "A beach.", "A street.");
        assertEquals(List.of(1.0, -1.0), verdicts.stream().map(Judge.Verdict::score).toList());
      }
      for (JsonNode request : server.requests) {
        String question = request.at("/messages/0/content").asText();
        first |= question.contains("Answer A: A beach.");
        second |= question.contains("Answer B: A beach.");
      }
      assertTrue(first && second, "both orders are shown");

      int asked = server.requests.size();
      Annotator knowing =
          new Annotator(server.endpoint(), "{truth} {first} {second}", "facts.caption");
      NoPairException e =
          assertThrows(
              NoPairException.class,
              () -> judge(knowing, demo.input(scenes.get(0)), "A beach.", "A street."));
      assertEquals("no-ground-truth", e.reason());
      assertEquals(asked, server.requests.size(), "nobody is asked to guess");
    }
  }

  @Test
  void rankedPairsTheBestWithTheWorst() {
    Ranked ranked = new Ranked(6, WILD, claims(), 1, 0, false);
    int pairs = 0;
    for (Scene scene : scenes) {
      Optional<Rejection> made = tryOne(ranked, scene);
      if (made.isPresent()) {
        pairs++;
        Judgement judgement = made.get().judgement().orElseThrow();
        assertEquals("claims", judgement.judge());
        assertTrue(judgement.chosenScore() > judgement.rejectedScore());
        assertNotEquals(made.get().chosen().orElseThrow().text(), made.get().text());
        assertEquals("sampled", made.get().chosen().get().origin());
        assertEquals(Transform.NONE, made.get().transform().name());
        assertFalse(judgement.details().get("rejected-answered-no").isEmpty());
        String[] scores = judgement.details().get("scores").split(" ", -1);
        for (String score : scores) {
          assertTrue(Double.parseDouble(score) <= judgement.chosenScore());
          assertTrue(Double.parseDouble(score) >= judgement.rejectedScore());
        }
        assertEquals(made, tryOne(ranked, scene));
      }
    }
    assertTrue(pairs > 0, "no scene of " + scenes.size() + " gave a pair");
  }

  @Test
  void rankedSaysWhyThereIsNoPair() {
    Ranked timid = new Ranked(2, new Sampling(0, 1, 90), claims(), 1, 0, false);
    assertEquals("too-few-samples", reason(timid, scenes.get(0)));
    Ranked same =
        new Ranked(
            6,
            WILD,
            new ClaimCheck(List.of(new Question("nothing", "?")), List.of("Yes"), List.of("No")),
            1,
            0,
            false);
    assertEquals("no-gap", reason(same, scenes.get(0)));
  }

  @Test
  void correctAnswersArePairedWithWrongOnes() {
    Correctness strategy = new Correctness(12, WILD, "^(Yes|No)\\b", "", 3, false);
    int pairs = 0;
    for (Scene scene : scenes) {
      RejectionInput input =
          demo.input(scene, "Is there a cat in the image?", "No, there is no cat.", "");
      try {
        List<Rejection> rejections = demo.reject(strategy, input);
        assertTrue(rejections.size() <= 3);
        for (Rejection rejection : rejections) {
          pairs++;
          assertTrue(
              rejection
                  .chosen()
                  .map(Rejection.Better::text)
                  .orElse(input.chosen())
                  .startsWith("No"));
          assertTrue(rejection.text().startsWith("Yes"), rejection.text());
          assertEquals("correctness", rejection.judgement().orElseThrow().details().get("rule"));
        }
        assertEquals(rejections, demo.reject(strategy, input));
      } catch (NoPairException e) {
        assertTrue(Set.of("all-right", "all-wrong").contains(e.reason()), e.reason());
      }
    }
    assertTrue(pairs > 0, "no scene gave a pair");
  }

  @Test
  void answersWithoutTheFormAreApart() {
    Correctness strict = new Correctness(12, WILD, "^(No)\\b", "", 15, false);
    Correctness lax = new Correctness(12, WILD, "^(No)\\b", "", 15, true);
    int formats = 0;
    for (Scene scene : scenes) {
      RejectionInput input =
          demo.input(scene, "Is there a cat in the image?", "No, there is no cat.", "");
      try {
        for (Rejection rejection : demo.reject(lax, input)) {
          formats++;
          assertEquals("format", rejection.judgement().orElseThrow().details().get("rule"));
        }
      } catch (NoPairException e) {
        assertTrue(Set.of("all-right", "all-wrong").contains(e.reason()), e.reason());
      }
      assertThrows(NoPairException.class, () -> demo.reject(strict, input));
    }
    assertTrue(formats > 0, "no format negative");
  }

  @Test
  void answersAreComparedAsVqaDoes() {
    assertTrue(Answers.same("The Two boats.", "2 boats"));
    assertTrue(Answers.same("1,000.0", "1000"));
    assertTrue(Answers.same("-3.50", "-3.5"));
    assertFalse(Answers.same("-3", "3"));
    assertTrue(Answers.same("\u22123", "-3"));
    assertFalse(Answers.same("\u22123", "3"));
    assertFalse(Answers.same("10", "100"));
    assertTrue(Answers.entails("a red and white boat", "red"));
    assertFalse(Answers.entails("infrared", "red"));
  }

  @Test
  void answersInLatexAreComparedByWhatTheySay() {
    assertTrue(Answers.same("50\\%", "50%"));
    assertTrue(Answers.same("$\\$50$", "50"));
    assertTrue(Answers.same("\\text{A}", "A"));
    assertTrue(Answers.same("\\textbf{(B)}", "b"));
    assertTrue(Answers.same("5\\mathrm{ cm}", "5 cm"));
    assertTrue(Answers.same("\\frac{\\text{cats}}{\\text{dogs}}", "cats/dogs"));
    assertFalse(Answers.same("\\frac{a+b}{c}", "a+b/c"));
  }

  @Test
  void fractionsAreComparedByValue() {
    for (String half :
        List.of("\\frac{1}{2}", "\\dfrac{2}{4}.", "$\\tfrac{ 1 }{2}$", "0.5", "3 / 6")) {
      assertTrue(Answers.same(half, "1/2"), half);
    }
    assertTrue(Answers.same("-\\frac{1}{2}", "\\frac{-1}{2}"));
    assertFalse(Answers.same("\\frac{1}{3}", "0.3333"));
    assertFalse(Answers.same("1\\frac{1}{2}", "11/2"));
    assertFalse(Answers.same("1/0", "2/0"));
    assertFalse(Answers.same("1/2/2020", "1/2"));
  }

  @Test
  void theLetterAIsAnAnswerAndNoArticle() {
    assertTrue(Answers.same("A", "(a)"));
    assertFalse(Answers.same("A", "B"));
    assertFalse(Answers.same("A", "the"));
    assertFalse(Answers.same("**", "A"));
    assertFalse(Answers.same("**", "..."));
    assertTrue(Answers.entails("A. a red car", "A"));
    assertFalse(Answers.entails("B. a red car", "A"));
    assertFalse(Answers.entails("a red car", "**"));
  }

  @Test
  void anAnswerInABoxIsFoundWhereverItStands() {
    Correctness strategy = new Correctness(2, WILD, Correctness.DEFAULT_ANSWER, "", 3, false);
    for (String reference :
        List.of(
            "So it is.\nFinal answer: \\boxed{7}",
            "Final answer:\n\\boxed{7}.",
            "Final answer: **$\\boxed{7}$**",
            "\\boxed{7}",
            "final answer : 7",
            "**Final Answer:** 7",
            "**Final Answer**: 7",
            "_Final answer_:\n7")) {
      assertEquals(Optional.of("7"), strategy.answerIn(reference), reference);
    }
    assertEquals(Optional.empty(), strategy.answerIn("7"));
  }

  @Test
  void aBoxHasBracesInItAndIsWholeOrNone() {
    Correctness strategy = new Correctness(2, WILD, Correctness.DEFAULT_ANSWER, "", 3, false);
    for (String answer :
        List.of("\\text{A}", "\\frac{1}{2}", "\\frac{\\sqrt{3}}{2}", "\\{1, 2\\}")) {
      String response = "Final answer: $\\boxed{" + answer + "}$";
      assertEquals(Optional.of(answer), strategy.answerIn(response));
    }
    assertEquals(Optional.of("\\boxed{7"), strategy.answerIn("Final answer: \\boxed{7"));
    assertEquals(Optional.empty(), strategy.answerIn("\\boxed{" + "{a}{".repeat(20_000)));
  }

  @Test
  void theRewriterIsAskedOverHttpWithTheTextsInItsInstructions() {
    try (ChatServer server =
        new ChatServer(
            q ->
                q.substring(q.lastIndexOf("Answer: ") + 8)
                    .replace("Rewritten:", "")
                    .replace("left", "right"))) {
      Corruption corruption = new Corruption(server.endpoint(), Corruption.DEFAULT_TEMPLATE);
      Scene scene = scenes.get(0);
      Rejection rejection = demo.one(corruption, scene);
      assertEquals(scene.response().replace("left", "right").strip(), rejection.text());
      String question = server.requests.element().at("/messages/0/content").asText();
      assertTrue(question.contains("Question: " + scene.prompt() + "\n"), question);
      assertEquals(server.url() + " echo", corruption.writer().orElseThrow().id());
      assertEquals(Transform.ABSENT, rejection.transform().name());
      assertFalse(corruption.parameters().get("template").isEmpty());
      assertEquals(server.url(), corruption.parameters().get("url"));
    }
  }

  @Test
  void mixedTakesTheSourcesPairAsOftenAsItIsTold() {
    RejectionStrategy policy = new DropoutNtp(0.5, false, new Sampling(0, 1, 30));
    Scene scene = scenes.get(0);
    String extra = "{\"rejected\": \" A kitchen. \"}";
    int offline = 0;
    for (int i = 0; i < 60; i++) {
      RejectionInput input = demo.input(scene, "?", "A beach " + i + ".", extra);
      Rejection rejection = demo.reject(new Mixed(0.5, "rejected", policy), input).get(0);
      if (rejection.chosen().isPresent()) {
        offline++;
        assertEquals("A kitchen.", rejection.text());
        assertEquals("offline", rejection.chosen().get().origin());
      } else {
        assertEquals(demo.reject(policy, input).get(0), rejection);
      }
    }
    assertEquals(30, offline, 18);
    assertTrue(
        demo.reject(new Mixed(1, "rejected", policy), demo.input(scene)).get(0).chosen().isEmpty(),
        "without a source's pair, the policy makes one");
    RejectionInput own = demo.input(scene, "?", "A beach.", extra);
    RejectionInput written =
        new RejectionInput(
            own.picture(),
            own.pixels(),
            own.features(),
            own.context(),
            own.prompt(),
            own.chosen(),
            false,
            own.extra(),
            own.others(),
            own.key());
    assertTrue(
        demo.reject(new Mixed(1, "rejected", policy), written).get(0).chosen().isEmpty(),
        "a response that the model wrote is none of the source's");
    assertThrows(
        IllegalArgumentException.class,
        () -> new Mixed(0.5, "rejected", new Mixed(0.5, "rejected", policy)));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> new Mixed(0.5, "rejected", new ImageBlack()));
    assertTrue(e.getMessage().startsWith("Invalid policy: black rejects the image"), e.toString());
  }

  @Test
  void aBenchThatCannotBeOpenedClosesItsModel() {
    long lanes = lanes();
    VisionLanguageModel model = ExecutorModels.open(DemoFiles.model());
    assertEquals(lanes + 1, lanes());
    SimilaritySettings nowhere =
        new SimilaritySettings("/no/such/model", SimilaritySettings.Scope.RESPONSE);
    assertThrows(
        ModelException.class,
        () ->
            Workbench.open(
                model,
                () -> new Similarity(nowhere, SentenceEmbedder.open(nowhere.model(), 1)),
                ResponseCache.none(),
                () -> {}));
    assertEquals(lanes, lanes());
  }

  private static long lanes() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("pairloom-lane-"))
        .count();
  }

  @Test
  void textsInATemplateAreNotTemplates() {
    assertEquals(
        "a {b} $1 {x}", PromptTemplate.fill("{a} {x}", Map.of("a", "a {b} $1", "b", "no")));
  }

  private static ClaimCheck claims() {
    return new ClaimCheck(
        List.of(new Question("(?i)\\b(?:an?|one) (?:big )?(?:\\w+ )?" + KIND, "Is there a $1?")),
        List.of("Yes"),
        List.of("No"));
  }

  private static List<Judge.Verdict> judge(Judge judge, RejectionInput input, String... responses) {
    return demo.bench.await(judge.judge(input, List.of(responses), demo.bench));
  }

  private static Optional<Rejection> tryOne(RejectionStrategy strategy, Scene scene) {
    try {
      return Optional.of(demo.one(strategy, scene));
    } catch (NoPairException e) {
      return Optional.empty();
    }
  }

  private static String reason(RejectionStrategy strategy, Scene scene) {
    return assertThrows(NoPairException.class, () -> demo.one(strategy, scene)).reason();
  }
}

package io.github.pairloom.jobs.recipe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.dedup.ImageDedup;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.gate.PairGates;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.strategy.BdhsNoise;
import io.github.pairloom.udfs.strategy.Correctness;
import io.github.pairloom.udfs.strategy.DropoutNtp;
import io.github.pairloom.udfs.strategy.ImageBlack;
import io.github.pairloom.udfs.strategy.ImageCrop;
import io.github.pairloom.udfs.strategy.ImageDistortion;
import io.github.pairloom.udfs.strategy.ImageNoise;
import io.github.pairloom.udfs.strategy.ImageRotation;
import io.github.pairloom.udfs.strategy.Mixed;
import io.github.pairloom.udfs.strategy.ObjectCheck;
import io.github.pairloom.udfs.strategy.OtherImage;
import io.github.pairloom.udfs.strategy.Ranked;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.vlm.Batching;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestRecipeReader {
  private static final String SMALLEST =
      """
      name: small
      source:
        name: demo
        format: webdataset
        path: shards
      model:
        path: models/demo
      """;

  private static final String STRATEGIES =
      "bdhs-attention, bdhs-noise, image-distortion, dropout-ntp, retrieval, ranked, correctness, corruption,"
          + " mixed, noise, crop, black, rotate, other-image, retrieved";

  @TempDir Path folder;

  @Test
  void defaultsFillWhatIsNotGiven() {
    Bdhs bdhs = new Bdhs(5, 0.97, 0.5, new Sampling(0.7, 1, 256));
    Recipe expected =
        new Recipe(
            "small",
            2407,
            new SourceSettings(
                "demo",
                SourceFormat.WEBDATASET,
                "shards",
                "",
                "",
                "image",
                "conversations",
                "prompt",
                "response",
                "provider_preference",
                "user_preference",
                "Describe the image."),
            new ModelSpec("models/demo", "", "", "", ModelSpec.Device.CPU, 0, Batching.DEFAULTS),
            new ReferenceSettings(1, new Sampling(0.2, 0.9, 256)),
            new RejectSettings(
                List.of(new BdhsAttention(0.99, bdhs)),
                1,
                new SimilaritySettings("minilm", SimilaritySettings.Scope.RESPONSE),
                new SegmentSettings(3, 4),
                new PairGates(
                    true,
                    true,
                    List.of(
                        "^(i'm|i am) (sorry|unable|not able)",
                        "\\bi (cannot|can't|can not) (see|view|help|assist|answer|provide|describe)",
                        "\\bas an? (ai|language model|assistant)\\b"),
                    0.2,
                    true,
                    true,
                    1,
                    -1,
                    5)),
            new ScoreSettings(List.of(), ScoreSettings.Blind.ABSENT, 500, false, 0, false),
            new DedupSettings(
                new ImageDedup(24, ImageDedup.Keep.LARGEST),
                new TextDedup(
                    List.of("prompt", "chosen", "rejected"),
                    List.of("image_id", "context"),
                    TextDedup.Unit.WORD,
                    3,
                    true,
                    0.9,
                    0.95),
                new SemanticDedup(0),
                List.of()),
            new SelectSettings(
                new DiversitySettings(0, 5000), List.of(), List.of(), List.of(), 0, ""),
            new ExportSettings(List.of(ExportFormat.PARQUET, ExportFormat.TRL_JSONL), "", 0),
            new ErrorBudget(1000000, 0.5),
            new RecoverySettings(
                20000, 900, List.of("endpoint-failed", "image-unreadable", "out-of-memory")),
            RemoteSettings.DEFAULTS);
    assertEquals(expected, read(SMALLEST));
  }

  @Test
  void everyKeyCanBeSet() {
    Recipe recipe =
        read(
            """
            name: all-keys
            seed: -5
            source:
              name: photos
              format: llava
              path: "a.json,b.json"
              manifest: SUMS
              image-root: photos
              image-column: picture
              conversations-column: talk
              prompt-column: question
              response-column: 42
              provider-preference-column: house
              user-preference-column: guest
              caption-prompt: "What is this?"
            model:
              path: /models/big
              suffix: _fp16
              sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
              chat-template: template.jinja
              device: gpu
              threads: 4
              batch: {rows: 5, tokens: 6, cache-megabytes: 7, ahead-megabytes: 8}
            reference:
              n: 2
              sampling: {temperature: 1, top-p: 0.5, max-new-tokens: 7}
            reject:
              strategies:
                - type: bdhs-attention
                  mask-rate: 0
                  bdhs:
                    iterations: 1
                    similarity-threshold: 1
                    yes-no-swap-probability: 0
                    sampling: {temperature: 0}
                - type: bdhs-noise
                  noise-steps: 300
              per-response: 3
              similarity:
                model: models/e5
                scope: sentence
              segments: {min-match: 2, weight: 5}
              gates:
                cut-off: false
                control-token: false
                refusal: [no]
                wrong-language: 1
                nonsense-join: false
                entailed: false
                too-similar: 0.9
                too-dissimilar: 0.1
                length-ratio: 2
            score:
              models: [{path: m2}]
              blind: noise
              noise-steps: 100
              token-log-probs: true
              least-margin: 0.5
              keep-rejected-preferred: true
            dedup:
              images: {radius: -1, keep: source}
              semantic: {threshold: 0.97}
              evaluations: [{name: pope, images: pope-images}]
              text:
                columns: [chosen]
                within: []
                unit: character
                n: 5
                every-column: false
                threshold: 0.8
                recall: 0.9
            select:
              diversity: {domains: 8, sample: 300}
              filters:
                - {name: short, where: "length(chosen) < 99"}
              cuts:
                - {name: sure, by: margin, best: 0.5}
                - {name: spread, type: k-center, best: 0.2}
              quotas:
                - {by: strategy, most: 10}
              budget: 20
              prefer: margin
            export:
              formats: []
              path: out
              validation-share: 0.1
            errors:
              max-rows: 3
              max-share: 0.25
            recovery:
              batch-rows: 4
              row-seconds: 5
              again: [timed-out]
            remote:
              cache: false
              max-tokens: 9
            """);
    Bdhs greedy = new Bdhs(1, 1, 0, new Sampling(0, 1, 256));
    Bdhs defaults = new Bdhs(5, 0.97, 0.5, new Sampling(0.7, 1, 256));
    Recipe expected =
        new Recipe(
            "all-keys",
            -5,
            new SourceSettings(
                "photos",
                SourceFormat.LLAVA,
                "a.json,b.json",
                "SUMS",
                "photos",
                "picture",
                "talk",
                "question",
                "42",
                "house",
                "guest",
                "What is this?"),
            new ModelSpec(
                "/models/big",
                "_fp16",
                "0123456789abcdef".repeat(4),
                "template.jinja",
                ModelSpec.Device.GPU,
                4,
                new Batching(5, 6, 7, 8)),
            new ReferenceSettings(2, new Sampling(1, 0.5, 7)),
            new RejectSettings(
                List.of(new BdhsAttention(0, greedy), new BdhsNoise(300, defaults)),
                3,
                new SimilaritySettings("models/e5", SimilaritySettings.Scope.SENTENCE),
                new SegmentSettings(2, 5),
                new PairGates(false, false, List.of("no"), 1, false, false, 0.9, 0.1, 2)),
            new ScoreSettings(
                List.of(
                    new ModelSpec("m2", "", "", "", ModelSpec.Device.CPU, 0, Batching.DEFAULTS)),
                ScoreSettings.Blind.NOISE,
                100,
                true,
                0.5,
                true),
            new DedupSettings(
                new ImageDedup(-1, ImageDedup.Keep.SOURCE),
                new TextDedup(
                    List.of("chosen"), List.of(), TextDedup.Unit.CHARACTER, 5, false, 0.8, 0.9),
                new SemanticDedup(0.97),
                List.of(new EvaluationSet("pope", "pope-images", "", ""))),
            new SelectSettings(
                new DiversitySettings(8, 300),
                List.of(new SelectSettings.Filter("short", "length(chosen) < 99")),
                List.of(
                    new SelectSettings.Cut("sure", SelectSettings.Cut.Type.SCORE, "margin", 0.5),
                    new SelectSettings.Cut("spread", SelectSettings.Cut.Type.K_CENTER, "", 0.2)),
                List.of(new SelectSettings.Quota("strategy", 10)),
                20,
                "margin"),
            new ExportSettings(List.of(), "out", 0.1),
            new ErrorBudget(3, 0.25),
            new RecoverySettings(4, 5, List.of("timed-out")),
            new RemoteSettings(false, 9, 0));
    assertEquals(expected, recipe);
  }

  @Test
  void aMapKeepsTheOtherEntriesOfItsDefault() {
    Recipe recipe = read(SMALLEST + "reference: {sampling: {temperature: 0}}\n");
    assertEquals(new Sampling(0, 0.9, 256), recipe.reference().sampling());
  }

  @Test
  void aKeyWithoutValueTakesTheDefault() {
    assertEquals(read(SMALLEST), read(SMALLEST + "seed:\nreject:\n  strategies:\n"));
  }

  @Test
  void threeMistakesAreToldAtOnce() {
    List<String> problems =
        problems(
            """
            name: My Pairs
            source:
              name: demo
              format: webdatset
              path: shards
            model:
              path: models/demo
            reject:
              strategies:
                - type: bdhs-attention
                  mask-rate: 1.5
            """);
    assertEquals(
        List.of(
            "line 4: source.format: must be one of llava, parquet, webdataset, but is 'webdatset'"
                + " (did you mean webdataset?)",
            "line 11: reject.strategies.0.mask-rate: Invalid mask-rate: 1.5 (must be in [0, 1])",
            "line 1: name: Invalid name: 'My Pairs' (must be kebab-case, such as my-pairs)"),
        problems);
    RecipeException e = new RecipeException("x.yaml", problems);
    assertTrue(e.getMessage().startsWith("Cannot use recipe x.yaml: 3 problems\n  1. line 4: "));
    assertTrue(e.getMessage().contains("\n  3. line 1: name: "), e.getMessage());
  }

  @Test
  void severalMistakesOfOneRecordAreToldAtOnce() {
    assertEquals(
        List.of(
            "line 8: reference.sampling.temperature: Invalid temperature: -1.0 (must be in [0,"
                + " 100))",
            "line 8: reference.sampling.top-p: Invalid top-p: 2.0 (must be in (0, 1])",
            "line 8: reference.n: Invalid n: 0 (must be at least 1)"),
        problems(SMALLEST + "reference: {n: 0, sampling: {temperature: -1, top-p: 2}}\n"));
    assertEquals(
        List.of(
            "line 3: source.name: Invalid name: 'A' (must be kebab-case, such as my-photos)",
            "line 5: source.path: Invalid path: blank (must name a file or folder)"),
        problems(SMALLEST.replace("demo\n  format", "A\n  format").replace("shards", "' '")));
  }

  @Test
  void unknownKeysAreToldWithTheOneThatWasMeant() {
    assertEquals(
        List.of(
            "line 10: reject.similarty: unknown key (did you mean similarity?)",
            "line 11: reject.mask-rate: unknown key (there is reject.strategies.N.mask-rate)",
            "line 12: reject.pear: unknown key (known here: strategies, per-response,"
                + " similarity, segments, gates)"),
        problems(SMALLEST + "\nreject:\n  similarty: {}\n  mask-rate: 1\n  pear: 2\n"));
  }

  @Test
  void missingSettingsAreToldWithWhatTheyMean() {
    List<String> problems = problems("");
    assertEquals(5, problems.size(), problems::toString);
    assertEquals("name: missing (Name of the recipe, in kebab-case)", problems.get(0));
    assertTrue(problems.get(4).startsWith("model.path: missing (Folder of the model in"));
  }

  @Test
  void wrongTypesAreTold() {
    assertEquals(
        List.of(
            "line 8: seed: must be a whole number, but is '1.5'",
            "line 9: reject.strategies: must be a list, but is 'bdhs-noise'",
            "line 10: export.formats.1: must be one of parquet, trl-jsonl, swift-jsonl, but is a list",
            "line 11: errors: must be a map of keys, but is a list"),
        problems(
            SMALLEST
                + "seed: 1.5\nreject: {strategies: bdhs-noise}\nexport: {formats: [parquet, []]}\n"
                + "errors: []\n"));
    assertEquals(List.of("line 1: must be a map of keys, but is 'hello'"), problems("hello"));
  }

  @Test
  void anUnknownAlternativeIsToldWithTheKnownOnes() {
    assertEquals(
        List.of(
            "line 8: reject.strategies.0.type: must be one of "
                + STRATEGIES
                + ", but is 'bdhs-attenton' (did you mean bdhs-attention?)",
            "line 8: reject.strategies.1.type: missing (one of " + STRATEGIES + ")",
            "line 8: reject.strategies.2.mask-rate: unknown key (there is"
                + " reject.strategies.N.mask-rate)"),
        problems(
            SMALLEST
                + "reject: {strategies: [{type: bdhs-attenton}, {}, {type: bdhs-noise,"
                + " mask-rate: 1}]}\n"));
  }

  @Test
  void everyStrategyHasItsPapersDefaults() {
    Recipe recipe =
        read(
            SMALLEST
                + """
                reject:
                  strategies:
                    - type: image-distortion
                    - type: dropout-ntp
                    - type: ranked
                    - type: ranked
                      judge: {type: objects, objects: [cat, bus|coach], truth: objects}
                    - type: ranked
                      judge: {type: annotator, endpoint: {url: "http://h/v1", model: m}}
                    - type: correctness
                    - type: corruption
                      endpoint: {url: "http://h:8000/v1", model: m}
                    - type: mixed
                      policy: {type: dropout-ntp, keep-share: 0.25}
                    - type: noise
                    - type: crop
                    - type: black
                    - type: rotate
                    - type: other-image
                """);
    List<RejectionStrategy> strategies = recipe.reject().strategies();
    assertEquals(new ImageDistortion(500), strategies.get(0));
    assertEquals(new DropoutNtp(0.5, false, new Sampling(0.7, 1, 2048)), strategies.get(1));
    Ranked ranked = (Ranked) strategies.get(2);
    assertEquals(10, ranked.samples());
    assertEquals(2, ranked.pairs());
    assertEquals("claims", ranked.judge().id());
    assertEquals(
        new ObjectCheck(List.of("cat", "bus|coach"), "objects"),
        ((Ranked) strategies.get(3)).judge());
    Correctness correctness = (Correctness) strategies.get(5);
    assertEquals(32, correctness.samples());
    assertEquals(15, correctness.pairs());
    assertEquals(
        new DropoutNtp(0.25, false, new Sampling(0.7, 1, 2048)),
        ((Mixed) strategies.get(7)).policy());
    assertEquals(
        List.of(
            new ImageNoise(500),
            new ImageCrop(0.01, 0.2),
            new ImageBlack(),
            new ImageRotation(10, 80),
            new OtherImage()),
        strategies.subList(8, 13));
    assertEquals(recipe, read(Settings.canonical(recipe)));
  }

  @Test
  void whatAnEndpointCostsAndHowLongItIsWaitedForRemakesNoPair() {
    String rewriter =
        "reject: {strategies: [{type: corruption, endpoint: {url: 'http://h/v1', model: m%s}}]}\n";
    Recipe free = read(SMALLEST + rewriter.formatted(""));
    Recipe priced =
        read(SMALLEST + rewriter.formatted(", written-price: 0.6, timeout-seconds: 9, retries: 0"));
    Recipe wilder = read(SMALLEST + rewriter.formatted(", temperature: 1.9"));
    assertEquals(
        free.pairId(free.reject().strategies().get(0)),
        priced.pairId(priced.reject().strategies().get(0)));
    assertNotEquals(
        free.pairId(free.reject().strategies().get(0)),
        wilder.pairId(wilder.reject().strategies().get(0)));
  }

  @Test
  void strategiesThatDifferInWhatShapesNoPairAreTheSame() {
    String rewriter = "{type: corruption, endpoint: {url: 'http://h/v1', model: m%s}}";
    String both = SMALLEST + "reject: {strategies: [%s, %s]}\n";
    List<String> problems =
        problems(
            both.formatted(rewriter.formatted(""), rewriter.formatted(", timeout-seconds: 9")));
    assertEquals(1, problems.size(), problems::toString);
    assertTrue(problems.get(0).contains("stands twice"), problems.get(0));
    assertEquals(
        2,
        read(both.formatted(rewriter.formatted(""), rewriter.formatted(", temperature: 1.9")))
            .reject()
            .strategies()
            .size());
  }

  @Test
  void anEndpointIsGivenUpBeforeItsRowsAreTakenToHang() {
    String rewriter =
        "reject: {strategies: [{type: ranked, judge: {type: annotator, endpoint:"
            + " {url: 'http://h/v1', model: m, timeout-seconds: 300, retries: 2}}}]}\n";
    List<String> problems = problems(SMALLEST + rewriter);
    assertEquals(1, problems.size(), problems::toString);
    assertTrue(
        problems.get(0).contains("row-seconds is 900, but http://h/v1 may take 900 s"),
        problems.get(0));
    assertEquals(
        901, read(SMALLEST + rewriter + "recovery: {row-seconds: 901}\n").recovery().rowSeconds());
  }

  @Test
  void onlyFaultsAreWorkedOnAgain() {
    List<String> problems =
        problems(SMALLEST + "recovery: {again: [identical, image-missing, endpont-failed]}\n");
    assertEquals(1, problems.size(), problems::toString);
    assertTrue(
        problems
            .get(0)
            .contains("[identical, endpont-failed] (must be of [endpoint-failed, image-"),
        problems.get(0));
  }

  @Test
  void aCapOnCostNeedsAPrice() {
    String rewriter =
        "reject: {strategies: [{type: corruption, endpoint: {url: 'http://h/v1', model: m%s}}]}\n";
    String cap = "remote: {max-cost: 5}\n";
    List<String> problems = problems(SMALLEST + rewriter.formatted("") + cap);
    assertEquals(1, problems.size(), problems::toString);
    assertTrue(
        problems.get(0).contains("remote: Invalid remote: max-cost is 5.0"), problems.get(0));
    assertEquals(
        5, read(SMALLEST + rewriter.formatted(", written-price: 0.6") + cap).remote().maxCost());
  }

  @Test
  void aFormatThatStandsTwiceIsRefused() {
    List<String> problems = problems(SMALLEST + "export: {formats: [parquet, parquet]}\n");
    assertEquals(1, problems.size(), problems::toString);
    assertTrue(problems.get(0).contains("(one of them stands twice)"), problems.get(0));
  }

  @Test
  void faultsWithinAStrategysPartsAreTold() {
    List<String> problems =
        problems(
            SMALLEST
                + "reject: {strategies: [{type: corruption, endpoint: {url: here, model: m}},"
                + " {type: ranked, judge: {type: claim}}, {type: mixed, policy: {type: mixed}}]}\n");
    assertEquals(3, problems.size(), problems::toString);
    assertTrue(
        problems.get(0).contains("reject.strategies.0.endpoint.url: Invalid url: 'here'"),
        problems.get(0));
    assertTrue(problems.get(1).contains("reject.strategies.1.judge.type"), problems.get(1));
    assertTrue(problems.get(2).contains("Invalid policy: mixed"), problems.get(2));
  }

  @Test
  void whatIsNotOneYamlDocumentIsTold() {
    assertTrue(problems("a: [1").get(0).startsWith("line 1: this is not YAML: "));
    assertEquals(
        List.of("line 8: key 'name' stands twice (first at line 1)"),
        problems(SMALLEST + "name: again\n"));
    assertEquals(
        List.of("line 9: a second YAML document (there must be one alone)"),
        problems(SMALLEST + "---\nname: again\n"));
    assertEquals(
        List.of("line 8: YAML aliases are not supported (write the value out)"),
        problems(SMALLEST.replace("small", "&n small") + "seed: *n\n"));
  }

  @Test
  void overridesGoBeforeTheFile() {
    Recipe recipe =
        read(
            SMALLEST,
            "seed=7",
            "source.path=../a b.json",
            "reject.strategies.0.mask-rate=0.5",
            "reject.strategies.0.bdhs.sampling.temperature=0",
            "reject.strategies.1={type: bdhs-noise}",
            "export.formats=[parquet]",
            "reference.sampling.max-new-tokens=9");
    assertEquals(7, recipe.seed());
    assertEquals("../a b.json", recipe.source().path());
    assertEquals(
        List.of(
            new BdhsAttention(0.5, new Bdhs(5, 0.97, 0.5, new Sampling(0, 1, 256))),
            new BdhsNoise(500, new Bdhs(5, 0.97, 0.5, new Sampling(0.7, 1, 256)))),
        recipe.reject().strategies());
    assertEquals(List.of(ExportFormat.PARQUET), recipe.export().formats());
    assertEquals(new Sampling(0.2, 0.9, 9), recipe.reference().sampling());
  }

  @Test
  void wrongOverridesAreToldWithTheRest() {
    assertEquals(
        List.of(
            "--set seed: must be path=value, such as source.path=my.json",
            "--set name.first: 'first' cannot be set inside of 'small'",
            "--set reject.strategies.3.type: no entry '3' (the list has 1, from 0)",
            "--set sead: sead: unknown key (did you mean seed?)",
            "--set model.threads: model.threads: Invalid threads: -1 (must be at least 0)"),
        problems(
            SMALLEST,
            "seed",
            "name.first=x",
            "reject.strategies.3.type=bdhs-noise",
            "sead=1",
            "model.threads=-1"));
  }

  @Test
  void aMissingFileIsTold() {
    RecipeException e =
        assertThrows(
            RecipeException.class, () -> RecipeReader.read(folder.resolve("none.yaml"), List.of()));
    assertTrue(e.getMessage().contains("there is no such file"), e.getMessage());
  }

  @Test
  void theIdCoversEverySettingWhetherGivenOrNot() {
    assertEquals(read(SMALLEST).id(), read(SMALLEST + "seed: 2407\n").id());
    assertEquals(64, read(SMALLEST).id().length());
    Map<String, String> ids = new HashMap<>();
    ids.put(read(SMALLEST).id(), "none");
    for (SettingsReference setting : SettingsReference.all()) {
      // Strategies, endpoints and the like are there under a type that the smallest recipe lacks.
      if (setting.entryType().isEmpty() && !setting.path().contains(".N.")) {
        another(setting)
            .ifPresent(
                other -> assertNull(ids.put(other.id(), setting.path()), () -> "" + setting));
      }
    }
    assertTrue(ids.size() > 25, ids::toString);
  }

  /** Returns the smallest recipe with another number or truth for a setting that is one. */
  private Optional<Recipe> another(SettingsReference setting) {
    String value = setting.defaults().orElse("");
    List<String> others = List.of();
    if (value.equals("true") || value.equals("false")) {
      others = List.of(value.equals("true") ? "false" : "true");
    } else if (value.matches("-?[0-9.]+")) {
      others =
          value.contains(".")
              ? List.of("" + Double.parseDouble(value) * 0.75, "0.25", "2.5")
              : List.of("" + (Long.parseLong(value) + 1), "" + (Long.parseLong(value) - 1));
    }
    for (String other : others) {
      if (other.equals(value)) {
        // No other one: of 0.0 three quarters are 0.0.
        continue;
      }
      try {
        return Optional.of(read(SMALLEST, setting.path() + "=" + other));
      } catch (RecipeException e) {
        // Beyond what the setting may be: the next one.
      }
    }
    return Optional.empty();
  }

  @Test
  void theCanonicalFormIsARecipeItself() {
    Recipe recipe = read(SMALLEST);
    assertEquals(recipe, read(Settings.canonical(recipe)));
  }

  @Test
  void theReferenceTellsDefaultsWhereTheyApply() {
    List<SettingsReference> all = SettingsReference.all();
    assertEquals("0.2", defaultOf(all, "reference.sampling.temperature"));
    assertEquals("0.7", defaultOf(all, "reject.strategies.N.bdhs.sampling.temperature"));
    assertEquals("[{type: bdhs-attention}]", defaultOf(all, "reject.strategies"));
    assertTrue(
        all.stream()
            .anyMatch(s -> s.key().equals("noise-steps") && s.entryType().equals("bdhs-noise")));
    assertTrue(
        all.stream()
            .anyMatch(s -> s.key().equals("truth") && s.entryType().equals("ranked objects")));
    assertEquals(
        1, all.stream().filter(s -> s.path().equals("reject.strategies.N.policy")).count());
  }

  private static String defaultOf(List<SettingsReference> all, String path) {
    return all.stream()
        .filter(s -> s.path().equals(path))
        .findFirst()
        .flatMap(SettingsReference::defaults)
        .orElseThrow();
  }

  private List<String> problems(String yaml, String... overrides) {
    return assertThrows(RecipeException.class, () -> read(yaml, overrides)).problems();
  }

  private Recipe read(String yaml, String... overrides) {
    try {
      Path file = Files.writeString(folder.resolve("recipe.yaml"), yaml);
      return RecipeReader.read(file, List.of(overrides));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}

package io.github.pairloom.udfs.vlm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.DemoFiles;
import io.github.pairloom.udfs.DemoFiles.Scene;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.ModelException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestOnnxVisionLanguageModel {
  private static final Sampling GREEDY = new Sampling(0, 1, 80);
  private static final KeyedRandom KEY = KeyedRandom.of(1);

  private VisionLanguageModel model;

  @BeforeEach
  void open() {
    model = ExecutorModels.open(DemoFiles.model());
  }

  @AfterEach
  void close() {
    model.close();
  }

  @Test
  void describesScenesItCanSeeAndInventsScenesItCannot() {
    int same = 0;
    for (Scene scene : DemoFiles.scenes(8)) {
      ImageFeatures features = encode(scene);
      Generation seeing = describe(scene, ImageView.full(features));
      Generation blind = describe(scene, ImageView.of(features));
      assertFalse(seeing.cutOff());
      assertTrue(seeing.text().endsWith("."), seeing.text());
      assertTrue(blind.text().endsWith("."), blind.text());
      same += seeing.text().equals(blind.text()) ? 1 : 0;
    }
    assertTrue(same <= 1, same + " of 8 scenes are described alike without sight");
  }

  @Test
  void hidingByMaskAndByDroppingGiveTheSameLogits() {
    for (Scene scene : DemoFiles.scenes(4)) {
      ImageFeatures features = encode(scene);
      int[] prompt = model.prompt(List.of(), scene.prompt());
      int[] ids = concat(prompt, model.response(scene.response()).ids());
      KeyedRandom draws = KEY.with(scene.response());
      for (double rate : new double[] {0, 0.5, 0.9, 0.99, 1}) {
        int[] visible =
            IntStream.range(0, features.tokens()).filter(i -> draws.uniform(i) >= rate).toArray();
        ImageView view = ImageView.of(features, visible);
        float[][] masked = model.textLogits(ids, view, Masking.ATTENTION);
        float[][] dropped = model.textLogits(ids, view, Masking.DROP);
        assertEquals(ids.length - 1, masked.length);
        for (int i = 0; i < masked.length; i++) {
          assertArrayEquals(masked[i], dropped[i], 1e-4f);
        }
      }
    }
  }

  @Test
  void hiddenTokensMatter() {
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageFeatures features = encode(scene);
    int[] ids = model.prompt(List.of(), scene.prompt());
    float[][] full = model.textLogits(ids, ImageView.full(features), Masking.DROP);
    float[][] none = model.textLogits(ids, ImageView.of(features), Masking.DROP);
    float difference = 0;
    for (int v = 0; v < full[0].length; v++) {
      difference =
          Math.max(difference, Math.abs(full[ids.length - 2][v] - none[ids.length - 2][v]));
    }
    assertTrue(difference > 0.1, "largest difference " + difference);
  }

  @Test
  void cachedStepsGiveWhatOneGreedyPassOverTheTextGives() {
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageView view = ImageView.full(encode(scene));
    int[] prompt = model.prompt(List.of(), scene.prompt());
    Generation generation = model.generate(prompt, view, new int[0], GREEDY, KEY);
    int[] written = model.response(generation.text()).ids();
    float[][] logits = model.textLogits(concat(prompt, written), view, Masking.DROP);
    TokenChooser greedy = new TokenChooser(GREEDY, KEY, 0);
    // The row before the first written token is that of the prompt's last; one id is the image.
    int first = prompt.length - 2;
    for (int i = 0; i < written.length; i++) {
      assertEquals(written[i], greedy.choose(logits[first + i], i).token(), "token " + i);
    }
  }

  @Test
  void aContinuationOfASentenceStopsAtItsFullStop() {
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageView view = ImageView.full(encode(scene));
    Cut cut = Cut.ofSentence(new int[0], 0, "", KEY);
    int[] prompt = model.prompt(List.of(), scene.prompt());
    Generation sentence =
        model.await(model.complete(new Passage(prompt, view, List.of(cut), GREEDY))).get(0);
    assertEquals(sentence.text().indexOf('.'), sentence.text().length() - 1, sentence.text());
  }

  @Test
  void aGivenPrefixIsGoneOnFrom() {
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageView view = ImageView.full(encode(scene));
    int[] prompt = model.prompt(List.of(), scene.prompt());
    int[] all = model.response(describe(scene, view).text()).ids();
    int[] prefix = java.util.Arrays.copyOf(all, 3);
    Generation rest = model.generate(prompt, view, prefix, GREEDY, KEY);
    assertTrue(rest.text().startsWith(" "), "the space before a word is kept: " + rest.text());
    assertEquals(describe(scene, view).text(), decode(prefix) + rest.text());
  }

  @Test
  void theTokenLimitIsReported() {
    Scene scene = DemoFiles.scenes(1).get(0);
    Generation generation =
        model.generate(
            model.prompt(List.of(), scene.prompt()),
            ImageView.full(encode(scene)),
            new int[0],
            new Sampling(0, 1, 3),
            KEY);
    assertTrue(generation.cutOff());
    assertEquals(3, generation.tokens());
  }

  @Test
  void earlierTurnsArePartOfThePrompt() {
    int[] alone = model.prompt(List.of(), "Where is the cat?");
    int[] later =
        model.prompt(
            List.of(
                new Turn(Turn.USER, "What place is this?"), new Turn(Turn.ASSISTANT, "A beach.")),
            "Where is the cat?");
    assertTrue(later.length > alone.length + 5);
    assertEquals(1, IntStream.of(later).filter(id -> id == 3).count(), "one image token");
  }

  @Test
  void tasksShareOneLoadedModel() throws Exception {
    long before = ExecutorModels.loads();
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Scene> scenes = DemoFiles.scenes(4);
      List<Future<String>> texts = new ArrayList<>();
      for (Scene scene : scenes) {
        texts.add(
            pool.submit(
                () -> {
                  try (VisionLanguageModel own = ExecutorModels.open(DemoFiles.model())) {
                    return own.generate(
                            own.prompt(List.of(), scene.prompt()),
                            ImageView.full(own.await(own.encode(own.preprocess(scene.image())))),
                            new int[0],
                            GREEDY,
                            KEY)
                        .text();
                  }
                }));
      }
      for (int i = 0; i < scenes.size(); i++) {
        assertEquals(
            describe(scenes.get(i), ImageView.full(encode(scenes.get(i)))).text(),
            texts.get(i).get());
      }
    } finally {
      pool.shutdown();
    }
    assertEquals(before, ExecutorModels.loads());
  }

  @Test
  void aModelInUseOutlivesCloseAll() {
    Scene scene = DemoFiles.scenes(1).get(0);
    ImageView view = ImageView.full(encode(scene));
    ExecutorModels.closeAll();
    assertFalse(describe(scene, view).text().isEmpty());
    long before = ExecutorModels.loads();
    ExecutorModels.open(DemoFiles.model()).close();
    assertEquals(before + 1, ExecutorModels.loads());
  }

  @Test
  void aModelThatNobodyUsesMakesWayForAnotherAndOneInUseDoesNot() {
    ModelSpec spec = DemoFiles.model();
    long before = ExecutorModels.loads();
    ExecutorModels.open(with(spec, 2)).close();
    ExecutorModels.open(spec).close();
    assertEquals(before + 1, ExecutorModels.loads(), "in use by this test, it stayed");
    model.close();
    ExecutorModels.open(with(spec, 3)).close();
    model = ExecutorModels.open(spec);
    assertEquals(before + 3, ExecutorModels.loads(), "it had made way");
  }

  /** Returns the model as another one to those who count: its weights are laid out anew. */
  private static ModelSpec with(ModelSpec spec, int threads) {
    return new ModelSpec(spec.path(), "", "", "", spec.device(), threads, spec.batch());
  }

  @Test
  void aFolderWithoutAModelIsRefusedWithTheMissingFiles(@TempDir Path empty) {
    ModelException e =
        assertThrows(ModelException.class, () -> ExecutorModels.open(ModelSpec.onCpu(empty)));
    assertTrue(e.getMessage().contains("onnx/vision_encoder.onnx"), e.getMessage());
    assertTrue(e.getMessage().contains("Set model.path"), e.getMessage());
  }

  @Test
  void aGpuThatSparkDidNotAssignIsRefused() {
    ModelSpec onGpu =
        new ModelSpec(
            DemoFiles.model().path(), "", "", "", ModelSpec.Device.GPU, 1, Batching.DEFAULTS);
    ModelException e = assertThrows(ModelException.class, () -> ExecutorModels.open(onGpu));
    assertTrue(e.getMessage().contains("spark.task.resource.gpu.amount"), e.getMessage());
  }

  @Test
  void theRevisionChangesWithAnyFile(@TempDir Path copy) throws Exception {
    Path from = Path.of(DemoFiles.model().path());
    try (var files = java.nio.file.Files.walk(from)) {
      for (Path file : files.toList()) {
        Path to = copy.resolve(from.relativize(file).toString());
        if (!java.nio.file.Files.exists(to)) {
          java.nio.file.Files.copy(file, to);
        }
      }
    }
    ModelSpec spec = ModelSpec.onCpu(copy);
    assertEquals(model.identity().revision(), new ModelFiles(spec).identity().revision());
    Path weights = java.nio.file.Files.write(copy.resolve("onnx/weights.bin"), new byte[8]);
    assertNotEquals(model.identity().revision(), new ModelFiles(spec).identity().revision());
    ModelSpec pinned = spec.pinned(model.identity().revision());
    ModelException other =
        assertThrows(ModelException.class, () -> ExecutorModels.open(pinned).close());
    assertTrue(other.getMessage().contains("not " + pinned.sha256()), other.getMessage());
    java.nio.file.Files.delete(weights);
    ExecutorModels.open(pinned).close();
    java.nio.file.Files.writeString(
        copy.resolve("generation_config.json"), "{\"eos_token_id\": [2, 0]}");
    assertNotEquals(model.identity().revision(), new ModelFiles(spec).identity().revision());
  }

  private ImageFeatures encode(Scene scene) {
    return model.await(model.encode(model.preprocess(scene.image())));
  }

  private Generation describe(Scene scene, ImageView view) {
    return model.generate(model.prompt(List.of(), scene.prompt()), view, new int[0], GREEDY, KEY);
  }

  private String decode(int[] ids) {
    try (var tokenizer =
        io.github.pairloom.udfs.text.TextTokenizer.open(Path.of(DemoFiles.model().path()))) {
      return tokenizer.decode(ids);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static int[] concat(int[] a, int[] b) {
    return IntStream.concat(IntStream.of(a), IntStream.of(b)).toArray();
  }
}

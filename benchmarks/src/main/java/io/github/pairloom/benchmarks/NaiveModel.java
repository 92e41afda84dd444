package io.github.pairloom.benchmarks;

import static io.github.pairloom.schemas.Check.check;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import io.github.pairloom.udfs.text.ChatMessage;
import io.github.pairloom.udfs.text.ChatTemplate;
import io.github.pairloom.udfs.text.PromptEncoder;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.text.TextTokenizer;
import io.github.pairloom.udfs.text.Tokens;
import io.github.pairloom.udfs.vlm.Sampling;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * A vision-language model run as a research script runs it: every {@link #generate} encodes the
 * image, feeds the whole prompt with every image token in it, hidden ones masked, and then decodes
 * token by token, for one sequence. It shares no code with the engine it is held against but the
 * text and image classes, and opens the ONNX graphs itself.
 *
 * <p>Float32 graphs in the Hugging Face layout, with a causal decoder that takes position ids. One
 * thread.
 */
final class NaiveModel implements AutoCloseable {
  private static final String PAST = "past_key_values.";

  /**
   * What one call wrote.
   *
   * @param text what the new tokens add to the prefix
   * @param prefilled number of tokens fed before the first was chosen, those of the image included
   * @param decoded number of tokens chosen, the one that ended the text included
   * @param cutOff whether the token limit ended it
   * @param gap smallest lead of a chosen token over the second best, in logits; below the error of
   *     floating-point sums the choice was a tie
   */
  record Written(String text, int prefilled, int decoded, boolean cutOff, double gap) {}

  /** A chosen token and its lead over the second best, in logits. */
  private record Choice(int token, double gap) {}

  /** The image as rows for the decoder. */
  private static final class ImageRows {
    private final float[] values;
    private final int count;

    ImageRows(float[] values, int count) {
      this.values = values;
      this.count = count;
    }
  }

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();
  private final OrtEnvironment environment = OnnxEngine.environment();
  private final ImagePreprocessor preprocessor;
  private final TextTokenizer tokenizer;
  private final PromptEncoder promptEncoder;
  private final Set<Integer> endTokens;
  private final OrtSession visionEncoder;
  private final OrtSession embedTokens;
  private final OrtSession decoder;
  private final Map<String, long[]> emptyCaches = new LinkedHashMap<>();
  private final boolean takesLogitsToKeep;

  private NaiveModel(Path folder) throws IOException, OrtException {
    try {
      String imageToken =
          json(folder, "processor_config.json").path("image_token").asText("<image>");
      preprocessor = ImagePreprocessor.read(folder.resolve("preprocessor_config.json"));
      tokenizer = keep(TextTokenizer.open(folder, List.of(imageToken)));
      promptEncoder = new PromptEncoder(ChatTemplate.load(folder), tokenizer, imageToken);
      endTokens = endTokens(folder, tokenizer);
      visionEncoder = keep(open(folder, "vision_encoder"));
      embedTokens = keep(open(folder, "embed_tokens"));
      decoder = keep(open(folder, "decoder_model_merged"));
      Map<String, NodeInfo> inputs = decoder.getInputInfo();
      check(
          inputs.containsKey("position_ids"),
          "Invalid model %s: its decoder takes no position_ids",
          folder);
      takesLogitsToKeep = inputs.containsKey("num_logits_to_keep");
      inputs.forEach(
          (name, node) -> {
            if (name.startsWith(PAST)) {
              TensorInfo info = (TensorInfo) node.getInfo();
              check(info.type == OnnxJavaType.FLOAT, "Invalid cache %s: %s", name, info);
              long[] shape = info.getShape();
              emptyCaches.put(name, new long[] {1, shape[1], 0, shape[3]});
            }
          });
    } catch (IOException | OrtException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Opens the model of a folder, its graphs in full precision.
   *
   * @throws ModelException if it cannot be loaded
   */
  static NaiveModel open(Path folder) {
    try {
      return new NaiveModel(folder);
    } catch (IOException | OrtException e) {
      throw new ModelException("Cannot load model " + folder + ": " + e.getMessage(), e);
    }
  }

  private OrtSession open(Path folder, String graph) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      options.setInterOpNumThreads(1);
      Path file = folder.resolve("onnx").resolve(graph + ".onnx");
      return environment.createSession(file.toString(), options);
    }
  }

  private static JsonNode json(Path folder, String name) throws IOException {
    Path file = folder.resolve(name);
    ObjectMapper mapper = new ObjectMapper();
    return Files.exists(file) ? mapper.readTree(file.toFile()) : mapper.createObjectNode();
  }

  /** A control token is no text, so whichever it is, it ends the response. */
  private static Set<Integer> endTokens(Path folder, TextTokenizer tokenizer) throws IOException {
    Set<Integer> ends = new TreeSet<>(tokenizer.controlTokens().values());
    for (JsonNode config :
        List.of(
            json(folder, "generation_config.json"),
            json(folder, "config.json"),
            json(folder, "config.json").path("text_config"))) {
      JsonNode end = config.path("eos_token_id");
      if (end.isInt()) {
        ends.add(end.intValue());
      }
      end.forEach(id -> ends.add(id.intValue()));
    }
    return ends;
  }

  /** Returns the ids that end a response. */
  Set<Integer> endTokens() {
    return endTokens;
  }

  /** Returns the image as the vision encoder takes it. */
  PixelTensor preprocess(RgbImage image) {
    return preprocessor.apply(image);
  }

  /** Returns the ids of a conversation up to the assistant's turn; one of them is the image. */
  int[] prompt(List<Turn> context, String prompt) {
    List<ChatMessage> messages = new ArrayList<>();
    boolean shown = false;
    for (Turn turn : context) {
      boolean shows = !shown && turn.role().equals(Turn.USER);
      messages.add(new ChatMessage(turn.role(), turn.content(), shows ? 1 : 0));
      shown |= shows;
    }
    messages.add(ChatMessage.user(prompt, shown ? 0 : 1));
    return promptEncoder.encode(messages);
  }

  /** Returns the tokens of a response. */
  Tokens response(String text) {
    return promptEncoder.encodeResponse(text);
  }

  /** Returns how many tokens the image is. */
  int imageTokens(PixelTensor pixels) {
    try {
      return encode(pixels).count;
    } catch (OrtException e) {
      throw new ModelException("Image encoding failed: " + e.getMessage(), e);
    }
  }

  /**
   * Goes on from {@code prompt} and the first tokens of a response.
   *
   * @param pixels the image
   * @param visible tells whether an image token may be attended to
   * @param prefix tokens of the response that are given
   * @param begun given text of the sentence at whose end the text ends; empty if it goes on
   * @param sampling with top-p 1
   * @param key of the draws, each of which is keyed by its token's position in the response
   */
  Written generate(
      PixelTensor pixels,
      IntPredicate visible,
      int[] prompt,
      int[] prefix,
      Optional<String> begun,
      Sampling sampling,
      KeyedRandom key) {
    check(sampling.topP() == 1, "Invalid top-p: %s (must be 1)", sampling.topP());
    OrtSession.Result past = null;
    try {
      ImageRows image = encode(pixels);
      int[] ids = concat(withWholeImage(prompt, image.count), prefix);
      float[] embeddings = embed(ids);
      long[] mask = new long[ids.length];
      int imageToken = 0;
      int width = embeddings.length / ids.length;
      for (int i = 0; i < ids.length; i++) {
        mask[i] = 1;
        if (ids[i] == promptEncoder.imageId()) {
          System.arraycopy(image.values, imageToken * width, embeddings, i * width, width);
          mask[i] = visible.test(imageToken) ? 1 : 0;
          imageToken++;
        }
      }
      int[] written = new int[sampling.maxNewTokens()];
      int count = 0;
      double gap = Double.POSITIVE_INFINITY;
      int fed = 0;
      while (true) {
        long[] positions = LongStream.range(fed, mask.length).toArray();
        OrtSession.Result present = decode(embeddings, mask, positions, past);
        close(past);
        past = present;
        fed = mask.length;
        Choice choice = choose(lastLogits(present), sampling, key.with(prefix.length + count));
        gap = Math.min(gap, choice.gap);
        if (endTokens.contains(choice.token)) {
          return new Written(text(prefix, written, count), ids.length, count + 1, false, gap);
        }
        written[count++] = choice.token;
        boolean full = count == written.length;
        String text = text(prefix, written, count);
        Optional<String> rest = begun.flatMap(kept -> Sentences.completion(kept, text));
        if (rest.isPresent()) {
          return new Written(rest.get(), ids.length, count, false, gap);
        }
        if (full) {
          return new Written(text, ids.length, count, true, gap);
        }
        embeddings = embed(new int[] {choice.token});
        mask = Arrays.copyOf(mask, mask.length + 1);
        mask[mask.length - 1] = 1;
      }
    } catch (OrtException e) {
      throw new ModelException("Generation failed: " + e.getMessage(), e);
    } finally {
      close(past);
    }
  }

  private int[] withWholeImage(int[] prompt, int imageTokens) {
    return Arrays.stream(prompt)
        .flatMap(
            id ->
                id == promptEncoder.imageId()
                    ? IntStream.generate(() -> id).limit(imageTokens)
                    : IntStream.of(id))
        .toArray();
  }

  private String text(int[] prefix, int[] written, int count) {
    return tokenizer.decodeDelta(prefix, Arrays.copyOf(written, count));
  }

  /**
   * Returns the token of the highest score, the lowest id among equals. The score is the logit, or
   * for a temperature T above 0 logit / T plus a Gumbel draw, which makes the highest a draw from
   * softmax(logits / T).
   */
  private static Choice choose(float[] logits, Sampling sampling, KeyedRandom draws) {
    int best = -1;
    double bestScore = Double.NEGATIVE_INFINITY;
    double secondScore = Double.NEGATIVE_INFINITY;
    for (int v = 0; v < logits.length; v++) {
      double score =
          sampling.greedy() ? logits[v] : logits[v] / sampling.temperature() + draws.gumbel(v);
      if (score > bestScore) {
        secondScore = bestScore;
        bestScore = score;
        best = v;
      } else {
        secondScore = Math.max(secondScore, score);
      }
    }
    double unit = sampling.greedy() ? 1 : sampling.temperature();
    return new Choice(best, (bestScore - secondScore) * unit);
  }

  private ImageRows encode(PixelTensor pixels) throws OrtException {
    long[] shape = {1, pixels.channels(), pixels.height(), pixels.width()};
    try (OnnxTensor input =
            OnnxTensor.createTensor(environment, FloatBuffer.wrap(pixels.toArray()), shape);
        OrtSession.Result result = visionEncoder.run(Map.of("pixel_values", input))) {
      OnnxTensor features = (OnnxTensor) result.get(0);
      // [1, tokens, width], or [tokens, width] in some exports.
      long[] dimensions = features.getInfo().getShape();
      return new ImageRows(
          features.getFloatBuffer().array(), (int) dimensions[dimensions.length - 2]);
    }
  }

  private float[] embed(int[] ids) throws OrtException {
    long[] values = Arrays.stream(ids).asLongStream().toArray();
    try (OnnxTensor input = longs(values, 1, values.length);
        OrtSession.Result result = embedTokens.run(Map.of("input_ids", input))) {
      return ((OnnxTensor) result.get(0)).getFloatBuffer().array();
    }
  }

  /**
   * Runs the decoder once.
   *
   * @param mask over the tokens fed so far and now
   * @param positions of the tokens fed now
   * @param past what the run before returned, null in the first
   */
  private OrtSession.Result decode(
      float[] embeddings, long[] mask, long[] positions, OrtSession.Result past)
      throws OrtException {
    int fed = positions.length;
    Map<String, OnnxTensor> own = new TreeMap<>();
    try {
      own.put(
          "inputs_embeds",
          OnnxTensor.createTensor(
              environment,
              FloatBuffer.wrap(embeddings),
              new long[] {1, fed, embeddings.length / fed}));
      own.put("attention_mask", longs(mask, 1, mask.length));
      own.put("position_ids", longs(positions, 1, fed));
      if (takesLogitsToKeep) {
        own.put("num_logits_to_keep", longs(new long[] {1}));
      }
      Map<String, OnnxTensor> inputs = new TreeMap<>();
      for (Map.Entry<String, long[]> cache : emptyCaches.entrySet()) {
        String name = cache.getKey();
        if (past == null) {
          own.put(
              name,
              OnnxTensor.createTensor(environment, FloatBuffer.allocate(0), cache.getValue()));
        } else {
          String present = "present." + name.substring(PAST.length());
          inputs.put(name, (OnnxTensor) past.get(present).orElseThrow());
        }
      }
      inputs.putAll(own);
      return decoder.run(inputs);
    } finally {
      own.values().forEach(OnnxTensor::close);
    }
  }

  private OnnxTensor longs(long[] values, long... shape) throws OrtException {
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape);
  }

  private static float[] lastLogits(OrtSession.Result result) throws OrtException {
    OnnxTensor logits = (OnnxTensor) result.get("logits").orElseThrow();
    long[] shape = logits.getInfo().getShape();
    float[] last = new float[(int) shape[2]];
    logits.getFloatBuffer().get((int) (shape[1] - 1) * last.length, last);
    return last;
  }

  private static int[] concat(int[] a, int[] b) {
    return IntStream.concat(Arrays.stream(a), Arrays.stream(b)).toArray();
  }

  private static void close(OrtSession.Result result) {
    if (result != null) {
      result.close();
    }
  }

  private <T extends AutoCloseable> T keep(T resource) {
    opened.push(resource);
    return resource;
  }

  @Override
  public void close() {
    while (!opened.isEmpty()) {
      try {
        opened.pop().close();
      } catch (Exception e) {
        throw new IllegalStateException("A part of the model could not be closed", e);
      }
    }
  }
}

package io.github.pairloom.udfs.vlm;

import ai.djl.Device;
import ai.djl.ndarray.NDList;
import ai.djl.repository.zoo.ZooModel;
import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import io.github.pairloom.udfs.text.PromptEncoder;
import io.github.pairloom.udfs.text.TextTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A loaded model: three graphs, a tokenizer, a chat template. Shared by all tasks of an executor;
 * everything here is immutable or safe for several threads.
 *
 * <p>The two encoders run through DJL. The decoder runs on ONNX Runtime itself, in DJL's
 * environment: DJL's block shows neither the inputs' types and shapes nor lets one choose outputs,
 * and a key/value cache needs both.
 */
final class OnnxWeights implements AutoCloseable {
  private static final String PAST = "past_key_values.";
  private static final Set<String> KNOWN_INPUTS =
      Set.of("inputs_embeds", "attention_mask", "position_ids", "num_logits_to_keep");

  final ModelIdentity identity;
  final ImagePreprocessor preprocessor;
  final TextTokenizer tokenizer;
  final PromptEncoder promptEncoder;
  final Set<Integer> endTokens;
  final ZooModel<NDList, NDList> visionEncoder;
  final ZooModel<NDList, NDList> embedTokens;
  final OrtSession decoder;

  /** Shapes of the caches by input name, [1, heads, 0, width]: the cache before the first token. */
  final Map<String, long[]> emptyCaches;

  final boolean takesPositions;
  final boolean takesLogitsToKeep;

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  private OnnxWeights(ModelSpec spec, Device device) throws IOException, OrtException {
    try {
      ModelFiles files = new ModelFiles(spec);
      identity = files.identity();
      endTokens = files.endTokens();
      preprocessor = ImagePreprocessor.read(files.folder().resolve("preprocessor_config.json"));
      tokenizer = keep(TextTokenizer.open(files.folder(), List.of(files.imageToken())));
      promptEncoder = new PromptEncoder(files.chatTemplate(), tokenizer, files.imageToken());
      visionEncoder = keep(OnnxEngine.load(files.visionEncoder(), device, spec.threads()));
      embedTokens = keep(OnnxEngine.load(files.embedTokens(), device, spec.threads()));
      decoder = keep(openDecoder(files.decoder(), device, spec.threads()));
      Map<String, NodeInfo> inputs = decoder.getInputInfo();
      takesPositions = inputs.containsKey("position_ids");
      takesLogitsToKeep = inputs.containsKey("num_logits_to_keep");
      emptyCaches = caches(files.decoder(), inputs);
    } catch (IOException | OrtException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Loads a model.
   *
   * @throws ModelException if it cannot be loaded, or has inputs that this code cannot give
   */
  static OnnxWeights load(ModelSpec spec, Device device) {
    try {
      return new OnnxWeights(spec, device);
    } catch (IOException | OrtException e) {
      throw new ModelException("Cannot load model " + spec.path() + ": " + e.getMessage(), e);
    }
  }

  private static OrtSession openDecoder(Path file, Device device, int threads) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      if (device.isGpu()) {
        options.addCUDA(device.getDeviceId());
      }
      return OnnxEngine.environment().createSession(file.toString(), options);
    }
  }

  private static Map<String, long[]> caches(Path file, Map<String, NodeInfo> inputs) {
    Map<String, long[]> caches = new LinkedHashMap<>();
    inputs.forEach(
        (name, node) -> {
          TensorInfo info = (TensorInfo) node.getInfo();
          if (name.startsWith(PAST)) {
            long[] shape = info.getShape();
            if (info.type != OnnxJavaType.FLOAT || shape.length != 4) {
              throw new ModelException(
                  "Cannot use model "
                      + file
                      + ": input "
                      + name
                      + " is "
                      + info
                      + ", needed is float32 [batch, heads, past, width]. Use a graph with float32"
                      + " caches (often the one without a suffix)");
            }
            caches.put(name, new long[] {1, shape[1], 0, shape[3]});
          } else if (!KNOWN_INPUTS.contains(name)) {
            throw new ModelException(
                "Cannot use model "
                    + file
                    + ": it wants input '"
                    + name
                    + "', known are "
                    + KNOWN_INPUTS
                    + " and "
                    + PAST
                    + "*. This model family is not supported");
          }
        });
    return caches;
  }

  /** Returns the output that becomes cache input {@code name} of the next step. */
  static String presentOf(String name) {
    return "present." + name.substring(PAST.length());
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

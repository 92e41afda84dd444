package io.github.pairloom.udfs.vlm;

import ai.djl.Device;
import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import ai.onnxruntime.platform.Fp16Conversions;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A decoder on ONNX Runtime itself, in DJL's environment: DJL's block shows neither the inputs'
 * types and shapes nor lets one choose outputs, and a key/value cache needs both.
 */
final class OnnxDecoder implements Decoder, AutoCloseable {
  private static final String PAST = "past_key_values.";
  private static final String PRESENT = "present.";
  private static final String LOGITS = "logits";

  /**
   * Most logits of a place that Java reads itself, from memory that it shares with the runtime;
   * looking for the largest of more is for native code.
   */
  private static final int SMALL_VOCABULARY = 4096;

  /** Most logits of a run in that memory, which stays: 64 MiB. */
  private static final int MOST_SHARED = 1 << 24;

  private static final Set<String> KNOWN_INPUTS =
      Set.of("inputs_embeds", "attention_mask", "position_ids", "num_logits_to_keep");

  private final OrtSession session;
  private final Map<String, TensorInfo> caches = new LinkedHashMap<>();
  private final Set<String> presents = new HashSet<>();
  private final Set<String> presentsAndLogits;
  private final boolean takesPositions;
  private final boolean takesLogitsToKeep;
  private final OnnxJavaType embeddingType;
  private final OnnxJavaType cacheType;
  private final OnnxJavaType logitsType;
  private final int heads;

  /** -1 where it is large, not stated, or of another type. */
  private final int vocabulary;

  private OnnxDecoder(Path file, OrtSession session, int smallVocabulary) throws OrtException {
    this.session = session;
    Map<String, NodeInfo> inputs = session.getInputInfo();
    inputs.forEach(
        (name, node) -> {
          if (name.startsWith(PAST)) {
            caches.put(name, cache(file, name, (TensorInfo) node.getInfo()));
            presents.add(presentOf(name));
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
    takesPositions = inputs.containsKey("position_ids");
    takesLogitsToKeep = inputs.containsKey("num_logits_to_keep");
    embeddingType = ((TensorInfo) inputs.get("inputs_embeds").getInfo()).type;
    TensorInfo logits = (TensorInfo) session.getOutputInfo().get(LOGITS).getInfo();
    logitsType = logits.type;
    long tokens = logits.getShape()[2];
    vocabulary = logitsType == OnnxJavaType.FLOAT && tokens <= smallVocabulary ? (int) tokens : -1;
    presentsAndLogits = new HashSet<>(presents);
    presentsAndLogits.add(LOGITS);
    TensorInfo first = caches.values().iterator().next();
    cacheType = first.type;
    heads = (int) first.getShape()[1];
    for (Map.Entry<String, TensorInfo> cache : caches.entrySet()) {
      TensorInfo info = cache.getValue();
      if (info.type != cacheType || info.getShape()[1] != heads) {
        throw new ModelException(
            "Cannot use model %s: cache %s is %s, the first one is %s (all must have one type and as many heads)"
                .formatted(file, cache.getKey(), info, first));
      }
    }
  }

  /**
   * Opens the graph.
   *
   * @param threads intra-op threads on the CPU
   * @throws ModelException if it has inputs that this code cannot give
   */
  static OnnxDecoder open(Path file, Device device, int threads) throws OrtException {
    return open(file, device, threads, SMALL_VOCABULARY);
  }

  /**
   * Opens the graph.
   *
   * @param threads intra-op threads on the CPU
   * @param smallVocabulary most logits of a place that are put where Java reads them
   * @throws ModelException if it has inputs that this code cannot give
   */
  static OnnxDecoder open(Path file, Device device, int threads, int smallVocabulary)
      throws OrtException {
    OrtSession session;
    try (OrtSession.SessionOptions options = OnnxEngine.options(threads)) {
      if (device.isGpu()) {
        options.addCUDA(device.getDeviceId());
      }
      session = OnnxEngine.environment().createSession(file.toString(), options);
    }
    try {
      return new OnnxDecoder(file, session, smallVocabulary);
    } catch (OrtException | RuntimeException e) {
      session.close();
      throw e;
    }
  }

  private static TensorInfo cache(Path file, String name, TensorInfo info) {
    long[] shape = info.getShape();
    boolean known = info.type == OnnxJavaType.FLOAT || info.type == OnnxJavaType.FLOAT16;
    if (!known || shape.length != 4 || shape[1] < 1 || shape[3] < 1) {
      throw new ModelException(
          "Cannot use model "
              + file
              + ": input "
              + name
              + " is "
              + info
              + ", needed is float32 or float16 [batch, heads, past, width] with the heads and the"
              + " width stated. Use another variant of the graph (model.suffix)");
    }
    return info;
  }

  @Override
  public boolean takesPositions() {
    return takesPositions;
  }

  @Override
  public int heads() {
    return heads;
  }

  /** Returns the type of the caches' values. */
  OnnxJavaType cacheType() {
    return cacheType;
  }

  /** Returns the type of the logits. */
  OnnxJavaType logitsType() {
    return logitsType;
  }

  @Override
  public long cacheBytesPerToken() {
    return caches.values().stream()
        .mapToLong(info -> heads * info.getShape()[3] * cacheType.size)
        .sum();
  }

  @Override
  public Output run(DecoderBatch batch, Caches past, int logitsToKeep) throws OrtException {
    batch.finish();
    OrtEnvironment environment = OnnxEngine.environment();
    long rows = batch.rows();
    long length = batch.length();
    Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
    List<OnnxTensor> own = new ArrayList<>();
    try {
      put(inputs, own, "inputs_embeds", embeddings(environment, batch));
      put(
          inputs,
          own,
          "attention_mask",
          OnnxTensor.createTensor(
              environment, batch.mask(), new long[] {rows, batch.past() + length}));
      if (takesPositions) {
        put(
            inputs,
            own,
            "position_ids",
            OnnxTensor.createTensor(environment, batch.positions(), new long[] {rows, length}));
      }
      if (takesLogitsToKeep) {
        put(
            inputs,
            own,
            "num_logits_to_keep",
            OnnxTensor.createTensor(
                environment, LongBuffer.wrap(new long[] {logitsToKeep}), new long[0]));
      }
      int index = 0;
      for (Map.Entry<String, TensorInfo> cache : caches.entrySet()) {
        if (past == null) {
          put(inputs, own, cache.getKey(), emptyCache(environment, cache.getValue(), rows));
        } else {
          inputs.put(cache.getKey(), past.tensors().get(index++));
        }
      }
      FloatBuffer inJava = null;
      OnnxTensor shared = null;
      int kept = kept(batch, logitsToKeep);
      long size = rows * kept * vocabulary;
      if (vocabulary > 0 && size <= MOST_SHARED) {
        inJava = batch.logits((int) size);
        shared = OnnxTensor.createTensor(environment, inJava, new long[] {rows, kept, vocabulary});
      }
      // Each output is closed by itself: the logits go long before the caches.
      @SuppressWarnings("MustBeClosedChecker")
      OrtSession.Result result;
      try {
        result =
            shared == null
                ? session.run(inputs, presentsAndLogits)
                : session.run(inputs, presents, Map.of(LOGITS, shared));
      } catch (OrtException | RuntimeException e) {
        if (shared != null) {
          shared.close();
        }
        throw e;
      }
      List<OnnxTensor> present = new ArrayList<>(caches.size());
      for (String name : caches.keySet()) {
        present.add((OnnxTensor) result.get(presentOf(name)).orElseThrow());
      }
      return new Output(
          shared == null ? (OnnxTensor) result.get(LOGITS).orElseThrow() : shared,
          inJava,
          new Caches(present, (int) rows, (int) (batch.past() + length)));
    } finally {
      own.forEach(OnnxTensor::close);
    }
  }

  /** Returns of how many places of a row there are logits. */
  private int kept(DecoderBatch batch, int logitsToKeep) {
    boolean some = takesLogitsToKeep && logitsToKeep > 0;
    return some ? Math.min(logitsToKeep, batch.length()) : batch.length();
  }

  private OnnxTensor embeddings(OrtEnvironment environment, DecoderBatch batch)
      throws OrtException {
    FloatBuffer values = batch.embeddings();
    long width = values.limit() / ((long) batch.rows() * batch.length());
    long[] shape = {batch.rows(), batch.length(), width};
    return embeddingType == OnnxJavaType.FLOAT16
        ? OnnxTensor.createTensor(
            environment,
            Fp16Conversions.convertFloatBufferToFp16Buffer(values),
            shape,
            embeddingType)
        : OnnxTensor.createTensor(environment, values, shape);
  }

  private OnnxTensor emptyCache(OrtEnvironment environment, TensorInfo info, long rows)
      throws OrtException {
    long[] shape = {rows, heads, 0, info.getShape()[3]};
    return cacheType == OnnxJavaType.FLOAT16
        ? OnnxTensor.createTensor(environment, ShortBuffer.allocate(0), shape, cacheType)
        : OnnxTensor.createTensor(environment, FloatBuffer.allocate(0), shape);
  }

  private static void put(
      Map<String, OnnxTensor> inputs, List<OnnxTensor> own, String name, OnnxTensor tensor) {
    inputs.put(name, tensor);
    own.add(tensor);
  }

  /** Returns the output that becomes cache input {@code name} of the next step. */
  private static String presentOf(String name) {
    return PRESENT + name.substring(PAST.length());
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException("The decoder could not be closed", e);
    }
  }
}

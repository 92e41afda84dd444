package io.github.pairloom.udfs.vlm;

import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import io.github.pairloom.udfs.text.ChatMessage;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.text.Tokens;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * A model of ONNX graphs in the Hugging Face layout (vision_encoder, embed_tokens,
 * decoder_model_merged), run in this process.
 */
final class OnnxVisionLanguageModel implements VisionLanguageModel {
  private final OnnxWeights weights;
  private final Runnable onClose;
  private final Predictor<NDList, NDList> visionEncoder;
  private final Predictor<NDList, NDList> embedTokens;

  /**
   * @param weights shared, not closed here
   * @param onClose run when this is closed
   */
  OnnxVisionLanguageModel(OnnxWeights weights, Runnable onClose) {
    this.weights = weights;
    this.onClose = onClose;
    this.visionEncoder = weights.visionEncoder.newPredictor();
    this.embedTokens = weights.embedTokens.newPredictor();
  }

  @Override
  public ModelIdentity identity() {
    return weights.identity;
  }

  @Override
  public PixelTensor preprocess(RgbImage image) {
    return weights.preprocessor.apply(image);
  }

  @Override
  public ImageFeatures encode(PixelTensor pixels) {
    try (NDManager manager = manager(weights.visionEncoder)) {
      NDArray input =
          manager.create(
              pixels.toArray(), new Shape(1, pixels.channels(), pixels.height(), pixels.width()));
      input.setName("pixel_values");
      try (NDList output = visionEncoder.predict(new NDList(input))) {
        // [1, tokens, width], or [tokens, width] in some exports.
        Shape shape = output.get(0).getShape();
        return new ImageFeatures(
            output.get(0).toFloatArray(), (int) shape.get(shape.dimension() - 2));
      }
    } catch (TranslateException e) {
      throw new ModelException("Image encoding failed: " + e.getMessage(), e);
    }
  }

  @Override
  public int[] prompt(List<Turn> context, String prompt) {
    List<Turn> turns = new ArrayList<>(context);
    turns.add(new Turn(Turn.USER, prompt));
    List<ChatMessage> messages = new ArrayList<>();
    boolean shown = false;
    for (Turn turn : turns) {
      boolean shows = !shown && turn.role().equals(Turn.USER);
      messages.add(new ChatMessage(turn.role(), turn.content(), shows ? 1 : 0));
      shown |= shows;
    }
    return weights.promptEncoder.encode(messages);
  }

  @Override
  public Tokens response(String text) {
    return weights.promptEncoder.encodeResponse(text);
  }

  @Override
  public Generation generate(
      int[] prompt,
      ImageView view,
      int[] prefix,
      Continuation continuation,
      Sampling sampling,
      KeyedRandom key) {
    TokenChooser chooser = new TokenChooser(sampling, key);
    int[] written = new int[sampling.maxNewTokens()];
    int count = 0;
    DecoderInput input = input(concat(prompt, prefix), view, Masking.DROP);
    int nextPosition = input.nextPosition();
    float[] embeddings = input.embeddings(this::embed);
    long[] positions = input.positions();
    long[] mask = input.mask();
    OrtSession.Result past = null;
    try {
      while (true) {
        OrtSession.Result result = run(embeddings, positions, mask, past, 1);
        close(past);
        past = result;
        float[] logits = lastRow(result);
        int token = chooser.choose(logits, prefix.length + count);
        if (weights.endTokens.contains(token) || weights.tokenizer.isControl(token)) {
          // A control token is no text: whichever it is, the response is over.
          return new Generation(text(prefix, written, count), count + 1, false);
        }
        written[count++] = token;
        if (continuation == Continuation.OF_SENTENCE) {
          String text = text(prefix, written, count);
          if (Sentences.endsAtFullStop(text)) {
            return new Generation(text, count, false);
          }
        }
        if (count == written.length) {
          return new Generation(text(prefix, written, count), count, true);
        }
        embeddings = embed(new int[] {token});
        positions = new long[] {nextPosition++};
        mask = Arrays.copyOf(mask, mask.length + 1);
        mask[mask.length - 1] = 1;
      }
    } catch (OrtException e) {
      throw new ModelException("Generation failed: " + e.getMessage(), e);
    } finally {
      close(past);
    }
  }

  @Override
  public float[][] textLogits(int[] ids, ImageView view, Masking masking) {
    DecoderInput input = input(ids, view, masking);
    try (OrtSession.Result result =
        run(input.embeddings(this::embed), input.positions(), input.mask(), null, 0)) {
      OnnxTensor logits = (OnnxTensor) result.get("logits").orElseThrow();
      long[] shape = logits.getInfo().getShape();
      FloatBuffer buffer = logits.getFloatBuffer();
      List<float[]> rows = new ArrayList<>();
      for (int i = 0; i < shape[1]; i++) {
        if (!input.isImage(i)) {
          float[] row = new float[(int) shape[2]];
          buffer.get((int) (i * shape[2]), row);
          rows.add(row);
        }
      }
      return rows.toArray(float[][]::new);
    } catch (OrtException e) {
      throw new ModelException("The model failed: " + e.getMessage(), e);
    }
  }

  private DecoderInput input(int[] ids, ImageView view, Masking masking) {
    if (!view.isFull() && !weights.takesPositions) {
      throw new ModelException(
          "Cannot hide parts of the image from model "
              + weights.identity.id()
              + ": its decoder has no input 'position_ids', so tokens after a gap would be"
              + " renumbered. Use an export with position_ids, or a strategy that hides nothing"
              + " (bdhs-noise)");
    }
    return DecoderInput.of(ids, view, weights.promptEncoder.imageId(), masking);
  }

  private String text(int[] prefix, int[] written, int count) {
    return weights.tokenizer.decodeDelta(prefix, Arrays.copyOf(written, count));
  }

  /**
   * Runs the decoder.
   *
   * @param past the caches of the step before; null before the first
   * @param logitsToKeep how many of the last logits are wanted, where the graph can choose; 0: all
   */
  private OrtSession.Result run(
      float[] embeddings, long[] positions, long[] mask, OrtSession.Result past, long logitsToKeep)
      throws OrtException {
    OrtEnvironment environment = OnnxEngine.environment();
    long length = positions.length;
    Map<String, OnnxTensor> inputs = new TreeMap<>();
    List<OnnxTensor> own = new ArrayList<>();
    try {
      put(
          inputs,
          own,
          "inputs_embeds",
          OnnxTensor.createTensor(
              environment,
              FloatBuffer.wrap(embeddings),
              new long[] {1, length, embeddings.length / length}));
      put(inputs, own, "attention_mask", longs(environment, mask, 1, mask.length));
      if (weights.takesPositions) {
        put(inputs, own, "position_ids", longs(environment, positions, 1, length));
      }
      if (weights.takesLogitsToKeep) {
        put(inputs, own, "num_logits_to_keep", longs(environment, new long[] {logitsToKeep}));
      }
      for (Map.Entry<String, long[]> cache : weights.emptyCaches.entrySet()) {
        if (past == null) {
          put(
              inputs,
              own,
              cache.getKey(),
              OnnxTensor.createTensor(environment, FloatBuffer.allocate(0), cache.getValue()));
        } else {
          String present = OnnxWeights.presentOf(cache.getKey());
          inputs.put(cache.getKey(), (OnnxTensor) past.get(present).orElseThrow());
        }
      }
      return weights.decoder.run(inputs, wantedOutputs());
    } finally {
      own.forEach(OnnxTensor::close);
    }
  }

  private Set<String> wantedOutputs() {
    Set<String> wanted = new HashSet<>();
    wanted.add("logits");
    weights.emptyCaches.keySet().forEach(name -> wanted.add(OnnxWeights.presentOf(name)));
    return wanted;
  }

  private static void put(
      Map<String, OnnxTensor> inputs, List<OnnxTensor> own, String name, OnnxTensor tensor) {
    inputs.put(name, tensor);
    own.add(tensor);
  }

  private static OnnxTensor longs(OrtEnvironment environment, long[] values, long... shape)
      throws OrtException {
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape);
  }

  private static float[] lastRow(OrtSession.Result result) throws OrtException {
    OnnxTensor logits = (OnnxTensor) result.get("logits").orElseThrow();
    long[] shape = logits.getInfo().getShape();
    int vocabulary = (int) shape[2];
    float[] row = new float[vocabulary];
    logits.getFloatBuffer().get((int) ((shape[1] - 1) * vocabulary), row);
    return row;
  }

  private float[] embed(int[] ids) {
    try (NDManager manager = manager(weights.embedTokens)) {
      NDArray input =
          manager.create(Arrays.stream(ids).asLongStream().toArray(), new Shape(1, ids.length));
      input.setName("input_ids");
      try (NDList output = embedTokens.predict(new NDList(input))) {
        return output.get(0).toFloatArray();
      }
    } catch (TranslateException e) {
      throw new ModelException("Token embedding failed: " + e.getMessage(), e);
    }
  }

  private static NDManager manager(ZooModel<NDList, NDList> model) {
    return model.getNDManager().newSubManager();
  }

  private static int[] concat(int[] a, int[] b) {
    return IntStream.concat(Arrays.stream(a), Arrays.stream(b)).toArray();
  }

  private static void close(OrtSession.Result result) {
    if (result != null) {
      result.close();
    }
  }

  @Override
  public void close() {
    visionEncoder.close();
    embedTokens.close();
    onClose.run();
  }
}

package io.github.pairloom.udfs.vlm;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.text.ChatMessage;
import io.github.pairloom.udfs.text.Tokens;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;

/**
 * A model of ONNX graphs in the Hugging Face layout (vision_encoder, embed_tokens,
 * decoder_model_merged), run in this process.
 */
abstract class OnnxVisionLanguageModel implements VisionLanguageModel {
  private final OnnxWeights weights;

  /**
   * @param weights shared, not closed here
   */
  private OnnxVisionLanguageModel(OnnxWeights weights) {
    this.weights = weights;
  }

  /**
   * Returns a model whose work another thread does.
   *
   * @param onClose run when the model is closed
   */
  static VisionLanguageModel on(Lane lane, OnnxWeights weights, Runnable onClose) {
    return new OnnxVisionLanguageModel(weights) {
      private final Set<CompletableFuture<?>> underWay = ConcurrentHashMap.newKeySet();

      @SuppressWarnings("CollectionUndefinedEquality") // By identity is meant.
      private <T> CompletableFuture<T> own(CompletableFuture<T> result) {
        underWay.add(result);
        CompletableFuture<T> unused =
            result.whenComplete((value, failure) -> underWay.remove(result));
        return result;
      }

      @Override
      public CompletableFuture<ImageFeatures> encode(PixelTensor pixels) {
        return own(lane.encode(pixels));
      }

      @Override
      public CompletableFuture<List<Generation>> complete(Passage passage) {
        return own(lane.complete(passage));
      }

      @Override
      public CompletableFuture<List<Reading>> read(
          int[] prompt, ImageView view, List<int[]> responses) {
        return own(lane.read(prompt, view, responses));
      }

      @Override
      public boolean work() {
        return false;
      }

      @Override
      void checkAlive() {
        lane.checkAlive();
      }

      @Override
      public void close() {
        // Of a task that was killed: others share the lane, and a row may have to be alone in it.
        lane.takeBack(List.copyOf(underWay));
        onClose.run();
      }
    };
  }

  /**
   * Returns a model whose work the thread that waits for it does.
   *
   * @param onClose run when the model is closed
   */
  static VisionLanguageModel inline(Engine engine, OnnxWeights weights, Runnable onClose) {
    return new OnnxVisionLanguageModel(weights) {
      @Override
      public CompletableFuture<ImageFeatures> encode(PixelTensor pixels) {
        CompletableFuture<ImageFeatures> result = new CompletableFuture<>();
        engine.encode(pixels, result);
        return result;
      }

      @Override
      public CompletableFuture<List<Generation>> complete(Passage passage) {
        CompletableFuture<List<Generation>> result = new CompletableFuture<>();
        engine.complete(passage, result);
        return result;
      }

      @Override
      public CompletableFuture<List<Reading>> read(
          int[] prompt, ImageView view, List<int[]> responses) {
        CompletableFuture<List<Reading>> result = new CompletableFuture<>();
        engine.read(prompt, view, responses, result);
        return result;
      }

      @Override
      public boolean work() {
        return engine.work();
      }

      @Override
      void checkAlive() {}

      @Override
      public void close() {
        engine.close();
        onClose.run();
      }
    };
  }

  /** Fails if the thread that works for this model died. */
  abstract void checkAlive();

  @Override
  public ModelIdentity identity() {
    return weights.identity;
  }

  @Override
  public PixelTensor preprocess(RgbImage image) {
    return weights.preprocessor.apply(image);
  }

  @Override
  public int[] prompt(List<Turn> context, String prompt) {
    return prompt(context, prompt, true);
  }

  @Override
  public int[] promptWithoutImage(List<Turn> context, String prompt) {
    return prompt(context, prompt, false);
  }

  private int[] prompt(List<Turn> context, String prompt, boolean withImage) {
    List<Turn> turns = new ArrayList<>(context);
    turns.add(new Turn(Turn.USER, prompt));
    List<ChatMessage> messages = new ArrayList<>();
    boolean shown = !withImage;
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
  public String text(int... tokens) {
    return weights.tokenizer.decode(tokens);
  }

  @Override
  public Set<String> controlTokens() {
    return weights.tokenizer.controlTokens().keySet();
  }

  @Override
  public <T> T await(CompletableFuture<T> result) {
    while (!result.isDone() && work()) {
      // Each turn brings the result nearer.
    }
    try {
      T value = result.get();
      // What comes of a failed row is a value, too.
      checkAlive();
      return value;
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause
          ? cause
          : new CompletionException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("The task was interrupted while it waited for the model", e);
    }
  }

  @Override
  public float[][] textLogits(int[] ids, ImageView view, Masking masking) {
    DecoderInput input = DecoderInput.of(ids, view, weights.promptEncoder.imageId(), masking);
    DecoderBatch batch = new DecoderBatch();
    batch.reset(1, input.places(), 0, weights.embeddings.width());
    input.writeTo(batch, weights.embeddings);
    try (Decoder.Output output = weights.decoder.run(batch, null, 0)) {
      OnnxTensor logits = output.logits();
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
}

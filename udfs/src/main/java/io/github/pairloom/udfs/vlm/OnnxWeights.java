package io.github.pairloom.udfs.vlm;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import ai.onnxruntime.OrtException;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import io.github.pairloom.udfs.text.ChatTemplate;
import io.github.pairloom.udfs.text.PromptEncoder;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.text.TextTokenizer;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/**
 * A loaded model: three graphs, a tokenizer, a chat template. Shared by all tasks of an executor;
 * everything here is immutable or safe for several threads.
 *
 * <p>The two encoders run through DJL; see {@link OnnxDecoder} for the third graph.
 */
final class OnnxWeights implements AutoCloseable {
  final ModelIdentity identity;
  final ImagePreprocessor preprocessor;
  final TextTokenizer tokenizer;
  final PromptEncoder promptEncoder;
  final Set<Integer> endTokens;
  final long context;
  final Model visionEncoder;
  final TokenEmbeddings embeddings;
  final OnnxDecoder decoder;
  final TensorGraphs graphs;
  final Capabilities capabilities;

  private final Model embedTokens;
  private final Predictor<NDList, NDList> embedder;
  private final boolean[] mayEndSentence;
  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  private OnnxWeights(ModelSpec spec, Device device, int threads) throws IOException, OrtException {
    try {
      ModelFiles files = new ModelFiles(spec);
      identity = files.identity();
      context = files.context();
      preprocessor = files.preprocessor();
      tokenizer = keep(TextTokenizer.open(files.folder(), List.of(files.imageToken())));
      ChatTemplate template = files.chatTemplate();
      promptEncoder = new PromptEncoder(template, tokenizer, files.imageToken());
      endTokens = files.endTokens(template, tokenizer);
      visionEncoder = keep(OnnxEngine.load(files.visionEncoder(), device, threads));
      embedTokens = keep(OnnxEngine.load(files.embedTokens(), device, threads));
      embedder = keep(embedTokens.newPredictor(new NoopTranslator()));
      decoder = keep(OnnxDecoder.open(files.decoder(), device, threads));
      graphs = keep(new TensorGraphs(decoder.cacheType(), decoder.logitsType()));
      int vocabulary = tokenizer.vocabularySize();
      mayEndSentence = new boolean[vocabulary];
      for (int id = 0; id < vocabulary; id++) {
        mayEndSentence[id] = mayEndSentence(tokenizer.decode(id));
      }
      embeddings = new TokenEmbeddings(this::embed, vocabulary);
      capabilities = ModelProbe.probe(decoder, graphs, embeddings, vocabulary);
    } catch (IOException | OrtException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Loads a model.
   *
   * @param threads intra-op threads on the CPU
   * @throws ModelException if it cannot be loaded, or has inputs that this code cannot give
   */
  static OnnxWeights load(ModelSpec spec, Device device, int threads) {
    try {
      return new OnnxWeights(spec, device, threads);
    } catch (IOException | OrtException e) {
      throw new ModelException("Cannot load model " + spec.path() + ": " + e.getMessage(), e);
    }
  }

  /**
   * Returns whether a sentence may be complete with this token at its end where it was not before;
   * asking the text itself takes far longer.
   */
  boolean mayEndSentence(int token) {
    return token >= mayEndSentence.length || mayEndSentence[token];
  }

  /** Parts of characters decode to no character, so what they will be is not known. */
  private static boolean mayEndSentence(String piece) {
    return piece.isEmpty() || piece.indexOf('\uFFFD') >= 0 || Sentences.mayComplete(piece);
  }

  /** Predictors serve one thread at a time; almost all embeddings are asked for once. */
  private synchronized float[] embed(int... ids) {
    try (NDManager manager = embedTokens.getNDManager().newSubManager()) {
      NDArray input =
          manager.create(Arrays.stream(ids).asLongStream().toArray(), new Shape(1, ids.length));
      input.setName("input_ids");
      try (NDList output = embedder.predict(new NDList(input))) {
        return output.get(0).toFloatArray();
      }
    } catch (TranslateException e) {
      throw new ModelException("Token embedding failed: " + e.getMessage(), e);
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

package io.github.pairloom.udfs.spark;

import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.schemas.Span;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageEdits;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PerceptualHash;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.text.ChangeSpans;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Sampling;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The SQL functions: what {@link PairloomExtensions} registers. */
final class Functions {
  private static final DataType TEXT = DataTypes.StringType;
  private static final DataType IMAGE = DataTypes.BinaryType;
  private static final ImageDecoder DECODER = new ImageDecoder(ImageLimits.DEFAULTS);
  private static final RecordCodec<Span> SPAN =
      ModelCall.codec(
          "chosen_start INT, chosen_end INT, rejected_start INT, rejected_end INT", Span.class);

  private Functions() {}

  /** A function: how it is called, and what does it. */
  record Entry(SqlFunction.Signature signature, SqlFunction.Maker maker) {
    /** Returns the function for so many arguments. */
    SqlFunction of(int given) {
      return maker.of(signature, given);
    }
  }

  /** Settings of a model call that belong to no strategy. */
  record Draws(
      @Setting(value = "Root of the draws; any whole number", defaults = "2407") long seed) {}

  /** How a text is scored. */
  record Scoring(@Setting(value = "true: without the image", defaults = "false") boolean blind) {}

  /** Returns all functions. */
  static List<Entry> all() {
    return List.of(
        simple(
            "sentence_similarity",
            List.of("text", "other_text", "model"),
            List.of(TEXT, TEXT, TEXT),
            2,
            DataTypes.DoubleType,
            "Returns the cosine of the sentence embeddings of two texts; model is minilm (the"
                + " default) or a folder with model.onnx and tokenizer.json.",
            Functions::similarity),
        simple(
            "split_sentences",
            List.of("text"),
            List.of(TEXT),
            1,
            DataTypes.createArrayType(TEXT, false),
            "Returns the sentences of a text, in order; joined they are the text.",
            arguments -> Sentences.split((String) arguments[0]).toArray()),
        simple(
            "change_spans",
            List.of("chosen", "rejected"),
            List.of(TEXT, TEXT),
            2,
            DataTypes.createArrayType(SPAN.schema(), false),
            "Returns where two texts differ, as half-open ranges of UTF-16 code units.",
            arguments ->
                ChangeSpans.between((String) arguments[0], (String) arguments[1]).stream()
                    .map(SPAN::toRow)
                    .toArray()),
        simple(
            "image_phash",
            List.of("image"),
            List.of(IMAGE),
            1,
            TEXT,
            "Returns what an image looks like as 256 bits in 64 hex digits: pictures that look alike"
                + " differ in few bits; NULL if the bytes are no image.",
            arguments ->
                picture(arguments[0])
                    .map(picture -> PerceptualHash.toHex(PerceptualHash.of(picture)))
                    .orElse(null)),
        simple(
            "image_noise",
            List.of("image", "steps", "seed"),
            List.of(IMAGE, DataTypes.IntegerType, DataTypes.LongType),
            2,
            IMAGE,
            "Returns an image after steps of forward diffusion (1 to 1000) on its samples scaled to"
                + " [-1, 1], cut off there, as PNG; NULL if the bytes are no image.",
            Functions::noise),
        model(
            "generate_response",
            List.of(),
            "Returns what a model writes to a prompt about an image. Options: temperature, top-p,"
                + " max-new-tokens, seed.",
            (spec, options) ->
                new GenerateCall(
                    spec, options.take(Sampling.class), options.take(Draws.class).seed())),
        model(
            "score_response",
            List.of("response"),
            "Returns the log-probability of a response to a prompt about an image, in nats. Option:"
                + " blind (true: without the image).",
            (spec, options) -> new ScoreCall(spec, options.take(Scoring.class).blind())),
        model(
            "bdhs_reject",
            List.of("chosen"),
            "Returns the rejected side that Bias-Driven Hallucination Sampling makes of a chosen"
                + " response. Options: mask-rate, iterations, similarity-threshold,"
                + " yes-no-swap-probability, temperature, top-p, max-new-tokens, model (of sentence"
                + " embeddings), scope, seed.",
            (spec, options) ->
                new BdhsCall(
                    spec,
                    options.take(BdhsAttention.class),
                    options.take(SimilaritySettings.class),
                    options.take(Draws.class).seed())));
  }

  private static Object similarity(Object... arguments) {
    String name = arguments[2] == null ? SimilaritySettings.MINILM : (String) arguments[2];
    return TaskSessions.with(
        List.of("similarity", name),
        () ->
            new Similarity(
                new SimilaritySettings(name, SimilaritySettings.Scope.RESPONSE),
                SentenceEmbedder.open(name, 1)),
        similarity -> similarity.of((String) arguments[0], (String) arguments[1]));
  }

  private static Object noise(Object... arguments) {
    long seed = arguments[2] == null ? 0 : (Long) arguments[2];
    return picture(arguments[0])
        .map(
            picture ->
                ImageEdits.toPng(
                    ImageEdits.noise(
                        picture,
                        (Integer) arguments[1],
                        // Rows of one seed are not to have the same noise.
                        KeyedRandom.of(seed).with("noise").with(picture.sha256()))))
        .orElse(null);
  }

  private static Optional<RgbImage> picture(Object bytes) {
    try {
      return Optional.of(DECODER.decode((byte[]) bytes).image());
    } catch (BadImageException e) {
      return Optional.empty();
    }
  }

  private static Entry simple(
      String name,
      List<String> arguments,
      List<DataType> inputs,
      int needed,
      DataType result,
      String usage,
      SerializableFunction body) {
    return new Entry(
        new SqlFunction.Signature(name, arguments, inputs, needed, result, usage),
        (signature, given) ->
            new SqlFunction(signature, given) {
              private static final long serialVersionUID = 1L;

              @Override
              Object apply(Object... values) {
                return body.apply(values);
              }
            });
  }

  /** What a function is: a function of its arguments that can travel. */
  private interface SerializableFunction extends Function<Object[], Object>, java.io.Serializable {}

  /** Makes a call of a model and options. */
  private interface CallMaker extends java.io.Serializable {
    ModelCall of(ModelSpec spec, Settings.Texts options);
  }

  /**
   * A function of a model's folder, an image and a prompt, the texts named here, and options. The
   * result is a struct whose column error says why there is none, where an image is broken or the
   * model fails.
   */
  private static Entry model(String name, List<String> texts, String usage, CallMaker maker) {
    boolean hasText = !texts.isEmpty();
    List<String> arguments =
        hasText
            ? List.of("model", "image", "prompt", texts.get(0), "options")
            : List.of("model", "image", "prompt", "options");
    List<DataType> inputs =
        hasText
            ? List.of(TEXT, IMAGE, TEXT, TEXT, SqlFunction.OPTIONS)
            : List.of(TEXT, IMAGE, TEXT, SqlFunction.OPTIONS);
    StructType result = call(maker, "model", Map.of()).schema();
    int options = inputs.size() - 1;
    return simple(
        name,
        arguments,
        inputs,
        options,
        result,
        usage,
        values -> {
          Map<?, ?> given = values[options] == null ? Map.of() : (Map<?, ?>) values[options];
          return TaskSessions.with(
              List.of(name, values[0], given),
              () -> call(maker, (String) values[0], given).open(),
              session ->
                  session.await(
                      session.call(
                          new ModelCall.Arguments(
                              (byte[]) values[1],
                              (String) values[2],
                              hasText ? (String) values[3] : null))));
        });
  }

  private static ModelCall call(CallMaker maker, String folder, Map<?, ?> given) {
    Settings.Texts options = new Settings.Texts(given);
    ModelCall call = maker.of(ModelSpec.onCpu(Path.of(folder)), options);
    options.checkAllTaken();
    return call;
  }
}

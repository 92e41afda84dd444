package io.github.pairloom.udfs.strategy;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.DiffusionNoise;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.text.Tokens;
import io.github.pairloom.udfs.text.YesNo;
import io.github.pairloom.udfs.vlm.Continuation;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Bias-Driven Hallucination Sampling (arXiv 2407.02477, section 3.4 and appendix D): a model that
 * cannot see completes parts of a good response from its language prior.
 *
 * <p>Every draw is keyed by the response's key, the iteration, the sentence and the position, so an
 * iteration can be made again alone.
 */
final class BdhsSampler {
  /** What the model is shown in one iteration, and how that is recorded. */
  private record Sight(ImageView view, Transform transform) {}

  /** The model's view of the image for one iteration; its key is the iteration's. */
  private interface Blindfold {
    Sight apply(RejectionInput input, KeyedRandom key);
  }

  private final Bdhs settings;
  private final Blindfold blindfold;
  private final VisionLanguageModel model;
  private final Similarity similarity;

  private BdhsSampler(
      Bdhs settings, Blindfold blindfold, VisionLanguageModel model, Similarity similarity) {
    this.settings = settings;
    this.blindfold = blindfold;
    this.model = model;
    this.similarity = similarity;
  }

  /** Returns the sampler of the attention variant. */
  static BdhsSampler of(BdhsAttention strategy, VisionLanguageModel model, Similarity similarity) {
    return new BdhsSampler(
        strategy.bdhs(),
        (input, key) -> masked(input, strategy.maskRate(), key),
        model,
        similarity);
  }

  /** Returns the sampler of the noise variant. */
  static BdhsSampler of(BdhsNoise strategy, VisionLanguageModel model, Similarity similarity) {
    return new BdhsSampler(
        strategy.bdhs(),
        (input, key) -> noised(input, strategy.noiseSteps(), key, model),
        model,
        similarity);
  }

  /** Image token j is visible where its draw from U(0, 1) is at least the mask rate. */
  private static Sight masked(RejectionInput input, double maskRate, KeyedRandom key) {
    KeyedRandom draws = key.with("mask");
    int[] visible =
        IntStream.range(0, input.features().tokens())
            .filter(token -> draws.uniform(token) >= maskRate)
            .toArray();
    return new Sight(
        ImageView.of(input.features(), visible),
        new Transform(
            "attention-mask",
            Map.of("mask-rate", Double.toString(maskRate)),
            input.pixels().sha256(),
            Arrays.stream(visible).boxed().toList()));
  }

  private static Sight noised(
      RejectionInput input, int steps, KeyedRandom key, VisionLanguageModel model) {
    PixelTensor noisy = DiffusionNoise.apply(input.pixels(), steps, key.with("noise"));
    return new Sight(
        ImageView.full(model.encode(noisy)),
        new Transform(
            "diffusion-noise",
            Map.of("noise-steps", Integer.toString(steps)),
            noisy.sha256(),
            null));
  }

  /** Returns the first attempt that is dissimilar enough, or the last one. */
  Rejection sample(RejectionInput input) {
    int[] prompt = model.prompt(input.context(), input.prompt());
    List<String> sentences = Sentences.split(input.chosen());
    for (int iteration = 1; ; iteration++) {
      KeyedRandom key = input.key().with(iteration);
      Sight sight = blindfold.apply(input, key);
      boolean last = iteration == settings.iterations();
      boolean free = last && iteration > 1;
      Draft draft =
          free
              ? generateFreely(prompt, sight.view(), key)
              : generateGuided(prompt, sight.view(), sentences, key);
      double cosine = similarity.of(input.chosen(), draft.text);
      if (last || cosine < settings.similarityThreshold()) {
        return new Rejection(draft.text, iteration, cosine, draft.cutOff, sight.transform());
      }
    }
  }

  private record Draft(String text, boolean cutOff) {}

  private Draft generateFreely(int[] prompt, ImageView view, KeyedRandom key) {
    Generation generation =
        model.generate(
            prompt,
            view,
            new int[0],
            Continuation.OF_RESPONSE,
            settings.sampling(),
            key.with("free"));
    return new Draft(generation.text().strip(), generation.cutOff());
  }

  private Draft generateGuided(
      int[] prompt, ImageView view, List<String> sentences, KeyedRandom key) {
    StringBuilder text = new StringBuilder();
    boolean cutOff = false;
    StringBuilder before = new StringBuilder();
    for (int k = 0; k < sentences.size(); k++) {
      Draft sentence =
          completeSentence(
              prompt, view, before.toString(), sentences.get(k), key.with("sentence").with(k));
      text.append(sentence.text);
      cutOff |= sentence.cutOff;
      // The original, not the draft: no sentence depends on another's outcome.
      before.append(sentences.get(k));
    }
    return new Draft(text.toString().strip(), cutOff);
  }

  /** Keeps a random first part of the sentence and lets the model go on to the first full stop. */
  private Draft completeSentence(
      int[] prompt, ImageView view, String before, String original, KeyedRandom key) {
    String sentence = original;
    if (key.with("swap").uniform(0) < settings.yesNoSwapProbability()) {
      sentence = YesNo.swap(original).orElse(original);
    }
    Tokens tokens = model.response(before + sentence);
    List<Split> splits = splits(tokens, before.length(), sentence);
    if (splits.isEmpty()) {
      return new Draft(sentence, false);
    }
    Split split = splits.get(key.with("split").below(splits.size(), 0));
    Generation generation =
        model.generate(
            prompt,
            view,
            Arrays.copyOf(tokens.ids(), split.tokens),
            Continuation.OF_SENTENCE,
            settings.sampling(),
            key.with("continuation"));
    return new Draft(split.kept + generation.text().stripTrailing(), generation.cutOff());
  }

  /**
   * A place where a sentence may be cut.
   *
   * @param kept text of the sentence before the cut
   * @param tokens number of tokens of the response before the cut
   */
  private record Split(String kept, int tokens) {}

  /**
   * Returns the places to cut {@code sentence}: before each word that begins a token, so that the
   * tokens before the cut are exactly those of the whole text. The first keeps nothing; there is
   * none in a sentence without words.
   *
   * @param tokens of the response up to the end of the sentence
   * @param offset where the sentence starts in that text
   */
  private static List<Split> splits(Tokens tokens, int offset, String sentence) {
    List<Split> splits = new ArrayList<>();
    for (int start : Sentences.wordStarts(sentence)) {
      OptionalInt token = tokens.beginningAt(offset + start);
      if (token.isPresent()) {
        // Space before the word is kept only where it is a token of its own; else it belongs to the
        // word's token, and the model writes it.
        int end = token.getAsInt() == 0 ? 0 : tokens.end(token.getAsInt() - 1) - offset;
        splits.add(new Split(sentence.substring(0, Math.max(0, end)), token.getAsInt()));
      }
    }
    return splits;
  }
}

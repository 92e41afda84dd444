package io.github.pairloom.udfs.strategy;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.text.Tokens;
import io.github.pairloom.udfs.text.YesNo;
import io.github.pairloom.udfs.vlm.Cut;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Passage;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
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
    CompletableFuture<Sight> apply(RejectionInput input, KeyedRandom key);
  }

  private final Bdhs settings;
  private final Blindfold blindfold;
  private final Workbench bench;

  private BdhsSampler(Bdhs settings, Blindfold blindfold, Workbench bench) {
    this.settings = settings;
    this.blindfold = blindfold;
    this.bench = bench;
  }

  /** Returns the sampler of the attention variant. */
  static BdhsSampler of(BdhsAttention strategy, Workbench bench) {
    return new BdhsSampler(
        strategy.bdhs(),
        (input, key) -> CompletableFuture.completedFuture(masked(input, strategy.maskRate(), key)),
        bench);
  }

  /** Returns the sampler of the noise variant. */
  static BdhsSampler of(BdhsNoise strategy, Workbench bench) {
    return new BdhsSampler(
        strategy.bdhs(),
        (input, key) -> noised(input, strategy.noiseSteps(), key, bench.model()),
        bench);
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

  private static CompletableFuture<Sight> noised(
      RejectionInput input, int steps, KeyedRandom key, VisionLanguageModel model) {
    RejectedImage noised = RejectedImage.noise(input.pixels(), steps, key.with("noise"));
    return model
        .encode(noised.pixels())
        .thenApply(seen -> new Sight(ImageView.full(seen), noised.transform()));
  }

  /** Returns the first usable attempt that is dissimilar enough, or the last one. */
  CompletableFuture<Rejection> sample(RejectionInput input) {
    return new Row(input).attempt(1);
  }

  /** The attempts at one response. */
  private final class Row {
    private final RejectionInput input;
    private final int[] prompt;
    private final List<String> sentences;
    private final Tokens tokens;

    Row(RejectionInput input) {
      this.input = input;
      this.prompt = bench.model().prompt(input.context(), input.prompt());
      this.sentences = Sentences.split(input.chosen());
      this.tokens = bench.model().response(input.chosen());
    }

    CompletableFuture<Rejection> attempt(int iteration) {
      KeyedRandom key = input.key().with(iteration);
      boolean last = iteration == settings.iterations();
      Plan plan = last && iteration > 1 ? free(key) : guided(key);
      return blindfold
          .apply(input, key)
          .thenComposeAsync(
              sight ->
                  bench
                      .model()
                      .complete(new Passage(prompt, sight.view(), plan.cuts(), settings.sampling()))
                      .thenComposeAsync(
                          written -> gate(plan.put(written), sight, iteration, last), bench),
              bench);
    }

    private CompletableFuture<Rejection> gate(
        Draft draft, Sight sight, int iteration, boolean last) {
      double cosine = bench.similarity().of(input.chosen(), draft.text);
      // What is no text at all, or none to its end, is dissimilar, but the gates may refuse it.
      boolean usable = !draft.text.isEmpty() && !draft.cutOff;
      return last || (usable && cosine < settings.similarityThreshold())
          ? CompletableFuture.completedFuture(
              new Rejection(draft.text, iteration, cosine, draft.cutOff, sight.transform()))
          : attempt(iteration + 1);
    }

    /** The model writes the whole response; that it might be the chosen one is only a guess. */
    private Plan free(KeyedRandom key) {
      Cut cut = Cut.ofResponse(tokens.ids(), 0, key.with("free"));
      return new Plan(List.of(new Piece("", Optional.of(cut))));
    }

    /** No sentence depends on another's outcome: before each stands the original. */
    private Plan guided(KeyedRandom key) {
      List<Piece> pieces = new ArrayList<>();
      int start = 0;
      for (int k = 0; k < sentences.size(); k++) {
        pieces.add(piece(sentences.get(k), start, key.with("sentence").with(k)));
        start += sentences.get(k).length();
      }
      return new Plan(pieces);
    }

    /**
     * Keeps a random first part of a sentence, for the model to go on to the sentence's end. A swap
     * that no split keeps, as that of a sentence of one word, is the whole sentence: the model
     * would write over it.
     */
    private Piece piece(String original, int start, KeyedRandom key) {
      boolean swaps = key.with("swap").uniform(0) < settings.yesNoSwapProbability();
      Optional<String> swapped = swaps ? YesNo.swap(original) : Optional.empty();
      String sentence = swapped.orElse(original);
      // With its swap a response has tokens of its own, up to the end of that sentence.
      Tokens own =
          swapped.isPresent()
              ? bench.model().response(input.chosen().substring(0, start) + sentence)
              : tokens;
      List<Split> splits = splits(own, start, sentence);
      boolean overwritten =
          swapped.isPresent() && splits.stream().allMatch(split -> split.kept.isBlank());
      if (splits.isEmpty() || overwritten) {
        return new Piece(sentence, Optional.empty());
      }
      Split split = splits.get(key.with("split").below(splits.size(), 0));
      Cut cut = Cut.ofSentence(own.ids(), split.tokens, split.kept, key.with("continuation"));
      return new Piece(split.kept, Optional.of(cut));
    }
  }

  private record Draft(String text, boolean cutOff) {}

  /**
   * A part of an attempt.
   *
   * @param kept text that is given
   * @param cut where the model goes on after it; empty if it does not
   */
  private record Piece(String kept, Optional<Cut> cut) {}

  /** The parts of an attempt, in order. */
  private record Plan(List<Piece> pieces) {
    List<Cut> cuts() {
      return pieces.stream().flatMap(piece -> piece.cut.stream()).toList();
    }

    /** Returns the attempt, given what the model wrote at the cuts. */
    Draft put(List<Generation> written) {
      StringBuilder text = new StringBuilder();
      boolean cutOff = false;
      int next = 0;
      for (Piece piece : pieces) {
        text.append(piece.kept);
        if (piece.cut.isPresent()) {
          Generation generation = written.get(next++);
          text.append(generation.text().stripTrailing());
          cutOff |= generation.cutOff();
        }
      }
      return new Draft(text.toString().strip(), cutOff);
    }
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
   * @param tokens of a response that has the sentence
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

package io.github.pairloom.benchmarks;

import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.text.Tokens;
import io.github.pairloom.udfs.text.YesNo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Bias-Driven Hallucination Sampling to the letter (arXiv 2407.02477, section 3.4 and appendix D):
 * one {@code generate} call per iteration and sentence, with no step shared between two of them.
 * The referee for the engine's shortcuts, in what it writes and in what it costs.
 *
 * <p>Its draws have the engine's keys, so the engine must give the same text, byte for byte, but
 * where two tokens tie up to floating-point error; {@link Result} tells how near the nearest tie
 * was. Not thread-safe.
 */
final class NaiveBdhs implements AutoCloseable {
  /**
   * A response that wants a worse counterpart.
   *
   * @param pixels the image as the vision encoder takes it
   * @param context turns before the prompt, oldest first
   * @param prompt the user turn that was answered
   * @param chosen the response
   * @param key root of its draws
   */
  record Row(
      PixelTensor pixels, List<Turn> context, String prompt, String chosen, KeyedRandom key) {
    Row {
      context = List.copyOf(context);
    }
  }

  /**
   * A text of one iteration.
   *
   * @param similarity its cosine with the chosen response, NaN where none was asked for
   * @param passages its sentences, or the whole response where it was generated freely
   */
  record Draft(String text, double similarity, List<Passage> passages) {
    /** Returns whether the token limit ended any part. */
    boolean cutOff() {
      return passages.stream().anyMatch(Passage::cutOff);
    }

    /** Returns the smallest gap of any part. */
    double gap() {
      return gap(passages);
    }

    /**
     * Returns the smallest gap up to the sentence in which {@code other} begins to differ: if that
     * is no tie, the two have come about differently. Infinite for equal texts.
     */
    double gapBefore(String other) {
      if (other.equals(text)) {
        return Double.POSITIVE_INFINITY;
      }
      int same = 0;
      while (same < Math.min(text.length(), other.length())
          && text.charAt(same) == other.charAt(same)) {
        same++;
      }
      List<Passage> begun = new ArrayList<>();
      // The draft is stripped, its passages are not.
      int start = text.isEmpty() ? 0 : -joined(passages).indexOf(text.charAt(0));
      for (Passage passage : passages) {
        if (start <= same) {
          begun.add(passage);
        }
        start += passage.text().length();
      }
      return gap(begun);
    }

    private static double gap(List<Passage> passages) {
      return passages.stream().mapToDouble(Passage::gap).min().orElse(Double.POSITIVE_INFINITY);
    }
  }

  /**
   * A part of a draft that was generated on its own.
   *
   * @param text the part that was kept and what the model made of the rest
   * @param gap smallest lead of a chosen token over the second best, in logits; infinite if no
   *     token was chosen
   */
  record Passage(String text, boolean cutOff, double gap) {}

  /**
   * All that was written for a row.
   *
   * @param drafts one per iteration; the last is the rejected response
   * @param prefilled number of tokens fed before a first one was chosen, over all calls
   * @param decoded number of tokens chosen
   */
  record Result(List<Draft> drafts, long prefilled, long decoded) {
    /** Returns the rejected response. */
    String text() {
      return last().text();
    }

    /** Returns its iteration, from 1. */
    int iteration() {
      return drafts.size();
    }

    /** Returns the draft that became the rejected response. */
    Draft last() {
      return drafts.get(drafts.size() - 1);
    }

    /** Returns the smallest gap of any draft. */
    double gap() {
      return drafts.stream().mapToDouble(Draft::gap).min().orElseThrow();
    }

    /**
     * Returns the smallest gap that could have led to {@code other}: one before the first
     * difference, or in any draft if {@code other} is of another iteration.
     */
    double gapBefore(String other, int otherIteration) {
      return otherIteration == iteration() ? last().gapBefore(other) : gap();
    }
  }

  /**
   * What is drawn for one iteration before the model speaks.
   *
   * @param key the iteration's
   * @param free whether nothing of the chosen response is given
   * @param starts of the sentences; none if free
   */
  record Iteration(
      KeyedRandom key, Blindfold.Sight sight, boolean free, List<SentenceStart> starts) {}

  /**
   * What is given of a sentence.
   *
   * @param kept its first part
   * @param prefix ids of the response up to there; empty if the sentence is kept whole, as it has
   *     no word
   * @param whole whether nothing is left to generate
   * @param key the sentence's
   */
  record SentenceStart(String kept, List<Integer> prefix, boolean whole, KeyedRandom key) {}

  private final NaiveModel model;

  private NaiveBdhs(NaiveModel model) {
    this.model = model;
  }

  /** Opens the model of a folder. */
  static NaiveBdhs open(Path folder) {
    return new NaiveBdhs(NaiveModel.open(folder));
  }

  /** Returns the model, open as long as this is. */
  NaiveModel model() {
    return model;
  }

  /** Returns the image as {@link Row} takes it. */
  PixelTensor preprocess(RgbImage image) {
    return model.preprocess(image);
  }

  /** Makes iterations until one is dissimilar enough, or the last. */
  Result reject(Row row, Blindfold blindfold, Bdhs settings, Similarity similarity) {
    return run(
        row, blindfold, settings, settings.iterations(), text -> similarity.of(row.chosen(), text));
  }

  /**
   * Makes a given number of iterations and looks at no similarity, to measure generation alone.
   *
   * @param iterations 1 to those of {@code settings}, the last of which is free
   */
  Result generate(Row row, Blindfold blindfold, Bdhs settings, int iterations) {
    return run(row, blindfold, settings, iterations, text -> Double.NaN);
  }

  private Result run(
      Row row,
      Blindfold blindfold,
      Bdhs settings,
      int iterations,
      ToDoubleFunction<String> similarity) {
    int[] prompt = model.prompt(row.context, row.prompt);
    List<Draft> drafts = new ArrayList<>();
    long prefilled = 0;
    long decoded = 0;
    boolean accepted = false;
    while (drafts.size() < iterations && !accepted) {
      Iteration iteration = iteration(row, blindfold, settings, drafts.size() + 1);
      List<Passage> passages = new ArrayList<>();
      if (iteration.free) {
        NaiveModel.Written written =
            model.generate(
                iteration.sight.pixels(),
                iteration.sight.visible(),
                prompt,
                new int[0],
                Optional.empty(),
                settings.sampling(),
                iteration.key.with("free"));
        passages.add(new Passage(written.text(), written.cutOff(), written.gap()));
        prefilled += written.prefilled();
        decoded += written.decoded();
      }
      for (SentenceStart start : iteration.starts) {
        if (start.whole) {
          passages.add(new Passage(start.kept, false, Double.POSITIVE_INFINITY));
          continue;
        }
        NaiveModel.Written written =
            model.generate(
                iteration.sight.pixels(),
                iteration.sight.visible(),
                prompt,
                start.prefix.stream().mapToInt(Integer::intValue).toArray(),
                Optional.of(start.kept),
                settings.sampling(),
                start.key.with("continuation"));
        passages.add(
            new Passage(
                start.kept + written.text().stripTrailing(), written.cutOff(), written.gap()));
        prefilled += written.prefilled();
        decoded += written.decoded();
      }
      String text = joined(passages).strip();
      Draft draft = new Draft(text, similarity.applyAsDouble(text), passages);
      drafts.add(draft);
      // NaN is below nothing.
      accepted =
          !text.isEmpty() && !draft.cutOff() && draft.similarity < settings.similarityThreshold();
    }
    return new Result(drafts, prefilled, decoded);
  }

  private static String joined(List<Passage> passages) {
    StringBuilder text = new StringBuilder();
    passages.forEach(passage -> text.append(passage.text));
    return text.toString();
  }

  /**
   * Makes the draws of an iteration.
   *
   * @param number from 1
   */
  Iteration iteration(Row row, Blindfold blindfold, Bdhs settings, int number) {
    KeyedRandom key = row.key.with(number);
    Blindfold.Sight sight = blindfold.apply(row.pixels, key);
    if (number > 1 && number == settings.iterations()) {
      return new Iteration(key, sight, true, List.of());
    }
    List<SentenceStart> starts = new ArrayList<>();
    String before = "";
    for (String sentence : Sentences.split(row.chosen)) {
      KeyedRandom sentenceKey = key.with("sentence").with(starts.size());
      starts.add(start(before, sentence, settings.yesNoSwapProbability(), sentenceKey));
      before += sentence;
    }
    return new Iteration(key, sight, false, starts);
  }

  /** A sentence is cut before a random one of its words. */
  private SentenceStart start(String before, String original, double swap, KeyedRandom key) {
    String sentence = original;
    if (key.with("swap").uniform(0) < swap) {
      sentence = YesNo.swap(original).orElse(original);
    }
    Tokens tokens = model.response(before + sentence);
    List<Integer> cuts = new ArrayList<>();
    for (int word : Sentences.wordStarts(sentence)) {
      // A word that begins inside a token is no place to cut: the model could not be given the
      // tokens before it.
      OptionalInt token = tokens.beginningAt(before.length() + word);
      token.ifPresent(cuts::add);
    }
    boolean swapped = !sentence.equals(original);
    String given = sentence;
    if (cuts.stream().allMatch(cut -> swapped && kept(given, before, tokens, cut).isBlank())) {
      // There is no word, or the model would write over the swap.
      return new SentenceStart(sentence, List.of(), true, key);
    }
    int cut = cuts.get(key.with("split").below(cuts.size(), 0));
    return new SentenceStart(
        kept(sentence, before, tokens, cut),
        IntStream.range(0, cut).mapToObj(tokens::id).toList(),
        false,
        key);
  }

  /** Returns the text of a sentence before a token of the response. */
  private static String kept(String sentence, String before, Tokens tokens, int cut) {
    return sentence.substring(0, cut == 0 ? 0 : Math.max(0, tokens.end(cut - 1) - before.length()));
  }

  @Override
  public void close() {
    model.close();
  }
}

package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageDefect;
import io.github.pairloom.udfs.text.ContentWords;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.vlm.Cut;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Passage;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/**
 * Retrieval, as Re-Align makes its rejected texts (arXiv 2502.13146): the content words of the
 * chosen response are masked, and the model fills the gaps while it looks at the most similar other
 * image. The completion is accepted if it differs enough from the chosen response; else the next
 * image is tried.
 *
 * <p>Rows that are not accepted yet go through a round together: what they need of the model is in
 * the same batches, and an image is read and encoded only when its turn comes.
 *
 * <p>The gaps are filled in order within a sentence, and each sentence stands after the original
 * ones: the model writes until the word or sign comes that follows the gap. If it does not come
 * before the sentence ends, the model has left the frame, and its words end the sentence. Re-Align
 * asks the model to complete the masked text instead, which takes one that follows instructions:
 * that is what the template is for. Its words for masking and its number of images are not
 * published.
 *
 * @param neighbours images to complete from
 * @param similarityThreshold a completion is accepted below this cosine
 * @param template asks for the completion; empty: the gaps are filled one by one
 * @param keptWords words that are not masked
 * @param sampling how tokens are chosen
 */
@SettingType("retrieval")
public record Retrieval(
    @Setting("Other images to complete from, the most similar first") Neighbourhood neighbours,
    @Setting(
            value =
                "Accept the first completion whose cosine with the chosen response is below this, in"
                    + " (-1, 1]",
            defaults = "0.95")
        double similarityThreshold,
    @Setting(
            value =
                "Prompt that asks for the completion; {prompt} and {masked} stand for the texts."
                    + " Empty: the gaps are filled one by one, which any model can do",
            defaults = "")
        String template,
    @Setting(
            value =
                "Words that are not masked, case aside; the default is English. Give those of the"
                    + " texts' language: without any, whole clauses are rewritten. Where no space"
                    + " is between words, a word is a letter",
            defaults =
                "[a, an, the, this, that, these, those, it, its, he, she, they, his, her, their, we, you,"
                    + " i, who, which, what, where, there, here, is, are, was, were, be, been, being,"
                    + " has, have, had, do, does, did, can, could, will, would, may, might, and, or,"
                    + " but, not, of, in, on, at, to, from, with, without, by, for, as, into, near,"
                    + " over, under, between, behind, some, any, all, also, very, than, then, while,"
                    + " image, picture, photo, photograph, scene, shows, show, see, seen, appears]")
        List<String> keptWords,
    @Setting("How tokens are chosen") Sampling sampling)
    implements RejectionStrategy {
  static final String NO_IMAGE = "no-similar-image";
  static final String NOT_ACCEPTED = "no-completion-accepted";

  public Retrieval {
    check(
        similarityThreshold > -1 && similarityThreshold <= 1,
        "Invalid similarity-threshold: %s (must be in (-1, 1])",
        similarityThreshold);
    check(
        template.isEmpty() || template.contains("{masked}"),
        "Invalid template: it lacks {masked}, so there would be nothing to complete");
    keptWords = List.copyOf(keptWords);
  }

  @Override
  public Optional<Neighbourhood> wantsNeighbours() {
    return Optional.of(neighbours);
  }

  /**
   * Returns the images that were retrieved.
   *
   * @throws NoPairException if there are none
   */
  static List<RejectionInput.Other> retrieved(RejectionInput input) {
    if (input.others().isEmpty()) {
      throw new NoPairException(
          NO_IMAGE, "table images has no other image, or none that is not the same picture");
    }
    return input.others();
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    return new Row(input, bench).attempt(0).thenApply(List::of);
  }

  /** The attempts at one response. */
  private final class Row {
    private final RejectionInput input;
    private final Workbench bench;
    private final List<RejectionInput.Other> images;
    private final List<String> sentences;
    private final Set<String> kept;
    private final List<String> refused = new ArrayList<>();

    /** Taken if no completion comes to its end: what it is worth the gates say. */
    private Optional<Rejection> cutOff = Optional.empty();

    Row(RejectionInput input, Workbench bench) {
      this.input = input;
      this.bench = bench;
      this.images = retrieved(input);
      this.sentences = Sentences.split(input.chosen());
      this.kept =
          keptWords.stream()
              .map(word -> word.toLowerCase(Locale.ROOT))
              .collect(Collectors.toCollection(HashSet::new));
    }

    /**
     * @param rank of the image, from 0
     */
    CompletableFuture<Rejection> attempt(int rank) {
      if (rank == images.size()) {
        return cutOff
            .map(CompletableFuture::completedFuture)
            .orElseGet(
                () ->
                    CompletableFuture.failedFuture(
                        new NoPairException(NOT_ACCEPTED, String.join(", ", refused))));
      }
      RejectedImage seen;
      try {
        seen = RejectedImage.retrieved(images.get(rank), bench.model()::preprocess);
      } catch (BadImageException e) {
        if (e.defect() == ImageDefect.UNREADABLE) {
          // That may pass, and the pair is to follow from the images alone.
          return CompletableFuture.failedFuture(e);
        }
        refused.add(e.defect().code());
        return attempt(rank + 1);
      }
      KeyedRandom key = input.key().with("retrieval").with(rank);
      return bench
          .model()
          .encode(seen.pixels())
          .thenComposeAsync(
              features ->
                  template.isEmpty()
                      ? filled(ImageView.full(features), key)
                      : asked(ImageView.full(features), key),
              bench)
          .thenComposeAsync(
              draft -> {
                double cosine = bench.similarity().of(input.chosen(), draft.text);
                boolean accepted = !draft.text.isEmpty() && cosine < similarityThreshold;
                Rejection rejection =
                    new Rejection(draft.text, rank + 1, cosine, draft.cutOff, seen.transform());
                if (accepted && !draft.cutOff) {
                  return CompletableFuture.completedFuture(rejection);
                }
                if (accepted && cutOff.isEmpty()) {
                  cutOff = Optional.of(rejection);
                }
                refused.add(draft.text.isEmpty() ? "empty" : "cosine " + cosine);
                return attempt(rank + 1);
              },
              bench);
    }

    /** Has the model complete the masked text as an instruction. */
    private CompletableFuture<Draft> asked(ImageView view, KeyedRandom key) {
      String masked = ContentWords.masked(input.chosen(), ContentWords.gaps(input.chosen(), kept));
      String question =
          PromptTemplate.fill(template, Map.of("prompt", input.prompt(), "masked", masked));
      return bench
          .model()
          .complete(
              new Passage(
                  bench.model().prompt(input.context(), question),
                  view,
                  List.of(Cut.free(key)),
                  sampling))
          .thenApply(written -> new Draft(written.get(0).text().strip(), written.get(0).cutOff()));
    }

    /** Fills the gaps one by one, of all sentences at the same time. */
    private CompletableFuture<Draft> filled(ImageView view, KeyedRandom key) {
      List<Frame> frames = new ArrayList<>();
      int start = 0;
      for (int k = 0; k < sentences.size(); k++) {
        String before = input.chosen().substring(0, start);
        frames.add(new Frame(before, sentences.get(k), kept, key.with("sentence").with(k)));
        start += sentences.get(k).length();
      }
      return fill(frames, view);
    }

    private CompletableFuture<Draft> fill(List<Frame> frames, ImageView view) {
      List<Frame> open = frames.stream().filter(Frame::isOpen).toList();
      if (open.isEmpty()) {
        String text = frames.stream().map(Frame::text).collect(Collectors.joining()).strip();
        return CompletableFuture.completedFuture(
            new Draft(text, frames.stream().anyMatch(frame -> frame.cutOff)));
      }
      List<Cut> cuts =
          open.stream()
              .map(
                  frame -> {
                    int[] tokens = bench.model().response(frame.given()).ids();
                    return Cut.ofSentence(tokens, tokens.length, frame.begun(), frame.keyOfGap());
                  })
              .toList();
      int[] prompt = bench.model().prompt(input.context(), input.prompt());
      return bench
          .model()
          .complete(new Passage(prompt, view, cuts, sampling))
          .thenComposeAsync(
              written -> {
                for (int i = 0; i < open.size(); i++) {
                  open.get(i).take(written.get(i));
                }
                return fill(frames, view);
              },
              bench);
    }
  }

  private record Draft(String text, boolean cutOff) {}

  /** A sentence whose gaps are being filled. */
  private static final class Frame {
    private final String before;
    private final String sentence;
    private final List<ContentWords.Gap> gaps;
    private final KeyedRandom key;
    private final StringBuilder text = new StringBuilder();
    private int next;
    private boolean cutOff;

    Frame(String before, String sentence, Set<String> kept, KeyedRandom key) {
      this.before = before;
      this.sentence = sentence;
      this.gaps = ContentWords.gaps(sentence, kept);
      this.key = key;
      text.append(sentence, 0, isOpen() ? gaps.get(0).start() : sentence.length());
    }

    boolean isOpen() {
      return next < gaps.size();
    }

    String text() {
      return text.toString();
    }

    /** Returns what stands before the next gap; the space before it is the model's to write. */
    String given() {
      return (before + text).stripTrailing();
    }

    /** Returns what of that is this sentence's. */
    String begun() {
      return text().stripTrailing();
    }

    KeyedRandom keyOfGap() {
      return key.with(next);
    }

    void take(Generation written) {
      ContentWords.Gap gap = gaps.get(next++);
      String following =
          sentence.substring(gap.end(), isOpen() ? gaps.get(next).start() : sentence.length());
      if (written.text().isBlank()) {
        text.append(sentence, gap.start(), gap.end()).append(following);
        return;
      }
      text.setLength(text.toString().stripTrailing().length());
      int filling = ContentWords.filling(written.text(), following);
      // What the limit ended is used up to its end only where nothing was to follow, or did.
      cutOff |= written.cutOff() && (filling < 0 || following.isBlank());
      if (filling < 0) {
        text.append(written.text().stripTrailing());
        next = gaps.size();
      } else {
        text.append(written.text().substring(0, filling).stripTrailing()).append(following);
      }
    }
  }
}

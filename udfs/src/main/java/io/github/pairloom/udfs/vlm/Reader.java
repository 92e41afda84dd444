package io.github.pairloom.udfs.vlm;

import ai.onnxruntime.OrtException;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Reads given responses to one prompt. The image and the prompt are run once, with the first
 * response after them; the others go on from its caches, each from where it leaves the first.
 *
 * <p>What is read together is one request's alone, so figures do not depend on batches. A prompt
 * with an image is long enough to keep a device busy by itself.
 *
 * <p>Not thread-safe.
 */
final class Reader {
  /** Responses that go on together from the first one's caches. */
  private static final int TOGETHER = 8;

  private final OnnxWeights weights;
  private final Decoder decoder;
  private final Capabilities capabilities;
  private final ModelMetrics metrics;
  private final DecoderBatch batch = new DecoderBatch();
  private final int[] ends;

  Reader(OnnxWeights weights, Decoder decoder, Capabilities capabilities, ModelMetrics metrics) {
    this.weights = weights;
    this.decoder = decoder;
    this.capabilities = capabilities;
    this.metrics = metrics;
    this.ends = weights.endTokens.stream().mapToInt(Integer::intValue).toArray();
  }

  /** A response, as far as it has been read. */
  private final class Page {
    private final int[] tokens;
    private final float[] logProbs;
    private final int[] likeliest;
    private final float[] endLogProbs = new float[ends.length];

    /** Tokens at its beginning that it has in common with the first response. */
    private final int common;

    Page(int[] tokens, int[] first) {
      this.tokens = tokens;
      this.logProbs = new float[tokens.length];
      this.likeliest = new int[tokens.length];
      int mismatch = Arrays.mismatch(tokens, first);
      this.common = mismatch < 0 ? tokens.length : mismatch;
    }

    int rest() {
      return tokens.length - common;
    }

    Reading reading() {
      double most =
          IntStream.range(0, ends.length).mapToDouble(i -> endLogProbs[i]).max().orElse(0);
      double sum =
          IntStream.range(0, ends.length).mapToDouble(i -> Math.exp(endLogProbs[i] - most)).sum();
      return new Reading(logProbs, most + Math.log(sum), likeliest);
    }
  }

  /** Places of a run whose logits are asked about, each with a token; and where answers go. */
  private final class Questions {
    private final List<Long> rows = new ArrayList<>();
    private final List<Integer> targets = new ArrayList<>();
    private final List<Answer> answers = new ArrayList<>();

    private interface Answer {
      void put(float logProb, int likeliest);
    }

    /**
     * Asks about token {@code index} of {@code page}, or about its end if it has no such token.
     *
     * @param row of the logits that say what comes in that place
     */
    void ask(long row, Page page, int index) {
      if (index < page.tokens.length) {
        add(
            row,
            page.tokens[index],
            (logProb, likeliest) -> {
              page.logProbs[index] = logProb;
              page.likeliest[index] = likeliest;
            });
      } else {
        for (int i = 0; i < ends.length; i++) {
          int end = i;
          add(row, ends[i], (logProb, likeliest) -> page.endLogProbs[end] = logProb);
        }
      }
    }

    private void add(long row, int target, Answer answer) {
      rows.add(row);
      targets.add(target);
      answers.add(answer);
    }

    void answer(Decoder.Output output) throws OrtException {
      LogProbs found =
          weights.graphs.logProbs(
              output.logits(),
              rows.stream().mapToLong(Long::longValue).toArray(),
              targets.stream().mapToLong(Integer::longValue).toArray());
      for (int i = 0; i < answers.size(); i++) {
        answers.get(i).put(found.values()[i], (int) found.likeliest()[i]);
      }
    }
  }

  /**
   * Returns what the model makes of each response.
   *
   * @param prompt up to where the assistant speaks
   * @param responses their tokens, at least one response
   */
  List<Reading> read(int[] prompt, ImageView view, List<int[]> responses) throws OrtException {
    boolean together = capabilities.pads();
    List<Page> pages =
        responses.stream()
            .map(tokens -> new Page(tokens, together ? responses.get(0) : tokens))
            .toList();
    for (List<Page> group : together ? List.of(pages) : pages.stream().map(List::of).toList()) {
      readTogether(prompt, view, group);
    }
    return pages.stream().map(Page::reading).toList();
  }

  private void readTogether(int[] prompt, ImageView view, List<Page> pages) throws OrtException {
    Page first = pages.get(0);
    DecoderInput input =
        DecoderInput.of(
            prompt, first.tokens, view, weights.promptEncoder.imageId(), capabilities.masking());
    int places = input.places();
    batch.reset(1, places, 0, weights.embeddings.width());
    input.writeTo(batch, weights.embeddings);
    try (Decoder.Output output = run(null, first.tokens.length + 1, places)) {
      int kept = (int) output.logits().getInfo().getShape()[1];
      // Of the place whose logits say what the first token of the response is.
      int row = kept - first.tokens.length - 1;
      Questions questions = new Questions();
      for (Page page : pages) {
        // Where a response leaves the first one, what comes there is still said by these logits.
        for (int i = 0; i <= Math.min(page.common, page.tokens.length); i++) {
          questions.ask(row + i, page, i);
        }
      }
      questions.answer(output);
      List<Page> leaving = pages.stream().filter(page -> page.rest() > 0).toList();
      for (int from = 0; from < leaving.size(); from += TOGETHER) {
        List<Page> group = leaving.subList(from, Math.min(leaving.size(), from + TOGETHER));
        goOn(output.caches(), input, first, group);
      }
    }
  }

  /** Reads the rests of some pages, each from its own place in the caches of the first. */
  private void goOn(Caches from, DecoderInput input, Page first, List<Page> pages)
      throws OrtException {
    int start = input.places() - first.tokens.length;
    TensorGraphs.Pick pick = new TensorGraphs.Pick();
    pages.forEach(page -> pick.add(0, IntStream.range(0, start + page.common).toArray()));
    int length = pages.stream().mapToInt(Page::rest).max().orElseThrow();
    try (Caches past = weights.graphs.pick(from, pick, decoder.heads())) {
      batch.reset(pages.size(), length, past.entries(), weights.embeddings.width());
      boolean[] hidden = input.hidden();
      int begin = input.nextPosition() - first.tokens.length;
      for (Page page : pages) {
        int padding = length - page.rest();
        int[] rest = Arrays.copyOfRange(page.tokens, page.common, page.tokens.length);
        float[][] embeddings = weights.embeddings.of(rest);
        int pastPadding = past.entries() - start - page.common;
        for (int i = 0; i < past.entries(); i++) {
          boolean hides = i < pastPadding || hidden[i - pastPadding];
          batch.mask().put(hides ? 0 : 1);
        }
        for (int i = 0; i < length; i++) {
          int place = i - padding;
          // Any finite values do where nobody attends.
          batch.embeddings().put(embeddings[Math.max(0, place)]);
          batch.positions().put(place < 0 ? 0 : begin + page.common + place);
          batch.mask().put(place < 0 ? 0 : 1);
        }
      }
      try (Decoder.Output output = run(past, length, pages.stream().mapToLong(Page::rest).sum())) {
        Questions questions = new Questions();
        for (int row = 0; row < pages.size(); row++) {
          Page page = pages.get(row);
          int padding = length - page.rest();
          for (int i = 0; i < page.rest(); i++) {
            questions.ask((long) row * length + padding + i, page, page.common + i + 1);
          }
        }
        questions.answer(output);
      }
    }
  }

  private Decoder.Output run(Caches past, int logitsToKeep, long tokens) throws OrtException {
    long start = System.nanoTime();
    Decoder.Output output = decoder.run(batch, past, logitsToKeep);
    metrics.add(Figure.PREFILL_NANOS, System.nanoTime() - start);
    metrics.add(Figure.PREFILL_RUNS, 1);
    metrics.add(Figure.TOKENS_PREFILLED, tokens);
    return output;
  }
}

package io.github.pairloom.udfs.vlm;

import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.nio.FloatBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Completes passages at little more than the cost of looking at their images (the shortcuts are
 * exact, none approximates):
 *
 * <ul>
 *   <li>Hidden image tokens are left out; all others keep their positions.
 *   <li>One teacher-forced pass over prompt and response serves all cuts of a passage. Its logits
 *       say what the model would write at every place, so as long as that is what stands there (the
 *       response is its own draft), tokens cost nothing. A drawn token is a function of the logits
 *       and a key, so the same holds for sampling.
 *   <li>Where a continuation leaves the draft, the caches of the pass up to there are forked.
 *   <li>The tails of all cuts of many passages are decoded as one batch; places of ended tails are
 *       taken by new ones.
 * </ul>
 *
 * <p>Rounding differs with the batch, by some millionths of a logit. Where two tokens are that
 * close, the choice is made from the sequence run alone, so texts do not depend on batches.
 *
 * <p>Not thread-safe: one thread works, others reach it through a {@link Lane}.
 */
final class Engine implements AutoCloseable {
  private static final Pattern OUT_OF_MEMORY =
      Pattern.compile("(?i)out of memory|failed to allocate|bad.?alloc");

  /** Least share of real tokens in a prefill of sequences of several lengths. */
  private static final double FULLNESS = 0.75;

  private final OnnxWeights weights;
  private final Decoder decoder;
  private final Capabilities capabilities;
  private final ModelMetrics metrics;
  private final Predictor<NDList, NDList> visionEncoder;
  private final DecoderBatch batch = new DecoderBatch();
  private final DecoderBatch alone = new DecoderBatch();
  private final long cacheBytesPerToken;
  private final long cacheBudget;

  /** Halved when memory runs short for a token of each. */
  private int rowBudget;

  /** Halved when memory runs short for a run of prompts. */
  private int tokenBudget;

  /** Whether an image or a script waits for the memory of the tails that are under way. */
  private boolean draining;

  private final Reader reader;
  private final Deque<Encoding> encodings = new ArrayDeque<>();
  private final Deque<Script> scripts = new ArrayDeque<>();
  private final Deque<Sequence> waiting = new ArrayDeque<>();
  private List<Tail> slots = new ArrayList<>();
  private Caches caches;

  /** Logits of a place, while a token is chosen. */
  private float[] row = new float[0];

  /**
   * @param weights shared, not closed here
   */
  Engine(OnnxWeights weights, Batching batching, ModelMetrics metrics) {
    this(weights, weights.decoder, weights.capabilities, batching, metrics);
  }

  /**
   * @param weights shared, not closed here
   * @param decoder of the weights, or one before it
   * @param capabilities what is made use of; no more than the model's own
   */
  Engine(
      OnnxWeights weights,
      Decoder decoder,
      Capabilities capabilities,
      Batching batching,
      ModelMetrics metrics) {
    this.weights = weights;
    this.decoder = decoder;
    this.capabilities = capabilities;
    this.metrics = metrics;
    this.visionEncoder = weights.visionEncoder.newPredictor(new NoopTranslator());
    this.reader = new Reader(weights, decoder, capabilities, metrics);
    this.cacheBytesPerToken = decoder.cacheBytesPerToken();
    this.cacheBudget = (long) batching.cacheMegabytes() << 20;
    this.rowBudget = capabilities.pads() ? batching.rows() : 1;
    this.tokenBudget = batching.tokens();
  }

  /** An image to be encoded. */
  private record Encoding(PixelTensor pixels, CompletableFuture<ImageFeatures> result) {}

  /** Responses to be read. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Script(
      int[] prompt,
      ImageView view,
      List<int[]> responses,
      CompletableFuture<List<Reading>> result) {}

  /** A passage under way. */
  private static final class Work {
    private final Passage passage;
    private final CompletableFuture<List<Generation>> result;
    private final Generation[] generations;
    private int missing;

    Work(Passage passage, CompletableFuture<List<Generation>> result) {
      this.passage = passage;
      this.result = result;
      this.generations = new Generation[passage.cuts().size()];
      this.missing = generations.length;
    }

    void end(int cut, Generation generation) {
      generations[cut] = generation;
      if (--missing == 0) {
        result.complete(List.of(generations));
      }
    }
  }

  /** A continuation under way: what it has written, and where its next token goes. */
  private static final class Tail {
    private final Work work;
    private final int index;
    private final Cut cut;
    private final TokenChooser chooser;
    private int[] written = new int[64];
    private int count;
    private boolean ended;
    private boolean alone;

    /** Whether the token last written may have ended the sentence. */
    private boolean undecided;

    /** Hidden places of its cache; as long as the cache was when the tail left its draft. */
    private boolean[] hidden;

    /** Places of its cache, all before {@link #position}. */
    private int cached;

    /** Position of the token last written, which is not in the cache yet. */
    private long position;

    Tail(Work work, int index, double margin) {
      this.work = work;
      this.index = index;
      this.cut = work.passage.cuts().get(index);
      this.chooser = new TokenChooser(work.passage.sampling(), cut.key(), margin);
    }

    void write(int token) {
      if (count == written.length) {
        written = Arrays.copyOf(written, 2 * count);
      }
      written[count++] = token;
    }

    int last() {
      return written[count - 1];
    }

    /** Returns the tokens of the response so far. */
    int[] response() {
      int[] tokens = Arrays.copyOf(cut.tokens(), cut.kept() + count);
      System.arraycopy(written, 0, tokens, cut.kept(), count);
      return tokens;
    }

    private int[] prefix() {
      return Arrays.copyOf(cut.tokens(), cut.kept());
    }
  }

  /** Tokens to be run through the model in one pass, for all tails whose drafts begin them. */
  private final class Sequence {
    private final Work work;
    private final int[] tokens;
    private final List<Tail> tails = new ArrayList<>();
    private final boolean alone;
    private DecoderInput input;

    /**
     * @param alone whether nothing else may be in a run with it, as something it was with failed
     */
    Sequence(Work work, int[] tokens, boolean alone) {
      this.work = work;
      this.tokens = tokens;
      this.alone = alone;
    }

    /** The rest of a tail: what it has written is its draft. */
    Sequence(Tail tail, boolean alone) {
      this(tail.work, tail.response(), alone);
      tails.add(tail);
    }

    DecoderInput input() {
      if (input == null) {
        input = layOut(work.passage, tokens);
      }
      return input;
    }

    /** Returns the place whose logits say what comes as token {@code index} of the response. */
    int placeBefore(int index) {
      return input().places() - tokens.length + index - 1;
    }

    int firstCut() {
      return tails.stream().mapToInt(tail -> tail.cut.kept()).min().orElse(0);
    }

    /** Returns how many of the last places have logits that are wanted. */
    int placesFromFirstCut() {
      return tokens.length - firstCut() + 1;
    }
  }

  /** Adds an image to the work. */
  void encode(PixelTensor pixels, CompletableFuture<ImageFeatures> result) {
    encodings.add(new Encoding(pixels, result));
  }

  /** Adds a passage to the work. */
  void complete(Passage passage, CompletableFuture<List<Generation>> result) {
    if (cannotHide(passage.view(), result)) {
      return;
    }
    if (passage.cuts().isEmpty()) {
      result.complete(List.of());
      return;
    }
    Work work = new Work(passage, result);
    List<Tail> tails =
        IntStream.range(0, passage.cuts().size())
            .mapToObj(i -> new Tail(work, i, capabilities.margin()))
            .toList();
    try {
      addSequences(tails);
    } catch (RuntimeException e) {
      // A passage that cannot be laid out is its own fault: whoever works must go on.
      result.completeExceptionally(e);
    }
  }

  /** Adds given responses to one prompt to the work, to be read and not written. */
  void read(
      int[] prompt,
      ImageView view,
      List<int[]> responses,
      CompletableFuture<List<Reading>> result) {
    if (cannotHide(view, result)) {
      return;
    }
    if (responses.isEmpty()) {
      result.complete(List.of());
      return;
    }
    scripts.add(new Script(prompt, view, responses, result));
  }

  private void readNext() {
    Script script = scripts.element();
    try {
      script.result.complete(reader.read(script.prompt, script.view, script.responses));
    } catch (OrtException | RuntimeException e) {
      draining = isCrowdedOut(e);
      if (draining) {
        return;
      }
      script.result.completeExceptionally(
          new ModelException("The model failed: " + e.getMessage(), e));
    }
    // Not before: an Error must leave it where giveUp finds it.
    scripts.remove();
  }

  /** Fails {@code result} if parts of the image are to be hidden and this model cannot. */
  private boolean cannotHide(ImageView view, CompletableFuture<?> result) {
    if (view.isFull() || view.isAbsent() || capabilities.hides()) {
      return false;
    }
    result.completeExceptionally(
        new ModelException(
            "Cannot hide parts of the image from model "
                + weights.identity.id()
                + ": its decoder heeds neither position_ids nor zeros in the attention mask. Use"
                + " another export, or a strategy that hides nothing (bdhs-noise)"));
    return true;
  }

  /** Gives each tail the longest draft that begins with its own: few sequences serve many tails. */
  private void addSequences(Collection<Tail> tails) {
    List<Sequence> sequences = new ArrayList<>();
    tails.stream()
        .sorted(Comparator.comparingInt((Tail tail) -> -tail.cut.tokens().length))
        .forEach(
            tail -> {
              Sequence serving =
                  sequences.stream()
                      .filter(s -> capabilities.pads() && beginsWith(s.tokens, tail.cut.tokens()))
                      .findFirst()
                      .orElse(null);
              if (serving == null) {
                serving = new Sequence(tail.work, tail.cut.tokens(), false);
                sequences.add(serving);
              }
              serving.tails.add(tail);
            });
    sequences.forEach(Sequence::input);
    waiting.addAll(sequences);
  }

  private static boolean beginsWith(int[] tokens, int[] prefix) {
    return tokens.length >= prefix.length
        && Arrays.equals(tokens, 0, prefix.length, prefix, 0, prefix.length);
  }

  private DecoderInput layOut(Passage passage, int[] tokens) {
    return DecoderInput.of(
        passage.prompt(),
        tokens,
        passage.view(),
        weights.promptEncoder.imageId(),
        capabilities.masking());
  }

  /** Runs the model once; returns whether there was anything to do. */
  boolean work() {
    if (encodings.isEmpty() && scripts.isEmpty() && waiting.isEmpty() && slots.isEmpty()) {
      return false;
    }
    long start = System.nanoTime();
    draining &= alive() > 0;
    if (draining) {
      decode();
    } else if (!encodings.isEmpty()) {
      encodeNext();
    } else if (!scripts.isEmpty()) {
      readNext();
    } else if (!waiting.isEmpty() && hasRoom()) {
      prefill(nextSequences());
    } else {
      decode();
    }
    metrics.add(Figure.BUSY_NANOS, System.nanoTime() - start);
    return true;
  }

  /** New tails join once half of the places are free: joining moves all caches. */
  private boolean hasRoom() {
    long alive = alive();
    if (alive == 0) {
      return true;
    }
    boolean mixes = !waiting.getFirst().alone && slots.stream().noneMatch(tail -> tail.alone);
    return mixes && alive <= rowBudget / 2 && cacheBytes() <= cacheBudget / 2;
  }

  private long alive() {
    return slots.stream().filter(tail -> !tail.ended).count();
  }

  private long cacheBytes() {
    return caches == null ? 0 : cacheBytes(caches.rows(), caches.entries());
  }

  private long cacheBytes(long rows, long entries) {
    return rows * entries * cacheBytesPerToken;
  }

  /** One image at a time: what it is encoded to must not depend on its neighbours. */
  private void encodeNext() {
    Encoding encoding = encodings.element();
    PixelTensor pixels = encoding.pixels;
    try (NDManager manager = weights.visionEncoder.getNDManager().newSubManager()) {
      NDArray input =
          manager.create(
              pixels.toArray(), new Shape(1, pixels.channels(), pixels.height(), pixels.width()));
      input.setName("pixel_values");
      long start = System.nanoTime();
      try (NDList output = visionEncoder.predict(new NDList(input))) {
        metrics.add(Figure.ENCODE_NANOS, System.nanoTime() - start);
        // [1, tokens, width], or [tokens, width] in some exports.
        Shape shape = output.get(0).getShape();
        metrics.add(Figure.IMAGES_ENCODED, 1);
        encoding.result.complete(
            new ImageFeatures(
                output.get(0).toFloatArray(), (int) shape.get(shape.dimension() - 2)));
      }
    } catch (TranslateException | RuntimeException e) {
      draining = isCrowdedOut(e);
      if (draining) {
        return;
      }
      encoding.result.completeExceptionally(
          new ModelException("Image encoding failed: " + e.getMessage(), e));
    }
    encodings.remove();
  }

  /**
   * Takes waiting sequences of like length, up to the budgets: the first one and those that fit it
   * best among the next.
   */
  private List<Sequence> nextSequences() {
    List<Sequence> candidates = new ArrayList<>();
    for (Sequence sequence : waiting) {
      if (candidates.size() >= 2 * rowBudget || (sequence.alone && !candidates.isEmpty())) {
        break;
      }
      candidates.add(sequence);
      if (sequence.alone) {
        break;
      }
    }
    Sequence first = candidates.get(0);
    candidates.sort(
        Comparator.comparingInt(
            (Sequence s) -> Math.abs(s.input().places() - first.input().places())));
    List<Sequence> taken = new ArrayList<>();
    int longest = 0;
    int real = 0;
    int tails = 0;
    int growth = first.work.passage.sampling().maxNewTokens() / 2;
    for (Sequence sequence : candidates) {
      int places = sequence.input().places();
      int padded = Math.max(longest, places) * (taken.size() + 1);
      boolean fits =
          padded <= tokenBudget
              && real + places >= FULLNESS * padded
              && taken.size() < rowBudget
              // As if all tails left their drafts, and wrote half of what they may.
              && cacheBytes(alive() + tails + sequence.tails.size(), growth + longest)
                  <= cacheBudget;
      if (!taken.isEmpty() && !fits) {
        break;
      }
      taken.add(sequence);
      longest = Math.max(longest, places);
      real += places;
      tails += sequence.tails.size();
    }
    waiting.removeAll(taken);
    return taken;
  }

  /** Runs sequences, takes what their drafts give, and lets the tails that left them join. */
  private void prefill(List<Sequence> sequences) {
    int length = sequences.stream().mapToInt(s -> s.input().places()).max().orElseThrow();
    try {
      int kept = sequences.stream().mapToInt(Sequence::placesFromFirstCut).max().orElseThrow();
      batch.reset(sequences.size(), length, 0, weights.embeddings.width());
      sequences.forEach(s -> s.input().writeTo(batch, weights.embeddings));
      try (Decoder.Output output = run(Figure.PREFILL_NANOS, null, kept)) {
        List<Tail> leaving = new ArrayList<>();
        TensorGraphs.Pick pick = new TensorGraphs.Pick();
        followDrafts(sequences, length, output, leaving, pick);
        join(output.caches(), pick, leaving);
      }
      metrics.add(Figure.PREFILL_RUNS, 1);
      metrics.add(
          Figure.TOKENS_PREFILLED, sequences.stream().mapToLong(s -> s.input().places()).sum());
    } catch (OrtException | RuntimeException e) {
      // Long prompts are few to a run: how many may be decoded at once does not follow from it.
      tryAgain(sequences, e, () -> tokenBudget = Math.max(1, tokenBudget / 2));
    } catch (Error e) {
      // For giveUp to find them.
      waiting.addAll(sequences);
      throw e;
    }
  }

  private Decoder.Output run(Figure time, Caches past, int logitsToKeep) throws OrtException {
    long start = System.nanoTime();
    Decoder.Output output = decoder.run(batch, past, logitsToKeep);
    metrics.add(time, System.nanoTime() - start);
    return output;
  }

  private void followDrafts(
      List<Sequence> sequences,
      int length,
      Decoder.Output output,
      List<Tail> leaving,
      TensorGraphs.Pick pick)
      throws OrtException {
    Logits logits = new Logits(output.logits(), output.inJava(), length);
    for (int row = 0; row < sequences.size(); row++) {
      Sequence sequence = sequences.get(row);
      int padding = length - sequence.input().places();
      for (int t = sequence.firstCut(); t <= sequence.tokens.length; t++) {
        logits.want(row, padding + sequence.placeBefore(t), sequence.work);
      }
    }
    logits.read();
    int next = 0;
    for (int row = 0; row < sequences.size(); row++) {
      Sequence sequence = sequences.get(row);
      int padding = length - sequence.input().places();
      for (Tail tail : sequence.tails) {
        if (tail.ended) {
          // Before the run failed that is made again now.
          continue;
        }
        int t = follow(tail, sequence, logits, next - sequence.firstCut());
        if (!tail.ended) {
          tail.cached = sequence.placeBefore(t) + 1;
          tail.hidden = sequence.input().hidden();
          tail.alone = sequence.alone;
          leaving.add(tail);
          pick.add(row, IntStream.range(padding, padding + tail.cached).toArray());
        }
      }
      next += sequence.placesFromFirstCut();
    }
  }

  /**
   * Follows the draft from the tail's cut as long as it is what the tail would write.
   *
   * @param offset row of {@code logits} of token 0 of the response
   * @return where in the response the tail left the draft, if it has not ended
   */
  private int follow(Tail tail, Sequence sequence, Logits logits, int offset) throws OrtException {
    // A tail that was put back begins anew.
    tail.count = 0;
    tail.undecided = false;
    for (int t = tail.cut.kept(); ; t++) {
      int token = choose(tail, logits, offset + t);
      tail.position = (long) sequence.input().nextPosition() - sequence.tokens.length + t;
      accept(tail, token);
      boolean guessed = t < sequence.tokens.length && sequence.tokens[t] == token;
      metrics.add(Figure.DRAFT_TOKENS_ACCEPTED, guessed ? 1 : 0);
      if (tail.ended || !guessed) {
        return t;
      }
    }
  }

  /** Makes one batch of the tails that are under way and those that join. */
  private void join(Caches from, TensorGraphs.Pick pick, List<Tail> joining) throws OrtException {
    if (joining.isEmpty()) {
      return;
    }
    TensorGraphs.Pick staying = new TensorGraphs.Pick();
    List<Tail> together = pickAlive(staying);
    together.addAll(joining);
    replaceCaches(
        staying.size() == 0
            ? weights.graphs.pick(from, pick, decoder.heads())
            : weights.graphs.join(caches, staying, from, pick, decoder.heads()),
        together);
  }

  /** Takes the tails that go on, in order; their caches' entries stand at the rows' ends. */
  private List<Tail> pickAlive(TensorGraphs.Pick pick) {
    List<Tail> alive = new ArrayList<>();
    for (int row = 0; row < slots.size(); row++) {
      Tail tail = slots.get(row);
      if (!tail.ended) {
        alive.add(tail);
        pick.add(row, IntStream.range(caches.entries() - tail.cached, caches.entries()).toArray());
      }
    }
    return alive;
  }

  private void replaceCaches(Caches replacement, List<Tail> tails) {
    closeCaches();
    caches = replacement;
    slots = tails;
  }

  private void closeCaches() {
    if (caches != null) {
      caches.close();
      caches = null;
    }
  }

  /** Writes one token of every tail. */
  private void decode() {
    if (alive() == 0) {
      // All that was under way has failed.
      closeCaches();
      slots = new ArrayList<>();
      return;
    }
    try {
      makeRoom();
      fillStep();
      Decoder.Output output = run(Figure.DECODE_NANOS, caches, 1);
      try (OnnxTensor last = output.logits()) {
        replaceCaches(output.caches(), slots);
        Logits logits = new Logits(last, output.inJava(), 1);
        List<Tail> tails = slots.stream().filter(tail -> !tail.ended).toList();
        for (int row = 0; row < slots.size(); row++) {
          Tail tail = slots.get(row);
          if (!tail.ended) {
            tail.cached++;
            tail.position++;
            logits.want(row, 0, tail.work);
          }
        }
        metrics.add(Figure.DECODE_RUNS, 1);
        metrics.add(Figure.TOKENS_DECODED, tails.size());
        logits.read();
        for (int i = 0; i < tails.size(); i++) {
          accept(tails.get(i), choose(tails.get(i), logits, i));
        }
      }
      compact();
    } catch (OrtException | RuntimeException e) {
      putBack(e);
    }
  }

  private void fillStep() {
    int past = caches.entries();
    batch.reset(slots.size(), 1, past, weights.embeddings.width());
    int[] tokens = slots.stream().mapToInt(tail -> tail.ended ? 0 : tail.last()).toArray();
    for (float[] embedding : weights.embeddings.of(tokens)) {
      batch.embeddings().put(embedding);
    }
    for (Tail tail : slots) {
      batch.positions().put(tail.position);
      int padding = past - tail.cached;
      for (int i = 0; i < past; i++) {
        int place = i - padding;
        boolean hides = place < 0 || (place < tail.hidden.length && tail.hidden[place]);
        batch.mask().put(hides ? 0 : 1);
      }
      batch.mask().put(1);
    }
  }

  /** Frees the places of ended tails once they are many: each costs as much as one under way. */
  private void compact() throws OrtException {
    long alive = alive();
    if (alive == 0) {
      closeCaches();
      slots = new ArrayList<>();
    } else if (alive <= slots.size() * 3L / 4 && (waiting.isEmpty() || !hasRoom())) {
      TensorGraphs.Pick pick = new TensorGraphs.Pick();
      List<Tail> staying = pickAlive(pick);
      replaceCaches(weights.graphs.pick(caches, pick, decoder.heads()), staying);
    }
  }

  /** Puts the younger half of the tails back when their caches outgrow the budget. */
  private void makeRoom() throws OrtException {
    if (cacheBytes() > cacheBudget && alive() > 1) {
      halve(slots.stream().filter(tail -> !tail.ended).toList());
    }
  }

  private void halve(List<Tail> alive) throws OrtException {
    metrics.add(Figure.BATCHES_HALVED, 1);
    List<Tail> leaving = alive.subList((alive.size() + 1) / 2, alive.size());
    leaving.forEach(tail -> tail.ended = true);
    TensorGraphs.Pick pick = new TensorGraphs.Pick();
    List<Tail> staying = pickAlive(pick);
    Caches picked;
    try {
      picked = weights.graphs.pick(caches, pick, decoder.heads());
    } catch (OrtException | RuntimeException e) {
      // Whoever puts back what was in the failed step finds them where they were.
      leaving.forEach(tail -> tail.ended = false);
      throw e;
    }
    leaving.forEach(this::putBack);
    replaceCaches(picked, staying);
  }

  /** Lets a tail begin anew, with what it has written as its draft. */
  private void putBack(Tail tail) {
    tail.ended = false;
    waiting.addFirst(new Sequence(tail, false));
  }

  /** After a failed step, whoever was in it begins anew. */
  private void putBack(Exception failure) {
    List<Tail> alive = slots.stream().filter(tail -> !tail.ended).toList();
    closeCaches();
    slots = new ArrayList<>();
    tryAgain(
        alive.stream().map(tail -> new Sequence(tail, tail.alone)).toList(),
        failure,
        () -> rowBudget = Math.max(1, Math.min(rowBudget, alive.size()) / 2));
  }

  /**
   * Runs failed sequences again: half as many at once if memory was short, else each alone. What
   * fails alone, with no other's caches in memory, has failed.
   */
  private void tryAgain(List<Sequence> failed, Exception failure, Runnable halve) {
    boolean single = failed.size() == 1;
    if (single && (failed.get(0).alone || alive() == 0)) {
      fail(failed.get(0).work, failure);
      return;
    }
    boolean halves = !single && isShortOfMemory(failure);
    if (halves) {
      metrics.add(Figure.BATCHES_HALVED, 1);
      halve.run();
    }
    for (Sequence sequence : failed) {
      Sequence again = new Sequence(sequence.work, sequence.tokens, !halves);
      again.tails.addAll(sequence.tails);
      waiting.addFirst(again);
    }
  }

  private static boolean isShortOfMemory(Exception failure) {
    return OUT_OF_MEMORY.matcher(String.valueOf(failure.getMessage())).find();
  }

  /** Returns whether memory may do once the tails that are under way are done. */
  private boolean isCrowdedOut(Exception failure) {
    return alive() > 0 && isShortOfMemory(failure);
  }

  private void fail(Work work, Exception failure) {
    slots.stream().filter(tail -> tail.work == work).forEach(tail -> tail.ended = true);
    waiting.removeIf(sequence -> sequence.work == work);
    work.result.completeExceptionally(
        new ModelException("The model failed: " + failure.getMessage(), failure));
  }

  private void accept(Tail tail, int token) {
    if (weights.endTokens.contains(token) || weights.tokenizer.isControl(token)) {
      // A control token is no text: whichever it is, the response is over.
      end(tail, text(tail), 1, false);
      return;
    }
    tail.write(token);
    if (tail.cut.begun().isPresent() && (tail.undecided || weights.mayEndSentence(token))) {
      Optional<String> rest = Sentences.completion(tail.cut.begun().get(), text(tail));
      if (rest.isPresent()) {
        end(tail, rest.get(), 0, false);
        return;
      }
      // What comes next may tell that a sign was the sentence's last.
      tail.undecided = weights.mayEndSentence(token);
    }
    // A later position is none that the model was made for.
    boolean full = tail.position >= weights.context;
    if (full || tail.count == tail.work.passage.sampling().maxNewTokens()) {
      end(tail, text(tail), 0, true);
    }
  }

  private static void end(Tail tail, String text, int endTokens, boolean cutOff) {
    tail.ended = true;
    tail.work.end(tail.index, new Generation(text, tail.count + endTokens, cutOff));
  }

  private String text(Tail tail) {
    return weights.tokenizer.decodeDelta(tail.prefix(), Arrays.copyOf(tail.written, tail.count));
  }

  /** The logits of some places of a run, as far as they are needed to choose. */
  private final class Logits {
    private final OnnxTensor tensor;
    private final int length;
    private final int kept;

    /** Null where Java cannot read them. */
    private final FloatBuffer inJava;

    private final List<Long> wanted = new ArrayList<>();
    private final List<Sampling> samplings = new ArrayList<>();
    private TopLogits top;

    /**
     * @param tensor of the run's output
     * @param inJava likewise
     * @param length places of a row of the run; the tensor may hold the last of them only
     */
    Logits(OnnxTensor tensor, FloatBuffer inJava, int length) {
      this.tensor = tensor;
      this.length = length;
      this.kept = (int) tensor.getInfo().getShape()[1];
      this.inJava = inJava;
    }

    void want(int row, int place, Work work) {
      wanted.add((long) row * kept + place - (length - kept));
      samplings.add(work.passage.sampling());
    }

    /** Brings what is wanted to Java, after the last {@link #want}. */
    void read() throws OrtException {
      boolean sums = samplings.stream().anyMatch(Sampling::drawsFromNucleus);
      if (inJava != null && !sums) {
        return;
      }
      float[] temperatures = new float[sums ? samplings.size() : 0];
      for (int i = 0; i < temperatures.length; i++) {
        Sampling sampling = samplings.get(i);
        temperatures[i] = sampling.drawsFromNucleus() ? (float) sampling.temperature() : 1;
      }
      top =
          weights.graphs.top(
              tensor, wanted.stream().mapToLong(Long::longValue).toArray(), temperatures);
    }

    Choice choose(TokenChooser chooser, int index, int position) throws OrtException {
      if (top == null) {
        int vocabulary = (int) tensor.getInfo().getShape()[2];
        if (row.length != vocabulary) {
          row = new float[vocabulary];
        }
        inJava.get(Math.toIntExact(wanted.get(index) * vocabulary), row);
        return chooser.choose(row, position);
      }
      Optional<Choice> choice = chooser.choose(top, index, position);
      return choice.isPresent()
          ? choice.get()
          : chooser.choose(weights.graphs.row(tensor, wanted.get(index)), position);
    }
  }

  /** Returns the token that {@code tail} writes next. */
  private int choose(Tail tail, Logits logits, int index) throws OrtException {
    int position = tail.cut.kept() + tail.count;
    Choice choice = logits.choose(tail.chooser, index, position);
    if (!choice.close()) {
      return choice.token();
    }
    metrics.add(Figure.TOKENS_REEXAMINED, 1);
    return chooseAlone(tail, position);
  }

  /** Chooses by a run of this sequence alone, whose rounding no other sequence has a part in. */
  private int chooseAlone(Tail tail, int position) throws OrtException {
    DecoderInput input = layOut(tail.work.passage, tail.response());
    alone.reset(1, input.places(), 0, weights.embeddings.width());
    input.writeTo(alone, weights.embeddings);
    try (Decoder.Output output = decoder.run(alone, null, 1)) {
      long last = output.logits().getInfo().getShape()[1] - 1;
      return tail.chooser.choose(weights.graphs.row(output.logits(), last), position).token();
    }
  }

  /** Leaves out what nobody waits for any more: its result was cancelled. */
  void leaveOut() {
    encodings.removeIf(encoding -> encoding.result.isDone());
    scripts.removeIf(script -> script.result.isDone());
    waiting.removeIf(sequence -> sequence.work.result.isDone());
    slots.stream().filter(tail -> tail.work.result.isDone()).forEach(tail -> tail.ended = true);
  }

  /** Gives up what is under way; whoever waits for it is told {@code why}. */
  void giveUp(ModelException why) {
    encodings.forEach(encoding -> encoding.result.completeExceptionally(why));
    scripts.forEach(script -> script.result.completeExceptionally(why));
    waiting.forEach(sequence -> sequence.work.result.completeExceptionally(why));
    slots.forEach(tail -> tail.work.result.completeExceptionally(why));
  }

  /** Gives up what is under way; whoever waits for it is told. */
  @Override
  public void close() {
    giveUp(new ModelException("The model was closed"));
    closeCaches();
    visionEncoder.close();
  }
}

package io.github.pairloom.udfs.strategy;

import static java.util.Objects.requireNonNull;

import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.remote.ChatClient;
import io.github.pairloom.udfs.remote.ChatEndpoint;
import io.github.pairloom.udfs.remote.EndpointException;
import io.github.pairloom.udfs.remote.ResponseCache;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;

/**
 * What a task makes rejected responses with: the model, the similarity, and the order of work. A
 * strategy hands work in and says what is to follow; whatever follows runs on the task's own thread
 * while it waits, so strategies need no locks, and many rows are under way at once.
 *
 * <p>Closes the model and the similarity. Used by one thread.
 */
public final class Workbench implements Executor, AutoCloseable {
  private final VisionLanguageModel model;
  private final Similarity similarity;
  private final ResponseCache answers;
  private final Runnable goesOn;
  private final BlockingQueue<Runnable> ready = new LinkedBlockingQueue<>();

  /** Returns a bench that keeps no answers of models behind HTTP. */
  public Workbench(VisionLanguageModel model, Similarity similarity) {
    this(model, similarity, ResponseCache.none(), () -> {});
  }

  private Workbench(
      VisionLanguageModel model, Similarity similarity, ResponseCache answers, Runnable goesOn) {
    this.model = requireNonNull(model, "model is null");
    this.similarity = requireNonNull(similarity, "similarity is null");
    this.answers = requireNonNull(answers, "answers is null");
    this.goesOn = requireNonNull(goesOn, "goesOn is null");
  }

  /**
   * Opens a bench for the calling task. A model that was opened for it is closed if this fails.
   *
   * @param similarity opens it
   * @param answers where answers of models behind HTTP are kept
   * @param goesOn run as such models answer while the task waits for them; by any thread
   * @throws ModelException if the similarity's model cannot be loaded
   */
  public static Workbench open(
      VisionLanguageModel model,
      Supplier<Similarity> similarity,
      ResponseCache answers,
      Runnable goesOn) {
    try {
      return new Workbench(model, similarity.get(), answers, goesOn);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  /** Returns the model. */
  public VisionLanguageModel model() {
    return model;
  }

  /** Returns the similarity. */
  public Similarity similarity() {
    return similarity;
  }

  /**
   * Asks a model behind HTTP a question of one turn, unless its answer is kept.
   *
   * @param seed for servers that heed one
   * @return fails with {@link EndpointException}
   */
  CompletableFuture<ChatClient.Answer> ask(ChatEndpoint endpoint, String question, long seed) {
    return ChatClient.of(endpoint).ask(question, seed, answers, goesOn);
  }

  /** Leaves {@code command} to the task's thread; may be called by any. */
  @Override
  public void execute(Runnable command) {
    ready.add(command);
  }

  /**
   * Returns what {@code result} comes to, doing whatever is ready until then.
   *
   * @throws RuntimeException if that is what it comes to
   */
  public <T> T await(CompletableFuture<T> result) {
    // Should another thread bring the result, something must come out of the queue below.
    CompletableFuture<T> unused = result.whenComplete((value, failure) -> execute(() -> {}));
    while (!result.isDone()) {
      Runnable next = ready.poll();
      if (next != null) {
        next.run();
      } else if (!model.work()) {
        takeNext().run();
      }
    }
    return model.await(result);
  }

  private Runnable takeNext() {
    try {
      return ready.take();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("The task was interrupted while it waited for the model", e);
    }
  }

  @Override
  public void close() {
    similarity.close();
    model.close();
  }
}

package io.github.pairloom.jobs;

import io.github.pairloom.udfs.RowsUnderWay;
import io.github.pairloom.udfs.TaskScope;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.spark.sql.Row;

/** A task of a model step: what it holds open until it ends, and its part of the journal. */
public final class ModelTask {
  private final TaskScope scope = TaskScope.open();
  private final TaskJournal journal;

  /**
   * @param counters takes what the task's models did, as it ends
   */
  public ModelTask(RowJournal journal, ModelCounters counters) {
    scope.keep(counters);
    this.journal = scope.keep(TaskJournal.open(journal));
  }

  /** Closes {@code resource} when the task ends; the last kept goes first. */
  public <T extends AutoCloseable> T keep(T resource) {
    return scope.keep(resource);
  }

  /** Says that what the task waits for goes on; may be called by any thread. */
  public void goesOn() {
    journal.goesOn();
  }

  /** Returns the images of the task's rows, as {@code model} sees them. */
  public ImageSight sight(ImageBytes bytes, VisionLanguageModel model) {
    return new ImageSight(bytes, model, journal);
  }

  /**
   * Returns what rows without images come to, one after the other.
   *
   * @param work works on a row, on the task's thread
   * @param failed gives what a row comes to for which {@code work} failed, or that is not to be
   *     worked on
   */
  public <B> Iterator<B> work(
      Iterator<Row> rows, Function<Row, B> work, BiFunction<Row, RuntimeException, B> failed) {
    return RowsUnderWay.of(
        journal,
        rows,
        row -> {
          B result;
          try {
            journal.check(row);
            result = work.apply(row);
          } catch (RuntimeException e) {
            result = failed.apply(row, e);
          }
          return new RowsUnderWay.Begun<>(CompletableFuture.completedFuture(result), 0);
        },
        CompletableFuture::join,
        scope::close,
        1);
  }

  /**
   * Returns what the rows come to, in their order.
   *
   * @param begin begins a row; what it returns never fails, a bad row is a result
   * @param sight whose images wait for their rows
   * @param await waits for a row, letting all go on meanwhile
   * @param megabytes most MiB of images that wait; one is always let in
   */
  public <B> Iterator<B> work(
      Iterator<Row> rows,
      Function<Row, CompletableFuture<B>> begin,
      ImageSight sight,
      Function<CompletableFuture<B>, B> await,
      int megabytes) {
    return RowsUnderWay.of(
        journal,
        rows,
        row -> new RowsUnderWay.Begun<>(begin.apply(row), sight.bytes()),
        await,
        scope::close,
        megabytes);
  }
}

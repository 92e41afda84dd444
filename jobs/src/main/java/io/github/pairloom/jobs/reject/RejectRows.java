package io.github.pairloom.jobs.reject;

import io.github.pairloom.jobs.ImageSight;
import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.RowsUnderWay;
import io.github.pairloom.jobs.TaskScope;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Provenance;
import io.github.pairloom.schemas.Sample;
import io.github.pairloom.schemas.Span;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Versions;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.Rejection;
import io.github.pairloom.udfs.strategy.RejectionInput;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.text.ChangeSpans;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/**
 * Makes a pair of each reference response and strategy.
 *
 * @param recipeIds recipe id of each strategy's rows, in the order of {@code strategies}
 * @param counters takes what the models did, as each task ends
 */
record RejectRows(
    ImageBytes bytes,
    ModelSpec spec,
    ModelIdentity identity,
    SimilaritySettings similaritySettings,
    String embedderRevision,
    List<RejectionStrategy> strategies,
    List<String> recipeIds,
    long seed,
    ModelCounters counters)
    implements MapPartitionsFunction<Row, Row> {
  static RejectRows of(
      ImageBytes bytes,
      Recipe recipe,
      ModelIdentity model,
      String embedderRevision,
      ModelCounters counters) {
    List<RejectionStrategy> strategies = recipe.reject().strategies();
    return new RejectRows(
        bytes,
        recipe.model(),
        model,
        recipe.reject().similarity(),
        embedderRevision,
        strategies,
        strategies.stream().map(recipe::pairId).toList(),
        recipe.seed(),
        counters);
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    TaskScope scope = TaskScope.open();
    scope.keep(counters);
    Workbench bench =
        scope.keep(
            new Workbench(
                ExecutorModels.open(spec),
                new Similarity(
                    similaritySettings,
                    SentenceEmbedder.open(similaritySettings.model(), spec.threadsOfTask()))));
    ImageSight sight = new ImageSight(bytes, bench.model());
    return new RowsUnderWay<>(
        rows,
        row ->
            new RowsUnderWay.Begun<>(
                pair(row, bench, sight).thenApply(CandidatePair.CODEC::toRow), sight.bytes()),
        bench::await,
        scope::close,
        spec.batch().aheadMegabytes());
  }

  private CompletableFuture<CandidatePair> pair(Row row, Workbench bench, ImageSight sight) {
    int index = row.getAs("strategy_index");
    Sample sample = Sample.CODEC.fromRow(row);
    String chosen = row.getAs("chosen");
    return rejection(row, sample, chosen, bench, sight)
        .handleAsync(
            (rejection, failure) ->
                failure == null
                    ? pair(
                        row,
                        sample,
                        chosen,
                        rejection,
                        ChangeSpans.between(chosen, rejection.text()),
                        dropReason(chosen, rejection),
                        null,
                        provenance(index, rejection.transform()))
                    : pair(
                        row,
                        sample,
                        chosen,
                        null,
                        List.of(),
                        RowFaults.reasonOf(failure),
                        RowFaults.detailOf(failure),
                        provenance(index, null)),
            bench);
  }

  private CompletableFuture<Rejection> rejection(
      Row row, Sample sample, String chosen, Workbench bench, ImageSight sight) {
    try {
      RejectionStrategy strategy = strategies.get(row.<Integer>getAs("strategy_index"));
      ImageSight.Encoded image = sight.of(row);
      KeyedRandom key = KeyedRandom.of(seed).with(row.<String>getAs("response_id"));
      return image
          .features()
          .thenComposeAsync(
              features ->
                  strategy.reject(
                      new RejectionInput(
                          image.pixels(), features, sample.context(), sample.prompt(), chosen, key),
                      bench),
              bench);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /** A rejected text that teaches nothing, or that the token limit broke off, makes no pair. */
  private static String dropReason(String chosen, Rejection rejection) {
    if (rejection.text().isBlank()) {
      return "empty";
    }
    if (rejection.text().equals(chosen)) {
      return "identical";
    }
    return rejection.cutOff() ? "cut-off" : null;
  }

  private CandidatePair pair(
      Row row,
      Sample sample,
      String chosen,
      Rejection rejection,
      List<Span> spans,
      String dropReason,
      String dropDetail,
      Provenance provenance) {
    int index = row.getAs("strategy_index");
    return new CandidatePair(
        row.getAs("pair_id"),
        sample.sampleId(),
        sample.imageId(),
        row.getAs("response_id"),
        sample.context(),
        sample.prompt(),
        chosen,
        rejection == null ? null : rejection.text(),
        strategies.get(index).id(),
        rejection == null ? null : rejection.iteration(),
        rejection == null ? null : rejection.similarity(),
        spans,
        dropReason,
        dropDetail,
        provenance);
  }

  private Provenance provenance(int index, Transform transform) {
    RejectionStrategy strategy = strategies.get(index);
    return new Provenance(
        recipeIds.get(index),
        seed,
        strategy.parameters(),
        identity.id(),
        identity.revision(),
        identity.promptTemplateSha256(),
        strategy.sampling().asMap(),
        transform,
        similaritySettings.model(),
        embedderRevision,
        Versions.all());
  }
}

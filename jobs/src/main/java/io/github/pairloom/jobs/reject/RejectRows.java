package io.github.pairloom.jobs.reject;

import io.github.pairloom.jobs.ImageSight;
import io.github.pairloom.jobs.RowFaults;
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
import io.github.pairloom.udfs.text.ChangeSpans;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/**
 * Makes a pair of each reference response and strategy.
 *
 * @param recipeIds recipe id of each strategy's rows, in the order of {@code strategies}
 */
record RejectRows(
    ImageBytes bytes,
    ModelSpec spec,
    ModelIdentity identity,
    SimilaritySettings similaritySettings,
    String embedderRevision,
    List<RejectionStrategy> strategies,
    List<String> recipeIds,
    long seed)
    implements MapPartitionsFunction<Row, Row> {
  static RejectRows of(
      ImageBytes bytes, Recipe recipe, ModelIdentity model, String embedderRevision) {
    List<RejectionStrategy> strategies = recipe.reject().strategies();
    return new RejectRows(
        bytes,
        recipe.model(),
        model,
        recipe.reject().similarity(),
        embedderRevision,
        strategies,
        strategies.stream().map(recipe::pairId).toList(),
        recipe.seed());
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    TaskScope scope = TaskScope.open();
    VisionLanguageModel model = scope.keep(ExecutorModels.open(spec));
    Similarity similarity =
        scope.keep(
            new Similarity(
                similaritySettings,
                SentenceEmbedder.open(similaritySettings.model(), spec.threads())));
    ImageSight sight = new ImageSight(bytes, model);
    return scope.map(rows, row -> CandidatePair.CODEC.toRow(pair(row, model, similarity, sight)));
  }

  private CandidatePair pair(
      Row row, VisionLanguageModel model, Similarity similarity, ImageSight sight) {
    int index = row.getAs("strategy_index");
    RejectionStrategy strategy = strategies.get(index);
    Sample sample = Sample.CODEC.fromRow(row);
    String chosen = row.getAs("chosen");
    String responseId = row.getAs("response_id");
    try {
      ImageSight.Encoded image = sight.of(row);
      Rejection rejection =
          strategy.reject(
              new RejectionInput(
                  image.pixels(),
                  image.features(),
                  sample.context(),
                  sample.prompt(),
                  chosen,
                  KeyedRandom.of(seed).with(responseId)),
              model,
              similarity);
      return pair(
          row,
          sample,
          chosen,
          rejection,
          ChangeSpans.between(chosen, rejection.text()),
          dropReason(chosen, rejection),
          null,
          provenance(index, rejection.transform()));
    } catch (RuntimeException e) {
      return pair(
          row,
          sample,
          chosen,
          null,
          List.of(),
          RowFaults.reasonOf(e),
          String.valueOf(e.getMessage()),
          provenance(index, null));
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

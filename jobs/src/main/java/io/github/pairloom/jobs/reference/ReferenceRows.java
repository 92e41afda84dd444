package io.github.pairloom.jobs.reference;

import io.github.pairloom.jobs.ImageSight;
import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelTask;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.RowJournal;
import io.github.pairloom.jobs.recipe.ReferenceSettings;
import io.github.pairloom.schemas.Provenance;
import io.github.pairloom.schemas.Response;
import io.github.pairloom.schemas.Sample;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Versions;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.vlm.Cut;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Passage;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/** Gives each sample its response: the source's, or one the model writes with full sight. */
record ReferenceRows(
    ImageBytes bytes,
    ModelSpec spec,
    ModelIdentity identity,
    ReferenceSettings settings,
    long seed,
    String recipeId,
    RowJournal journal,
    ModelCounters counters)
    implements MapPartitionsFunction<Row, Row> {
  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    ModelTask task = new ModelTask(journal, counters);
    VisionLanguageModel model = task.keep(ExecutorModels.open(spec));
    ImageSight sight = task.sight(bytes, model);
    return task.work(
        rows,
        row -> respond(row, model, sight).thenApply(Response.CODEC::toRow),
        sight,
        model::await,
        spec.batch().aheadMegabytes());
  }

  private CompletableFuture<Response> respond(
      Row row, VisionLanguageModel model, ImageSight sight) {
    Sample sample = Sample.CODEC.fromRow(row);
    String id = row.getAs("response_id");
    int ordinal = row.getAs("ordinal");
    if (sample.response() != null) {
      return CompletableFuture.completedFuture(
          new Response(
              id,
              sample.sampleId(),
              ordinal,
              sample.response(),
              Response.SOURCE,
              false,
              null,
              null,
              null));
    }
    try {
      ImageSight.Encoded image = sight.of(row);
      Transform transform = new Transform("none", Map.of(), image.pixels().sha256(), null);
      KeyedRandom key =
          KeyedRandom.of(seed).with("reference").with(sample.sampleId()).with(ordinal);
      int[] prompt = model.prompt(sample.context(), sample.prompt());
      return image
          .features()
          .thenCompose(
              features ->
                  model.complete(
                      new Passage(
                          prompt,
                          ImageView.full(features),
                          List.of(Cut.free(key)),
                          settings.sampling())))
          .handle(
              (written, failure) ->
                  failure == null
                      ? written(id, sample, ordinal, written.get(0), transform)
                      : failed(id, sample, ordinal, failure, transform));
    } catch (RuntimeException e) {
      return CompletableFuture.completedFuture(failed(id, sample, ordinal, e, null));
    }
  }

  private Response written(
      String id, Sample sample, int ordinal, Generation generation, Transform transform) {
    String text = generation.text().strip();
    return new Response(
        id,
        sample.sampleId(),
        ordinal,
        text,
        Response.MODEL,
        generation.cutOff(),
        text.isEmpty() ? "empty" : generation.cutOff() ? "cut-off" : null,
        null,
        provenance(transform));
  }

  private Response failed(
      String id, Sample sample, int ordinal, Throwable failure, Transform transform) {
    return new Response(
        id,
        sample.sampleId(),
        ordinal,
        null,
        Response.MODEL,
        false,
        RowFaults.reasonOf(failure),
        RowFaults.detailOf(failure),
        provenance(transform));
  }

  private Provenance provenance(Transform transform) {
    return new Provenance(
        recipeId,
        seed,
        Map.of("n", Integer.toString(settings.n())),
        identity.id(),
        identity.revision(),
        identity.promptTemplateSha256(),
        settings.sampling().asMap(),
        transform,
        null,
        null,
        Versions.all());
  }
}

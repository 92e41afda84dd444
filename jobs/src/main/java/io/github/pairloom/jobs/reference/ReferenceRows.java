package io.github.pairloom.jobs.reference;

import io.github.pairloom.jobs.ImageSight;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.TaskScope;
import io.github.pairloom.jobs.recipe.ReferenceSettings;
import io.github.pairloom.schemas.Provenance;
import io.github.pairloom.schemas.Response;
import io.github.pairloom.schemas.Sample;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Versions;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.vlm.Continuation;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.Iterator;
import java.util.Map;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/** Gives each sample its response: the source's, or one the model writes with full sight. */
record ReferenceRows(
    ImageBytes bytes,
    ModelSpec spec,
    ModelIdentity identity,
    ReferenceSettings settings,
    long seed,
    String recipeId)
    implements MapPartitionsFunction<Row, Row> {
  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    TaskScope scope = TaskScope.open();
    VisionLanguageModel model = scope.keep(ExecutorModels.open(spec));
    ImageSight sight = new ImageSight(bytes, model);
    return scope.map(rows, row -> Response.CODEC.toRow(respond(row, model, sight)));
  }

  private Response respond(Row row, VisionLanguageModel model, ImageSight sight) {
    Sample sample = Sample.CODEC.fromRow(row);
    String id = row.getAs("response_id");
    int ordinal = row.getAs("ordinal");
    if (sample.response() != null) {
      return new Response(
          id,
          sample.sampleId(),
          ordinal,
          sample.response(),
          Response.SOURCE,
          false,
          null,
          null,
          null);
    }
    Transform transform = null;
    try {
      ImageSight.Encoded image = sight.of(row);
      transform = new Transform("none", Map.of(), image.pixels().sha256(), null);
      Generation generation =
          model.generate(
              model.prompt(sample.context(), sample.prompt()),
              ImageView.full(image.features()),
              new int[0],
              Continuation.OF_RESPONSE,
              settings.sampling(),
              KeyedRandom.of(seed).with("reference").with(sample.sampleId()).with(ordinal));
      String text = generation.text().strip();
      String dropReason = text.isEmpty() ? "empty" : generation.cutOff() ? "cut-off" : null;
      return new Response(
          id,
          sample.sampleId(),
          ordinal,
          text,
          Response.MODEL,
          generation.cutOff(),
          dropReason,
          null,
          provenance(transform));
    } catch (RuntimeException e) {
      return new Response(
          id,
          sample.sampleId(),
          ordinal,
          null,
          Response.MODEL,
          false,
          RowFaults.reasonOf(e),
          String.valueOf(e.getMessage()),
          provenance(transform));
    }
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

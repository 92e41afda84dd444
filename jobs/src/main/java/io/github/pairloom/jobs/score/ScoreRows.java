package io.github.pairloom.jobs.score;

import io.github.pairloom.jobs.ImageSight;
import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelTask;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.RowJournal;
import io.github.pairloom.jobs.recipe.ScoreSettings;
import io.github.pairloom.jobs.recipe.ScoreSettings.Blind;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Likelihood;
import io.github.pairloom.schemas.PairScore;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Versions;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.image.ImageDefect;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.strategy.RejectedImage;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Reading;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/**
 * Has one model read both sides of each pair.
 *
 * @param scorer the model, as rows name it
 * @param counters takes what the model did, as each task ends
 */
record ScoreRows(
    ImageBytes bytes,
    ModelSpec spec,
    ScoreSettings settings,
    long seed,
    PairScore.Scorer scorer,
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
    Reader reader = new Reader(model, task.sight(bytes, model));
    return task.work(
        rows,
        row -> reader.score(row).thenApply(PairScore.CODEC::toRow),
        reader.sight,
        model::await,
        spec.batch().aheadMegabytes());
  }

  /** What the model is shown: a prompt and a view, and how that is recorded. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Shown(int[] prompt, ImageView view, Transform transform) {}

  /** Reads the pairs of one task; rows about one image follow each other. */
  private final class Reader {
    private final VisionLanguageModel model;
    private final ImageSight sight;

    /** Id of the image whose noisy view was last asked for. */
    private String noisyId;

    private CompletableFuture<ImageView> noisyView;
    private Transform noise;

    Reader(VisionLanguageModel model, ImageSight sight) {
      this.model = model;
      this.sight = sight;
    }

    CompletableFuture<PairScore> score(Row row) {
      String scoreId = row.getAs("score_id");
      CandidatePair pair = CandidatePair.CODEC.fromRow(row);
      try {
        return score(scoreId, pair, row).exceptionally(failure -> dropped(scoreId, pair, failure));
      } catch (RuntimeException e) {
        return CompletableFuture.completedFuture(dropped(scoreId, pair, e));
      }
    }

    private CompletableFuture<PairScore> score(String scoreId, CandidatePair pair, Row row) {
      ImageSight.Encoded image = sight.of(row);
      boolean ofImages = pair.rejects().equals(CandidatePair.IMAGE);
      int[] prompt = model.prompt(pair.context(), pair.prompt());
      int[] chosen = model.response(pair.chosen()).ids();
      int[] rejected = model.response(pair.rejected()).ids();
      List<int[]> both = List.of(chosen, rejected);
      CompletableFuture<List<Reading>> seen =
          image
              .features()
              .thenCompose(
                  features ->
                      model.read(
                          prompt, ImageView.full(features), ofImages ? List.of(chosen) : both));
      CompletableFuture<List<Reading>> rejectedSide =
          ofImages
              ? model
                  .encode(rejectedImage(pair, pictureOfRejected(pair, row, image)))
                  .thenCompose(
                      features -> model.read(prompt, ImageView.full(features), List.of(chosen)))
              : seen.thenApply(readings -> readings.subList(1, 2));
      CompletableFuture<Shown> blind = blind(pair, prompt, image);
      CompletableFuture<List<Reading>> unseen =
          blind.thenCompose(shown -> model.read(shown.prompt, shown.view, both));
      return CompletableFuture.allOf(seen, rejectedSide, unseen)
          .thenApply(
              done ->
                  PairScore.of(
                      scoreId,
                      pair.pairId(),
                      pair.sampleId(),
                      pair.imageId(),
                      likelihood(seen.join().get(0)),
                      likelihood(rejectedSide.join().get(0)),
                      likelihood(unseen.join().get(0)),
                      likelihood(unseen.join().get(1)),
                      blind.join().transform,
                      ofImages,
                      settings.leastMargin(),
                      scorer,
                      Versions.all()));
    }

    /** Returns what the model is to see; what was recorded, if it is the one that made the pair. */
    private PixelTensor rejectedImage(CandidatePair pair, RgbImage picture) {
      Transform transform = pair.provenance().transform();
      return pair.provenance().modelRevision().equals(scorer.modelRevision())
          ? RejectedImage.rebuild(transform, picture, model::preprocess)
          : RejectedImage.show(transform, picture, model::preprocess);
    }

    private RgbImage pictureOfRejected(CandidatePair pair, Row row, ImageSight.Encoded image) {
      if (!pair.provenance().transform().parameters().containsKey(RejectedImage.IMAGE_ID)) {
        return image.picture().get();
      }
      Row other = row.getAs(ScoreStep.OTHER_IMAGE);
      if (other == null) {
        throw new BadImageException(
            ImageDefect.MISSING, "The rejected image is not in table images");
      }
      return sight.read(other);
    }

    private CompletableFuture<Shown> blind(
        CandidatePair pair, int[] prompt, ImageSight.Encoded image) {
      if (settings.blind() == Blind.ABSENT) {
        int[] alone = model.promptWithoutImage(pair.context(), pair.prompt());
        Transform absent =
            new Transform(Transform.ABSENT, Map.of(), image.pixels().sha256(), List.of());
        return image
            .features()
            .thenApply(features -> new Shown(alone, ImageView.absent(features), absent));
      }
      if (!pair.imageId().equals(noisyId)) {
        RejectedImage noisy =
            RejectedImage.noise(
                image.pixels(),
                settings.noiseSteps(),
                KeyedRandom.of(seed).with("score").with(pair.imageId()));
        noisyId = pair.imageId();
        noise = noisy.transform();
        noisyView = model.encode(noisy.pixels()).thenApply(ImageView::full);
      }
      Transform transform = noise;
      return noisyView.thenApply(view -> new Shown(prompt, view, transform));
    }

    private Likelihood likelihood(Reading reading) {
      List<Double> tokens =
          settings.tokenLogProbs()
              ? IntStream.range(0, reading.tokens())
                  .mapToObj(i -> (double) reading.logProb(i))
                  .toList()
              : null;
      return new Likelihood(reading.logProb(), reading.endLogProb(), reading.tokens(), tokens);
    }

    private PairScore dropped(String scoreId, CandidatePair pair, Throwable failure) {
      return PairScore.dropped(
          scoreId,
          pair.pairId(),
          pair.sampleId(),
          pair.imageId(),
          RowFaults.reasonOf(failure),
          RowFaults.detailOf(failure),
          scorer,
          Versions.all());
    }
  }
}

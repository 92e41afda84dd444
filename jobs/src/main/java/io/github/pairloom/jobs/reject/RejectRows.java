package io.github.pairloom.jobs.reject;

import io.github.pairloom.jobs.ImageSight;
import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.ModelTask;
import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.jobs.RowJournal;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RejectSettings;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Provenance;
import io.github.pairloom.schemas.Sample;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.Versions;
import io.github.pairloom.udfs.gate.PairGates;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.remote.ResponseCache;
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
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;

/**
 * Makes the pairs of each reference response and strategy.
 *
 * @param recipeIds recipe id of each strategy's rows, in their order
 * @param passing reason codes of faults for which a candidate is worked on again
 * @param counters takes what the models did, as each task ends
 */
record RejectRows(
    ImageBytes bytes,
    ResponseCache answers,
    ModelSpec spec,
    ModelIdentity identity,
    RejectSettings settings,
    String embedderRevision,
    List<String> recipeIds,
    long seed,
    List<String> passing,
    RowJournal journal,
    ModelCounters counters)
    implements MapPartitionsFunction<Row, Row> {
  static RejectRows of(
      StepContext context,
      ModelIdentity model,
      String embedderRevision,
      RowJournal journal,
      ModelCounters counters) {
    Recipe recipe = context.recipe();
    return new RejectRows(
        context.imageBytes(),
        context.answers(),
        recipe.model().pinned(model.revision()),
        model,
        recipe.reject(),
        embedderRevision,
        recipe.reject().strategies().stream().map(recipe::pairId).toList(),
        recipe.seed(),
        recipe.recovery().again(),
        journal,
        counters);
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    ModelTask task = new ModelTask(journal, counters);
    Workbench bench =
        task.keep(
            Workbench.open(
                ExecutorModels.open(spec),
                () ->
                    new Similarity(
                        settings.similarity(),
                        SentenceEmbedder.open(
                            settings.similarity().model(), spec.threadsOfTask(), embedderRevision)),
                answers,
                task::goesOn));
    ImageSight sight = task.sight(bytes, bench.model());
    Iterator<List<Row>> groups =
        task.work(
            rows, new Pairs(bench, sight)::of, sight, bench::await, spec.batch().aheadMegabytes());
    return new Flattened(groups);
  }

  /** The pairs of all groups, one after the other. */
  private static final class Flattened implements Iterator<Row> {
    private final Iterator<List<Row>> groups;
    private Iterator<Row> group = Collections.emptyIterator();

    Flattened(Iterator<List<Row>> groups) {
      this.groups = groups;
    }

    @Override
    public boolean hasNext() {
      // A group has at least one row.
      return group.hasNext() || groups.hasNext();
    }

    @Override
    public Row next() {
      if (!group.hasNext()) {
        group = groups.next().iterator();
      }
      return group.next();
    }
  }

  /** Makes pairs of the rows of one task. */
  private final class Pairs {
    private final Workbench bench;
    private final ImageSight sight;

    /** By strategy. */
    private final List<Provenance> provenances =
        IntStream.range(0, settings.strategies().size())
            .mapToObj(RejectRows.this::provenance)
            .toList();

    Pairs(Workbench bench, ImageSight sight) {
      this.bench = bench;
      this.sight = sight;
    }

    CompletableFuture<List<Row>> of(Row row) {
      Sample sample = Sample.CODEC.fromRow(row);
      CompletableFuture<List<CandidatePair>> pairs =
          CompletableFuture.completedFuture(new ArrayList<>());
      for (int i = 0; i < settings.perResponse(); i++) {
        pairs = pairs.thenCombine(outcome(row, sample, i), this::joined);
      }
      return pairs.thenApplyAsync(
          all -> numbered(orFailed(all)).stream().map(CandidatePair.CODEC::toRow).toList(), bench);
    }

    /**
     * Returns the pairs, or the one alone that failed of what may pass: the candidate is worked on
     * again then, and the others' ids follow from how many come before them.
     */
    private List<CandidatePair> orFailed(List<CandidatePair> all) {
      return all.stream()
          .filter(pair -> pair.dropReason() != null && passing.contains(pair.dropReason()))
          .findFirst()
          .map(List::of)
          .orElse(all);
    }

    private List<CandidatePair> joined(List<CandidatePair> all, List<CandidatePair> more) {
      all.addAll(more);
      return all;
    }

    /**
     * Returns what one call of the strategy comes to; never fails.
     *
     * @param number of the call, from 0
     */
    private CompletableFuture<List<CandidatePair>> outcome(Row row, Sample sample, int number) {
      String chosen = row.getAs("chosen");
      return rejections(row, sample, chosen, number)
          .handleAsync(
              (rejections, failure) ->
                  failure == null
                      ? rejections.stream()
                          .map(rejection -> pairOrFault(row, sample, chosen, rejection))
                          .toList()
                      : List.of(failed(row, sample, chosen, failure)),
              bench);
    }

    private CandidatePair pairOrFault(
        Row row, Sample sample, String reference, Rejection rejection) {
      try {
        return pair(row, sample, reference, rejection);
      } catch (RuntimeException | StackOverflowError e) {
        // Not every text has tokens, and patterns are the user's.
        return failed(row, sample, reference, e);
      }
    }

    private CompletableFuture<List<Rejection>> rejections(
        Row row, Sample sample, String chosen, int number) {
      try {
        OtherImages.checkRetrieved(row);
        RejectionStrategy strategy = strategy(row.getAs("strategy_index"));
        ImageSight.Encoded image = sight.of(row);
        KeyedRandom root = KeyedRandom.of(seed).with(row.<String>getAs("response_id"));
        KeyedRandom key = number == 0 ? root : root.with("rejection").with(number);
        return image
            .features()
            .thenComposeAsync(
                features ->
                    strategy.reject(
                        new RejectionInput(
                            image.picture(),
                            image.pixels(),
                            features,
                            sample.context(),
                            sample.prompt(),
                            chosen,
                            chosen.equals(sample.response()),
                            sample.extra() == null ? "" : sample.extra(),
                            others(row),
                            key),
                        bench),
                bench);
      } catch (RuntimeException e) {
        return CompletableFuture.failedFuture(e);
      }
    }

    private List<RejectionInput.Other> others(Row row) {
      return row.<Row>getList(row.fieldIndex(OtherImages.COLUMN)).stream()
          .map(
              other -> {
                Row image = other.getAs("image");
                Double similarity = other.getAs("similarity");
                return new RejectionInput.Other(
                    image.getAs("image_id"),
                    similarity == null ? Double.NaN : similarity,
                    () -> sight.read(image));
              })
          .toList();
    }

    private CandidatePair pair(Row row, Sample sample, String reference, Rejection rejection) {
      int index = row.getAs("strategy_index");
      String chosen = rejection.chosen().map(Rejection.Better::text).orElse(reference);
      String origin =
          rejection.chosen().map(Rejection.Better::origin).orElse(CandidatePair.REFERENCE);
      boolean ofImage = strategy(index).rejectsImage();
      List<PairGates.Failure> failures =
          ofImage
              ? List.of()
              : settings
                  .gates()
                  .failures(
                      new PairGates.Candidate(
                          chosen, rejection.text(), rejection.similarity(), rejection.cutOff()),
                      bench.model().controlTokens());
      return new CandidatePair(
          row.getAs("pair_id"),
          sample.sampleId(),
          sample.imageId(),
          row.getAs("response_id"),
          sample.context(),
          sample.prompt(),
          sample.condition(),
          chosen,
          rejection.text(),
          strategy(index).id(),
          rejection.iteration(),
          rejection.similarity(),
          ChangeSpans.between(chosen, rejection.text()),
          ChangeSpans.ofTokens(
              bench.model().response(chosen).ids(),
              bench.model().response(rejection.text()).ids(),
              settings.segments().minMatch()),
          settings.segments().weight(),
          row.getAs("pair_id"),
          0,
          ofImage ? CandidatePair.IMAGE : CandidatePair.TEXT,
          origin,
          rejection.judgement().orElse(null),
          failures.stream().map(PairGates.Failure::gate).toList(),
          failures.isEmpty() ? null : failures.get(0).gate(),
          failures.isEmpty() ? null : failures.get(0).found(),
          origin.equals(Rejection.Better.OFFLINE)
              ? provenances.get(index).ofSource()
              : provenances.get(index).with(rejection.transform()));
    }

    private CandidatePair failed(Row row, Sample sample, String chosen, Throwable failure) {
      int index = row.getAs("strategy_index");
      return new CandidatePair(
          row.getAs("pair_id"),
          sample.sampleId(),
          sample.imageId(),
          row.getAs("response_id"),
          sample.context(),
          sample.prompt(),
          sample.condition(),
          chosen,
          null,
          strategy(index).id(),
          null,
          null,
          List.of(),
          List.of(),
          settings.segments().weight(),
          row.getAs("pair_id"),
          0,
          strategy(index).rejectsImage() ? CandidatePair.IMAGE : CandidatePair.TEXT,
          CandidatePair.REFERENCE,
          null,
          List.of(),
          RowFaults.reasonOf(failure),
          RowFaults.detailOf(failure),
          provenances.get(index));
    }
  }

  /**
   * Gives the pairs of one reference and strategy ids of their own, the first of them that of the
   * candidate, and makes those with the same chosen side a group.
   */
  private static List<CandidatePair> numbered(List<CandidatePair> pairs) {
    Map<String, List<String>> groups = new HashMap<>();
    List<CandidatePair> numbered = new ArrayList<>();
    for (int i = 0; i < pairs.size(); i++) {
      CandidatePair pair = pairs.get(i);
      String id = i == 0 ? pair.pairId() : new ContentId().add(pair.pairId()).add(i).toHex();
      List<String> group = groups.computeIfAbsent(pair.chosen(), chosen -> new ArrayList<>());
      group.add(id);
      numbered.add(i == 0 ? pair : pair.as(id, group.get(0), group.size() - 1));
    }
    return numbered;
  }

  private RejectionStrategy strategy(int index) {
    return settings.strategies().get(index);
  }

  private Provenance provenance(int index) {
    RejectionStrategy strategy = strategy(index);
    ModelIdentity writer = strategy.writer().orElse(identity);
    return new Provenance(
        recipeIds.get(index),
        seed,
        parameters(strategy),
        writer.id(),
        writer.revision(),
        writer.promptTemplateSha256(),
        strategy.rejectsImage() ? Map.of() : strategy.sampling().asMap(),
        null,
        settings.similarity().model(),
        embedderRevision,
        Versions.all());
  }

  /** Returns the strategy's parameters, and what is compared where it is not the default. */
  private Map<String, String> parameters(RejectionStrategy strategy) {
    SimilaritySettings.Scope scope = settings.similarity().scope();
    if (scope == SimilaritySettings.Scope.RESPONSE) {
      return strategy.parameters();
    }
    Map<String, String> parameters = new TreeMap<>(strategy.parameters());
    parameters.put("similarity-scope", Settings.name(scope));
    return parameters;
  }
}

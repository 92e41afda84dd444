package io.github.pairloom.jobs.cli;

import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.dedup.DedupStep;
import io.github.pairloom.jobs.export.ExportStep;
import io.github.pairloom.jobs.ingest.IngestStep;
import io.github.pairloom.jobs.reference.ReferenceStep;
import io.github.pairloom.jobs.reject.RejectStep;
import io.github.pairloom.jobs.score.ScoreStep;
import io.github.pairloom.jobs.select.SelectStep;
import java.util.List;

/** The steps of the pipeline, in the order in which they run. */
final class Steps {
  private Steps() {}

  /**
   * A step on the command line.
   *
   * @param step what runs
   * @param help what it does, in one line
   */
  record Entry(Step step, String help) {
    /** Returns the step's name. */
    String name() {
      return step.name();
    }
  }

  /** Returns the steps. */
  static List<Entry> all() {
    return List.of(
        new Entry(new IngestStep(), "Reads image/prompt sources into images, samples, quarantine."),
        new Entry(new ReferenceStep(), "Gives every sample a good response."),
        new Entry(new RejectStep(), "Makes rejected responses."),
        new Entry(new ScoreStep(), "Has models with full sight score the pairs."),
        new Entry(new DedupStep(), "Labels duplicates, and what evaluation sets hold."),
        new Entry(new SelectStep(), "Selects the pairs that trainers may read."),
        new Entry(new ExportStep(), "Writes them for trainers."));
  }
}

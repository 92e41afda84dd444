package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.col;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.recipe.DedupSettings;
import io.github.pairloom.schemas.Table;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Step {@code dedup}: labels duplicates in table {@code duplicates} and what evaluation sets hold
 * in table {@code contaminations}, and in table {@code contradictions} pairs that say the opposite
 * of each other. Of each cluster of duplicates one is kept; the others name it. Nothing is deleted.
 * Step {@code select} drops what is labelled.
 */
public final class DedupStep implements Step {
  /** Reason code of a pair whose image equals or looks like one of an evaluation set. */
  public static final String CONTAMINATED_IMAGE = "contaminated-image";

  /** Reason code of a pair whose prompt or an earlier question stands in an evaluation set. */
  public static final String CONTAMINATED_PROMPT = "contaminated-prompt";

  /** Reason code of a pair whose two texts, or such as mean the same, another has reversed. */
  public static final String CONTRADICTION = "contradiction";

  /** Reason code of a pair in whose place another one is kept. */
  public static final String DUPLICATE_PAIR = "duplicate-pair";

  @Override
  public String name() {
    return "dedup";
  }

  @Override
  public StepResult run(StepContext context) {
    // The first commit makes the table. Later ones may have left no row: nothing is to label then.
    if (context.warehouse().version(Table.PAIRS) <= 0) {
      throw new JobException(
          "Cannot find duplicates: table pairs in "
              + context.warehouse().root()
              + " has no rows. Run the reject step first, on the same warehouse.");
    }
    DedupSettings settings = context.recipe().dedup();
    Map<String, Double> metrics = new TreeMap<>();
    // Images first: pairs of an image's copies are compared as those of the one that is kept.
    metrics.putAll(ImageLabels.write(context, settings.images()));
    metrics.putAll(
        new Contamination(context).write(settings.evaluations(), settings.images().radius()));
    KeptImages images = KeptImages.of(context.warehouse().latest(Table.DUPLICATES));
    return new PairDedup(context, images).run(metrics);
  }

  /**
   * Returns the ids, in column {@code id}, of the pairs that say the opposite of another one, so
   * that both cannot be true; a text that is chosen in one pair and rejected in another alone may
   * be in the midst of a ranking of three.
   *
   * @param contradictions rows of table {@code contradictions}
   */
  public static Dataset<Row> contradicted(Dataset<Row> contradictions) {
    return contradictions
        .where(col("kind").isin(Contradictions.REVERSED, SemanticPairs.REVERSED))
        .select(col("pair_id").as("id"));
  }
}

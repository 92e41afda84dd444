package io.github.pairloom.jobs;

import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.schemas.Run;
import io.github.pairloom.schemas.Table;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.storage.StorageLevel;

/**
 * Runs rows through a model and commits what comes of them: each row once, all in one commit,
 * within the error budget. Shared by the steps that load a model.
 */
public final class ModelRows {
  /** Column with the row of {@code images} that a row is about, as a struct. */
  public static final String IMAGE = "image";

  private ModelRows() {}

  /**
   * Returns {@code samples} with the column {@link #IMAGE}. No image bytes move: they are read
   * where the row is worked on.
   */
  public static Dataset<Row> withImages(Warehouse warehouse, Dataset<Row> samples) {
    Column[] columns =
        Arrays.stream(Table.IMAGES.schema().fieldNames())
            .map(functions::col)
            .toArray(Column[]::new);
    Dataset<Row> images =
        warehouse
            .read(Table.IMAGES)
            .select(functions.col("image_id"), functions.struct(columns).as(IMAGE));
    // An image that is missing is a fault of the row, which must not vanish in the join.
    return samples
        .join(images, samples.col("image_id").equalTo(images.col("image_id")), "left")
        .drop(images.col("image_id"));
  }

  /**
   * Works on the candidates that are not in {@code table} yet.
   *
   * @param table takes the outcome
   * @param key column that identifies a row of it
   * @param candidates rows with the key, {@code image_id} and whatever {@code work} reads
   * @param complete adds what is costly to have and only rows to be worked on need
   * @param work gives at least one row of the table for each candidate, bad ones with a
   *     drop_reason, the first of them under the candidate's key; must be a function of the row
   *     alone, whatever the partition
   * @param counters what {@code work} counts in
   * @throws TooManyBadRowsException if the error budget is spent; nothing is committed then
   */
  public static StepResult run(
      StepContext context,
      Table table,
      String key,
      Dataset<Row> candidates,
      UnaryOperator<Dataset<Row>> complete,
      MapPartitionsFunction<Row, Row> work,
      ModelCounters counters) {
    Warehouse warehouse = context.warehouse();
    long all = candidates.count();
    Dataset<Row> fresh = candidates.join(warehouse.read(table).select(key), key, "left_anti");
    long begun = fresh.count();
    Dataset<Row> todo =
        (begun == 0 ? fresh : complete.apply(fresh))
            // Rows about one image go to one task, one after the other: it is encoded once.
            .repartition(tasks(context), functions.col("image_id"))
            .sortWithinPartitions("image_id", key);
    Dataset<Row> outcome =
        todo.mapPartitions(work, Encoders.row(table.schema()))
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      Map<String, Long> dropped = new TreeMap<>();
      Map<String, Long> faults = new TreeMap<>();
      long written = 0;
      for (Row row : outcome.groupBy("drop_reason").count().collectAsList()) {
        if (row.isNullAt(0)) {
          written = row.getLong(1);
        } else {
          (RowFaults.isFault(row.getString(0)) ? faults : dropped)
              .put(row.getString(0), row.getLong(1));
        }
      }
      long read = written + Run.total(dropped) + Run.total(faults);
      check(context.recipe().errors(), table, outcome, faults, read);
      if (read > 0) {
        warehouse.append(table, outcome);
      }
      return new StepResult(read, written, dropped, faults, all - begun, counters.figures());
    } finally {
      outcome.unpersist();
    }
  }

  /** Spark's own setting, but fixed: adaptive execution would merge small inputs into one task. */
  private static int tasks(StepContext context) {
    return Integer.parseInt(context.spark().conf().get("spark.sql.shuffle.partitions"));
  }

  private static void check(
      ErrorBudget budget, Table table, Dataset<Row> outcome, Map<String, Long> faults, long read) {
    long bad = Run.total(faults);
    if (!budget.allows(bad, read)) {
      List<String> columns = Arrays.asList(table.schema().fieldNames());
      String subject = columns.contains("sample_id") ? "sample_id" : "image_id";
      Row first =
          outcome
              .where(functions.col("drop_reason").isin(faults.keySet().toArray()))
              .select(subject, "drop_reason", "drop_detail")
              .first();
      throw new TooManyBadRowsException(
          "Too many bad rows: %s of %s for table %s (%s). Allowed are %s rows and a share of %s; raise errors.max-rows or errors.max-share, or mend the cause. One of them: %s %s, %s: %s. Nothing was written."
              .formatted(
                  bad,
                  read,
                  table.tableName(),
                  faults,
                  budget.maxRows(),
                  budget.maxShare(),
                  subject.replace("_id", ""),
                  first.getString(0),
                  first.getString(1),
                  first.getString(2)));
    }
  }
}

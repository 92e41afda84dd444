package io.github.pairloom.jobs;

import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Run;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.strategy.RejectedImage;
import java.io.Serializable;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.rdd.PartitionPruningRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.storage.StorageLevel;

/**
 * Runs rows through a model and commits what comes of them: each row once, in bounded batches,
 * within the error budget, without the rows that end processes. Shared by the steps that load a
 * model.
 */
public final class ModelRows {
  /** Column with the row of {@code images} that a row is about, as a struct. */
  public static final String IMAGE = "image";

  /** Metric: candidates worked on, where they have come to another number of rows. */
  public static final String CANDIDATES = "candidates";

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
   * Returns the id of the image that the rejected side of a pair is about; NULL where it is the
   * pair's own, or one that was made of it.
   */
  public static Column rejectedImageId() {
    return functions.when(
        functions.col("rejects").equalTo(CandidatePair.IMAGE),
        functions.col("provenance.transform.parameters").getItem(RejectedImage.IMAGE_ID));
  }

  /** Returns those of the candidates that are not in {@code table} yet, counted. */
  public static Pending pending(
      StepContext context, Table table, String key, Dataset<Row> candidates) {
    return Pending.rows(Amount.of(context, table, key, candidates).fresh);
  }

  /**
   * How many candidates there are, how many of them are to be worked on, and of those that are done
   * how many are faults, by reason, and how many of these are worked on again.
   */
  private record Amount(long all, long fresh, Map<String, Long> faults, long again) {
    /** In one query: planning and compiling one takes longer than counting a million rows. */
    static Amount of(StepContext context, Table table, String key, Dataset<Row> candidates) {
      Dataset<Row> done =
          context
              .warehouse()
              .read(table)
              .select(
                  functions.col(key).as("done_key"),
                  functions.col("drop_reason").as("done_reason"));
      List<Row> counts =
          candidates
              .join(done, functions.col(key).equalTo(functions.col("done_key")), "left")
              .groupBy(functions.col("done_key").isNull(), functions.col("done_reason"))
              .count()
              .collectAsList();
      List<String> passing = context.recipe().recovery().again();
      long all = 0;
      long fresh = 0;
      long again = 0;
      Map<String, Long> faults = new TreeMap<>();
      for (Row row : counts) {
        all += row.getLong(2);
        if (row.getBoolean(0)) {
          fresh += row.getLong(2);
        } else if (!row.isNullAt(1) && RowFaults.isFault(row.getString(1))) {
          if (passing.contains(row.getString(1))) {
            again += row.getLong(2);
          } else {
            faults.put(row.getString(1), row.getLong(2));
          }
        }
      }
      return new Amount(all, fresh + again, faults, again);
    }
  }

  /**
   * Returns the candidates that are not in the table, or there with a fault that may have passed.
   */
  private static Dataset<Row> fresh(
      StepContext context, Table table, String key, Dataset<Row> candidates) {
    Dataset<Row> done = done(context, context.warehouse().read(table));
    return candidates.join(done.select(key), key, "left_anti");
  }

  /** Returns the rows that are not worked on again. */
  private static Dataset<Row> done(StepContext context, Dataset<Row> rows) {
    Column passing =
        functions.col("drop_reason").isin(context.recipe().recovery().again().toArray());
    return rows.where(functions.not(functions.coalesce(passing, functions.lit(false))));
  }

  /**
   * Works on the candidates that are not in {@code table} yet, in batches of about {@code
   * recovery.batch-rows}, each one commit: what an earlier run has committed is not done again.
   *
   * @param table takes the outcome
   * @param key column that identifies a row of it
   * @param candidates rows with the key, {@code image_id} if they are about images, and whatever
   *     {@code work} reads
   * @param complete adds what is costly to have and only rows to be worked on need
   * @param work gives at least one row of the table for each candidate, bad ones with a
   *     drop_reason, the first of them under the candidate's key; must be a function of the row
   *     alone, whatever the partition. Keeps the journal that it is given
   * @param counters what {@code work} counts in
   * @throws TooManyBadRowsException if the error budget is spent; the batch is not committed then
   * @throws SpendingCapException if the recipe may not spend more; what was begun is committed
   */
  public static StepResult run(
      StepContext context,
      Table table,
      String key,
      Dataset<Row> candidates,
      UnaryOperator<Dataset<Row>> complete,
      Function<RowJournal, MapPartitionsFunction<Row, Row>> work,
      ModelCounters counters) {
    Amount amount = Amount.of(context, table, key, candidates);
    long begun = amount.fresh;
    Dataset<Row> fresh = fresh(context, table, key, candidates);
    Spending spending = Spending.open(context, table, counters);
    Batches done = new Batches(context, table, key, work, spending, amount);
    if (begun > 0) {
      int batchRows = context.recipe().recovery().batchRows();
      int batches = Math.toIntExact((begun + batchRows - 1) / batchRows);
      int slices = spending.slices(begun, batches, tasks(context));
      // Under a cap a batch is of as many slices as are affordable.
      int tasks = spending.isCapped() ? 1 : tasks(context);
      boolean ofImages = Arrays.asList(candidates.columns()).contains("image_id");
      // Under a cap slices are to be small, so that the first one spends little.
      String together = ofImages && !spending.isCapped() ? "image_id" : key;
      // Rows about one image go to one task, one after the other: it is encoded once. All batches
      // are of one RDD, whose shuffle is made once: a cached Dataset would be made anew after each
      // commit, as it reads the table that is written.
      JavaRDD<Row> todo =
          complete
              .apply(fresh)
              .repartition(Math.multiplyExact(slices, tasks), functions.col(together))
              .sortWithinPartitions(together, key)
              .toJavaRDD();
      long[] rows = spending.isCapped() ? rowsOfPartitions(todo) : alike(begun, slices);
      int taken;
      for (int slice = 0; slice < slices; slice += taken) {
        taken = spending.affordable(rows, slice, batchRows);
        done.commit(
            partitions(todo, slice * tasks, (slice + taken) * tasks),
            Arrays.stream(rows, slice, slice + taken).sum());
      }
    }
    return new StepResult(
        done.read(),
        done.written,
        done.dropped,
        done.faults,
        amount.all - begun,
        done.figures(counters));
  }

  private static JavaRDD<Row> partitions(JavaRDD<Row> rows, int from, int to) {
    scala.Function1<Object, Object> some =
        (scala.Function1<Object, Object> & Serializable)
            number -> (int) number >= from && (int) number < to;
    return PartitionPruningRDD.create(rows.rdd(), some).toJavaRDD();
  }

  private static long[] rowsOfPartitions(JavaRDD<Row> todo) {
    return todo
        .mapPartitions(
            rows -> {
              long count = 0;
              for (; rows.hasNext(); rows.next()) {
                count++;
              }
              return List.of(count).iterator();
            })
        .collect()
        .stream()
        .mapToLong(Long::longValue)
        .toArray();
  }

  private static long[] alike(long rows, int slices) {
    long[] all = new long[slices];
    Arrays.fill(all, rows / slices);
    all[slices - 1] += rows % slices;
    return all;
  }

  /** Spark's own setting, but fixed: adaptive execution would merge small inputs into one task. */
  private static int tasks(StepContext context) {
    return Integer.parseInt(context.spark().conf().get("spark.sql.shuffle.partitions"));
  }

  /** What the batches of a step have come to so far. */
  private static final class Batches {
    private final StepContext context;
    private final Table table;
    private final String key;
    private final Function<RowJournal, MapPartitionsFunction<Row, Row>> work;
    private final Spending spending;
    private final Amount amount;
    private final Map<String, Long> dropped = new TreeMap<>();
    private final Map<String, Long> faults = new TreeMap<>();
    private long written;
    private long candidates;
    private int commits;

    Batches(
        StepContext context,
        Table table,
        String key,
        Function<RowJournal, MapPartitionsFunction<Row, Row>> work,
        Spending spending,
        Amount amount) {
      this.context = context;
      this.table = table;
      this.key = key;
      this.work = work;
      this.spending = spending;
      this.amount = amount;
    }

    long read() {
      return written + Run.total(dropped) + Run.total(faults);
    }

    /** Returns what the models did, and for how many candidates if they have several rows. */
    Map<String, Double> figures(ModelCounters counters) {
      Map<String, Double> figures = new TreeMap<>(counters.figures());
      if (candidates != read()) {
        figures.put(CANDIDATES, (double) candidates);
      }
      return figures;
    }

    /**
     * Works on {@code rows} and commits them, again while rows are found that end processes.
     *
     * @param count of the rows, or about that
     */
    void commit(JavaRDD<Row> rows, long count) {
      spending.begin(count);
      try {
        commit(rows);
        candidates += count;
      } finally {
        // Whatever became of it was paid for.
        spending.record();
      }
    }

    private void commit(JavaRDD<Row> rows) {
      RowJournal journal = RowJournal.open(context, table, key);
      Set<String> done;
      while (true) {
        try {
          done = new HashSet<>(tryCommit(rows, journal));
          break;
        } catch (JobException e) {
          throw e;
        } catch (Exception e) {
          // Spark's exceptions are not declared. What rows have nothing to do with goes on.
          RowJournal now = journal.reread();
          if (!now.knowsMoreThan(journal)) {
            throw e;
          }
          journal = now;
        }
      }
      // Not to be tried again with the batch, which would be committed once more.
      done.addAll(committed(journal.suspects()));
      journal.clear(done);
    }

    /** Returns those of the keys that are in the table and not to be worked on again. */
    private Set<String> committed(Set<String> keys) {
      return keys.isEmpty()
          ? keys
          : among(done(context, context.warehouse().readAsSeen(table)), keys);
    }

    private Set<String> among(Dataset<Row> rows, Set<String> keys) {
      return rows
          .where(functions.col(key).isin(keys.toArray()))
          .select(key)
          .as(Encoders.STRING())
          .collectAsList()
          .stream()
          .collect(Collectors.toSet());
    }

    /** Returns which of the journal's suspects were in what is committed now. */
    private Set<String> tryCommit(JavaRDD<Row> rows, RowJournal journal) {
      MapPartitionsFunction<Row, Row> how = work.apply(journal);
      Dataset<Row> outcome =
          context
              .spark()
              .createDataFrame(rows.mapPartitions(how::call), table.schema())
              .persist(StorageLevel.MEMORY_AND_DISK());
      try {
        List<Row> counts = outcome.groupBy("drop_reason").count().collectAsList();
        // Before the commit: after it, the rows would not be worked on again.
        spending.record();
        if (counts.isEmpty()) {
          return Set.of();
        }
        check(outcome, counts);
        Set<String> suspects = journal.suspects();
        Set<String> done = suspects.isEmpty() ? suspects : among(outcome, suspects);
        write(outcome);
        commits++;
        counts.forEach(this::add);
        return done;
      } finally {
        outcome.unpersist();
      }
    }

    private void write(Dataset<Row> outcome) {
      if (amount.again == 0) {
        context.warehouse().append(table, outcome);
        return;
      }
      // Step select sees to pairs that failed; a verdict does not tell that a score had failed.
      if (table == Table.SCORES) {
        Dataset<Row> dropped =
            context
                .warehouse()
                .latest(Table.SELECTIONS)
                .where(functions.col("drop_reason").isNotNull());
        Dataset<Row> judged =
            dropped
                .join(outcome.select("pair_id"), new String[] {"pair_id"}, "left_semi")
                .select("pair_id");
        if (!judged.isEmpty()) {
          // Those in whose place one of these was to be kept, too.
          Dataset<Row> duplicates =
              dropped
                  .select(functions.col("pair_id").as("duplicate"), functions.col("duplicate_of"))
                  .join(judged, functions.col("duplicate_of").equalTo(functions.col("pair_id")))
                  .select("duplicate");
          context
              .warehouse()
              .delete(Table.SELECTIONS, "pair_id", judged.union(duplicates).distinct());
        }
      }
      // In the place of what failed before.
      context.warehouse().put(table, key, outcome);
    }

    private void add(Row count) {
      if (count.isNullAt(0)) {
        written += count.getLong(1);
      } else {
        (RowFaults.isFault(count.getString(0)) ? faults : dropped)
            .merge(count.getString(0), count.getLong(1), Long::sum);
      }
    }

    /** Holds the batch, with what this run and earlier ones have committed, to the error budget. */
    private void check(Dataset<Row> outcome, List<Row> counts) {
      Map<String, Long> now = new TreeMap<>();
      counts.stream()
          .filter(row -> !row.isNullAt(0) && RowFaults.isFault(row.getString(0)))
          .forEach(row -> now.put(row.getString(0), row.getLong(1)));
      // Or a run that is tried again would have a budget of its own each time.
      Map<String, Long> bad = new TreeMap<>(now);
      faults.forEach((reason, rows) -> bad.merge(reason, rows, Long::sum));
      amount.faults.forEach((reason, rows) -> bad.merge(reason, rows, Long::sum));
      long read =
          read()
              + counts.stream().mapToLong(row -> row.getLong(1)).sum()
              + (amount.all - amount.fresh);
      ErrorBudget budget = context.recipe().errors();
      if (now.isEmpty() || budget.allows(Run.total(bad), read)) {
        return;
      }
      List<String> columns = Arrays.asList(table.schema().fieldNames());
      String subject =
          Stream.of("sample_id", "content_id").filter(columns::contains).findFirst().orElseThrow();
      List<Row> example =
          outcome
              .where(functions.col("drop_reason").isin(now.keySet().toArray()))
              .select(subject, "drop_reason", "drop_detail")
              .takeAsList(1);
      throw new TooManyBadRowsException(
          "Too many bad rows: %s of %s for table %s (%s). Allowed are %s rows and a share of %s; raise errors.max-rows or errors.max-share, or mend the cause.%s%s %s"
              .formatted(
                  Run.total(bad),
                  read,
                  table.tableName(),
                  bad,
                  budget.maxRows(),
                  budget.maxShare(),
                  example.stream()
                      .map(
                          row ->
                              " One of them: %s %s, %s: %s."
                                  .formatted(
                                      subject.replace("_id", ""),
                                      row.get(0),
                                      row.get(1),
                                      row.get(2)))
                      .collect(Collectors.joining()),
                  amount.faults.isEmpty()
                      ? ""
                      : " Earlier runs left %s of them; recovery.again names what is worked on again."
                          .formatted(Run.total(amount.faults)),
                  commits == 0
                      ? "Nothing was written."
                      : "%s batches before this one are written.".formatted(commits)));
    }
  }
}

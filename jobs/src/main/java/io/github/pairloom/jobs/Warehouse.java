package io.github.pairloom.jobs;

import io.delta.exceptions.DeltaConcurrentModificationException;
import io.delta.tables.DeltaMergeBuilder;
import io.delta.tables.DeltaTable;
import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.schemas.Table;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.delta.DeltaLog;
import org.apache.spark.sql.delta.Snapshot;
import org.apache.spark.sql.delta.stats.DeltaScan;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import scala.Option;
import scala.collection.immutable.List$;

/**
 * A folder of Delta tables, one per {@link Table}, created as they are first needed.
 *
 * <p>What a step writes follows from what it has read of the same table, so two runs at once would
 * each add what the other adds, or put their rows in the place of what the other has just found. A
 * write therefore stands for one version of the table, the one after the version that was read, as
 * its Delta transaction identifier: of two that stand for the same one, the second fails.
 */
public final class Warehouse {
  /** Delta's name of who writes; versions count per table. */
  private static final String APPLICATION = "pairloom";

  /** What a commit's transaction and metadata are called by, for commands without options. */
  private static final String TRANSACTION_APPLICATION = "spark.databricks.delta.write.txnAppId";

  private static final String TRANSACTION_VERSION = "spark.databricks.delta.write.txnVersion";

  private static final String METADATA = "spark.databricks.delta.commitInfo.userMetadata";

  /** What Hadoop takes for a pattern of file names. */
  private static final Pattern PATTERN = Pattern.compile("[\\[\\]{}*?\\\\]");

  /** How long a table may take another run to create. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final SparkSession spark;
  private final String root;
  private final boolean readOnly;

  /** Asking Delta each time would read the table's log each time. */
  private final Set<Table> known = ConcurrentHashMap.newKeySet();

  /** Version of each table that was last read or written. */
  private final Map<Table, Long> versions = new ConcurrentHashMap<>();

  /** Files of each table as it was last read. */
  private final Map<Table, Files> files = new ConcurrentHashMap<>();

  /**
   * @param root folder or URI of any file system Spark reaches
   */
  public Warehouse(SparkSession spark, String root) {
    this(spark, root, false);
  }

  private Warehouse(SparkSession spark, String root, boolean readOnly) {
    this.spark = spark;
    this.readOnly = readOnly;
    this.root = root.endsWith("/") ? root.substring(0, root.length() - 1) : root;
  }

  /** Returns a warehouse that is only read: a table that is not there has no rows. */
  public static Warehouse readOnly(SparkSession spark, String root) {
    return new Warehouse(spark, root, true);
  }

  /** Returns the folder, without a slash at its end. */
  public String root() {
    return root;
  }

  /** Returns the folder of {@code table}. */
  public String path(Table table) {
    return root + "/" + table.tableName();
  }

  /**
   * Returns the rows of {@code table} as they are now, whatever is committed later; the table is
   * created if it is not there.
   */
  public Dataset<Row> read(Table table) {
    long version = version(table);
    return version < 0
        ? spark.createDataFrame(List.of(), table.schema())
        : readAsOf(table, version);
  }

  /**
   * Returns the number of the last commit to {@code table}; the table is created if it is not
   * there. In a warehouse that is only read it is not: then the number is -1.
   */
  public long version(Table table) {
    create(table);
    long version = log(table).latest();
    versions.put(table, version);
    return version;
  }

  /**
   * Returns Delta's id of {@code table}, which one that is made anew has another of; the table is
   * created if it is not there.
   */
  public String id(Table table) {
    create(table);
    // The command that tells details of a table looks at all of its files.
    return newest(table).metadata().id();
  }

  private Snapshot newest(Table table) {
    return DeltaLog.forTable(spark, path(table)).update(false, Option.empty(), Option.empty());
  }

  /**
   * Returns the rows of {@code table} as of commit {@code version}. What is committed later is not
   * seen, however often and late the rows are computed.
   */
  public Dataset<Row> readAsOf(Table table, long version) {
    Dataset<Row> rows = rows(table, version);
    List<String> there = List.of(rows.columns());
    for (String column : table.schema().fieldNames()) {
      if (!there.contains(column)) {
        throw new JobException(
            "Table %s in %s has no column %s: another version of Pairloom made it. Name another warehouse, or delete folder %s and run its step again, which makes all of its rows anew"
                .formatted(table.tableName(), root, column, path(table)));
      }
    }
    return rows;
  }

  private Dataset<Row> rows(Table table, long version) {
    Snapshot newest = newest(table);
    if (newest.version() != version) {
      return spark.read().format("delta").option("versionAsOf", version).load(path(table));
    }
    // Delta runs a job for every query to list the files that it has to read, which takes longer
    // than most queries of a step: they are listed once for all queries of a version. None is
    // passed
    // over by its statistics then, which tell nothing of hashes, as most keys are.
    Files listed =
        files.compute(
            table,
            (t, last) ->
                last != null && last.of() == newest
                    ? last
                    : new Files(newest, newest.filesForScan(List$.MODULE$.empty(), false)));
    return newest.deltaLog().createDataFrame(newest, listed.scan().files(), false, Option.empty());
  }

  /** The files of a table's version. */
  private record Files(Snapshot of, DeltaScan scan) {}

  /**
   * Returns the rows that commits {@code after + 1} to {@code to} added to {@code table}, without a
   * look at the files of others. (Delta's change feed would do, but its rows go one by one through
   * Java objects of all their columns.)
   *
   * @return nothing where this cannot be told: one of these commits is no longer there or did more
   *     than add rows, as OPTIMIZE does, or Spark would take a file's name for a pattern
   */
  public Optional<Dataset<Row>> added(Table table, long after, long to) {
    StructType schema = readAsOf(table, to).schema();
    return log(table)
        .added(after + 1, to)
        .filter(files -> files.stream().noneMatch(file -> PATTERN.matcher(file).find()))
        .map(
            files ->
                files.isEmpty()
                    ? spark.createDataFrame(List.of(), schema)
                    : spark.read().schema(schema).parquet(files.toArray(String[]::new)));
  }

  /**
   * Returns the rows of {@code table} as of the commit that this warehouse last read or wrote, none
   * if the table was not there. What another run has added since does not count as seen by that.
   */
  public Dataset<Row> readAsSeen(Table table) {
    Long seen = versions.get(table);
    if (seen == null) {
      return latest(table);
    }
    // The first commit makes the table. Spark leaves out joins with what is known to be empty.
    return seen <= 0 ? spark.createDataFrame(List.of(), table.schema()) : readAsOf(table, seen);
  }

  /**
   * Returns the rows of {@code table} as they are now, whatever is committed later; none if the
   * table is not there.
   */
  public Dataset<Row> latest(Table table) {
    versions.put(table, Math.max(0, log(table).latest()));
    return readAsSeen(table);
  }

  /**
   * Adds {@code rows} to {@code table} in one commit. Columns are taken by name.
   *
   * @throws JobException if another run has added to the table since this one read it; nothing is
   *     added then
   */
  public void append(Table table, Dataset<Row> rows) {
    checkWritable();
    create(table);
    DataFrameWriter<Row> writer =
        rows.select(columns(table)).write().format("delta").mode("append");
    if (table == Table.RUNS) {
      // A row of its own for every run, which follows from nothing.
      writer.save(path(table));
      return;
    }
    commit(table, writer);
  }

  /** What commits to a table under the version that was seen of it and a name of its own. */
  private interface Commit {
    void run(long seen, String name);
  }

  private void commit(Table table, DataFrameWriter<Row> writer) {
    commit(
        table,
        (seen, commit) ->
            writer
                .option("txnAppId", APPLICATION)
                .option("txnVersion", seen + 1)
                .option("userMetadata", commit)
                .save(path(table)));
  }

  private void commit(Table table, Commit commit) {
    long seen = versions.computeIfAbsent(table, t -> log(t).latest());
    String name = UUID.randomUUID().toString();
    try {
      commit.run(seen, name);
    } catch (DeltaConcurrentModificationException e) {
      throw anotherRun(table, e);
    }
    // Delta leaves out a write whose version is taken, without a word.
    OptionalLong version = log(table).find(name, seen);
    versions.put(table, version.orElseThrow(() -> anotherRun(table, null)));
  }

  /**
   * Puts {@code rows} in the place of those of {@code table} for which {@code where} holds, in one
   * commit. Until then the table is to be read by {@link #readAsSeen} alone, once what the rows
   * follow from is read: a later version than that would count as seen.
   *
   * @param where a condition in SQL that all of {@code rows} meet
   * @throws JobException if another run has changed the table since this one read it; nothing is
   *     put then
   */
  public void replace(Table table, String where, Dataset<Row> rows) {
    checkWritable();
    create(table);
    commit(
        table,
        rows.select(columns(table))
            .write()
            .format("delta")
            .mode("overwrite")
            .option("replaceWhere", where));
  }

  /**
   * Puts {@code rows} into {@code table}, each in the place of the one with its key if there is
   * one, in one commit.
   *
   * @throws JobException if another run has changed the table since this one read it; nothing is
   *     put then
   */
  public void put(Table table, String key, Dataset<Row> rows) {
    merge(
        table,
        () ->
            merged(table, key, rows)
                .whenMatched()
                .updateAll()
                .whenNotMatched()
                .insertAll()
                .execute());
  }

  /**
   * Takes the rows of {@code table} away that have the key of one of {@code ids}, in one commit.
   *
   * @throws JobException if another run has changed the table since this one read it; nothing is
   *     taken away then
   */
  public void delete(Table table, String key, Dataset<Row> ids) {
    merge(table, () -> merged(table, key, ids).whenMatched().delete().execute());
  }

  private DeltaMergeBuilder merged(Table table, String key, Dataset<Row> rows) {
    return DeltaTable.forPath(spark, path(table))
        .as("old")
        .merge(rows.as("new"), "old.%1$s = new.%1$s".formatted(key));
  }

  private void merge(Table table, Runnable merge) {
    checkWritable();
    create(table);
    commit(
        table,
        (seen, name) -> {
          Map<String, String> identity =
              Map.of(
                  TRANSACTION_APPLICATION,
                  APPLICATION,
                  TRANSACTION_VERSION,
                  Long.toString(seen + 1),
                  METADATA,
                  name);
          scala.collection.immutable.Map<String, String> before = spark.conf().getAll();
          identity.forEach(spark.conf()::set);
          try {
            merge.run();
          } finally {
            for (String setting : identity.keySet()) {
              Option<String> value = before.get(setting);
              if (value.isDefined()) {
                spark.conf().set(setting, value.get());
              } else {
                spark.conf().unset(setting);
              }
            }
          }
        });
  }

  private void checkWritable() {
    if (readOnly) {
      throw new IllegalStateException("Warehouse " + root + " was opened to be read");
    }
  }

  private JobException anotherRun(Table table, Throwable cause) {
    return new JobException(
        "Another run has added to table %s in %s since this one read it, so this one stopped before it added the same rows. Wait for the other run, then start this one again: it goes on with what is left."
            .formatted(table.tableName(), root),
        cause);
  }

  private DeltaLogFiles log(Table table) {
    return new DeltaLogFiles(spark.sparkContext().hadoopConfiguration(), path(table));
  }

  /** Adds {@code records} to {@code table} in one commit; none makes no commit. */
  public <T extends Record> void append(Table table, RecordCodec<T> codec, List<T> records) {
    if (!records.isEmpty()) {
      List<Row> rows = records.stream().map(codec::toRow).toList();
      append(table, spark.createDataFrame(rows, codec.schema()));
    }
  }

  private static Column[] columns(Table table) {
    return Arrays.stream(table.schema().fieldNames()).map(functions::col).toArray(Column[]::new);
  }

  private void create(Table table) {
    if (readOnly || known.contains(table)) {
      return;
    }
    if (!tryCreate(table) && !createdByAnother(table)) {
      log(table).deleteUnlessCommitted();
      if (!tryCreate(table)) {
        throw new JobException(
            "Cannot create table %s: folder %s holds files that are no Delta table's. Move them away, or name another warehouse"
                .formatted(table.tableName(), path(table)));
      }
    }
    known.add(table);
  }

  /** Returns whether the table is there now: where its folder has files, Delta may do nothing. */
  private boolean tryCreate(Table table) {
    if (log(table).latest() < 0) {
      try {
        spark.sql(table.createStatement("delta.`" + path(table) + "`"));
      } catch (Exception e) {
        // Of the folder's files, or of another run that creates the table too.
        if (!(e instanceof AnalysisException
            || e instanceof DeltaConcurrentModificationException)) {
          throw e;
        }
      }
    }
    return log(table).latest() >= 0;
  }

  /** Waits for a run that creates the table, if there is one: its log is there before a commit. */
  private boolean createdByAnother(Table table) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (log(table).latest() < 0) {
      if (System.nanoTime() > end) {
        return false;
      }
      try {
        Thread.sleep(100);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return true;
  }
}

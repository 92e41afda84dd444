package io.github.pairloom.jobs;

import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.schemas.Table;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;

/** A folder of Delta tables, one per {@link Table}, created as they are first needed. */
public final class Warehouse {
  private static final Pattern COMMIT = Pattern.compile("(\\d{20})\\.json");

  private final SparkSession spark;
  private final String root;

  /** Asking Delta each time would read the table's log each time. */
  private final Set<Table> known = ConcurrentHashMap.newKeySet();

  /**
   * @param root folder or URI of any file system Spark reaches
   */
  public Warehouse(SparkSession spark, String root) {
    this.spark = spark;
    this.root = root.endsWith("/") ? root.substring(0, root.length() - 1) : root;
  }

  /** Returns the folder, without a slash at its end. */
  public String root() {
    return root;
  }

  /** Returns the folder of {@code table}. */
  public String path(Table table) {
    return root + "/" + table.tableName();
  }

  /** Returns the rows of {@code table}; the table is created if it is not there. */
  public Dataset<Row> read(Table table) {
    create(table);
    return spark.read().format("delta").load(path(table));
  }

  /**
   * Returns the number of the last commit to {@code table}; the table is created if it is not
   * there.
   */
  public long version(Table table) {
    create(table);
    return lastCommit(table)
        .orElseThrow(() -> new JobException("Delta table " + path(table) + " has no commits"));
  }

  /**
   * Asks the log itself, whose files are named by the commits' numbers: Delta takes a job to say.
   */
  private OptionalLong lastCommit(Table table) {
    Path log = new Path(path(table), "_delta_log");
    try {
      FileSystem files = log.getFileSystem(spark.sessionState().newHadoopConf());
      return Arrays.stream(files.listStatus(log))
          .map(file -> COMMIT.matcher(file.getPath().getName()))
          .filter(Matcher::matches)
          .mapToLong(commit -> Long.parseLong(commit.group(1)))
          .max();
    } catch (FileNotFoundException e) {
      return OptionalLong.empty();
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot list Delta log " + log, e);
    }
  }

  /**
   * Returns the rows of {@code table} as of commit {@code version}. What is committed later is not
   * seen, however often and late the rows are computed.
   */
  public Dataset<Row> readAsOf(Table table, long version) {
    return spark.read().format("delta").option("versionAsOf", version).load(path(table));
  }

  /**
   * Returns the rows of {@code table} as they are now, whatever is committed later; none if the
   * table is not there.
   */
  public Dataset<Row> latest(Table table) {
    long last = lastCommit(table).orElse(0);
    // The first commit makes the table. Spark leaves out joins with what is known to be empty.
    return last == 0 ? spark.createDataFrame(List.of(), table.schema()) : readAsOf(table, last);
  }

  /** Adds {@code rows} to {@code table} in one commit. Columns are taken by name. */
  public void append(Table table, Dataset<Row> rows) {
    create(table);
    rows.select(columns(table)).write().format("delta").mode("append").save(path(table));
  }

  /**
   * Puts {@code rows} in the place of those of {@code table} for which {@code where} holds, in one
   * commit.
   *
   * @param where a condition in SQL that all of {@code rows} meet
   */
  public void replace(Table table, String where, Dataset<Row> rows) {
    create(table);
    rows.select(columns(table))
        .write()
        .format("delta")
        .mode("overwrite")
        .option("replaceWhere", where)
        .save(path(table));
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
    if (!known.contains(table)) {
      if (lastCommit(table).isEmpty()) {
        spark.sql(table.createStatement("delta.`" + path(table) + "`"));
      }
      known.add(table);
    }
  }
}

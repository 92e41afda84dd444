package io.github.pairloom.jobs;

import io.github.pairloom.jobs.recipe.RemoteSettings;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.remote.ChatEndpoint;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.function.Supplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * What a recipe has spent on models behind HTTP in all its runs on a warehouse, and how much of it
 * the cap leaves for the next batch.
 *
 * <p>What a batch cost is written down before the batch is committed, a small file each, so that a
 * run that is started again, by whomever, knows it. A driver that is killed in a batch leaves that
 * batch's cost unknown; its answers are kept, and so not paid for twice.
 */
public final class Spending {
  /** Rows of a slice: what the first one costs tells how many are affordable. */
  private static final int PROBE_ROWS = 100;

  /** Slices that a shuffle is not too many files for, if it has not more without a cap. */
  private static final int MOST_SLICES = 10_000;

  private static final double NANOS = 1e9;

  /**
   * What was spent.
   *
   * @param tokens read and written
   * @param nanoCost in billionths of the currency of the endpoints' prices
   */
  public record Amount(long tokens, long nanoCost) {
    static final Amount NONE = new Amount(0, 0);

    Amount plus(Amount other) {
      return new Amount(tokens + other.tokens, nanoCost + other.nanoCost);
    }

    Amount minus(Amount other) {
      return new Amount(tokens - other.tokens, nanoCost - other.nanoCost);
    }

    /** Returns the cost in the currency of the endpoints' prices. */
    public double cost() {
      return nanoCost / NANOS;
    }
  }

  /** What a batch of so many rows cost. */
  private record Batch(Amount amount, long rows) {}

  private final Configuration hadoop;
  private final Path folder;
  private final RemoteSettings cap;
  private final boolean capped;
  private final Supplier<Amount> spent;
  private Amount before = Amount.NONE;
  private Amount recorded = Amount.NONE;

  /** Most of the cap that a row took, on the average of its batch. */
  private double dearestRow;

  private long batchRows;
  private Amount batchCost = Amount.NONE;

  /**
   * @param folder where what was spent is written down
   * @param capped whether {@code cap} is to be minded
   * @param spent gives what this step has spent so far
   */
  Spending(
      Configuration hadoop,
      Path folder,
      RemoteSettings cap,
      boolean capped,
      Supplier<Amount> spent) {
    this.hadoop = hadoop;
    this.folder = folder;
    this.cap = cap;
    this.capped = capped;
    this.spent = spent;
    if (capped) {
      for (Batch batch : read(hadoop, folder)) {
        before = before.plus(batch.amount);
        dearestRow = Math.max(dearestRow, share(batch.amount) / Math.max(1, batch.rows));
      }
    }
  }

  /**
   * Returns the spending of a step that fills {@code table}.
   *
   * @param counters what the step counts in
   */
  static Spending open(StepContext context, Table table, ModelCounters counters) {
    RemoteSettings cap = context.recipe().remote();
    // Only pairs are made by models behind HTTP.
    boolean asks =
        table == Table.PAIRS
            && Settings.within(context.recipe().reject(), ChatEndpoint.class).findAny().isPresent();
    return new Spending(
        context.spark().sparkContext().hadoopConfiguration(),
        folder(context),
        cap,
        asks && cap.isCapped(),
        counters::spent);
  }

  /** Returns what the recipe has spent in all its runs on the warehouse. */
  public static Amount soFar(StepContext context) {
    return read(context.spark().sparkContext().hadoopConfiguration(), folder(context)).stream()
        .map(Batch::amount)
        .reduce(Amount.NONE, Amount::plus);
  }

  private static Path folder(StepContext context) {
    return new Path(context.warehouse().root(), "_spending/" + context.recipe().name());
  }

  /** Returns whether the step may have to stop. */
  boolean isCapped() {
    return capped;
  }

  /**
   * Returns how many slices {@code rows} are cut into, of which batches are made.
   *
   * @param batches that they make without a cap
   * @param tasks of each of these
   */
  int slices(long rows, int batches, int tasks) {
    if (!capped) {
      return batches;
    }
    // No more: a few rows of a slice that are dear would be taken for what all rows cost, for good.
    long probes = (rows + PROBE_ROWS - 1) / PROBE_ROWS;
    long most = Math.max(MOST_SLICES, (long) batches * tasks);
    return Math.toIntExact(Math.max(batches, Math.min(most, probes)));
  }

  /**
   * Returns how many slices the next batch may have.
   *
   * @param rows of each slice
   * @param from the first that is not done
   * @param most rows of a batch
   * @throws SpendingCapException if not even one with rows is affordable
   */
  int affordable(long[] rows, int from, long most) {
    if (!capped) {
      return 1;
    }
    int slices = 1;
    while (rows[from + slices - 1] == 0 && from + slices < rows.length) {
      slices++;
    }
    long taken = rows[from + slices - 1];
    if (taken == 0) {
      return slices;
    }
    double remaining = 1 - share(before.plus(recorded));
    if (remaining <= 0 || taken * dearestRow > remaining) {
      throw new SpendingCapException(message(rows, from));
    }
    // Rows whose answers were kept cost nothing, and those after them may: so batches grow slowly.
    long mostNow = Math.min(most, Math.max(dearestRow == 0 ? 0 : PROBE_ROWS, 2 * batchRows));
    while (from + slices < rows.length
        && taken + rows[from + slices] <= mostNow
        && (taken + rows[from + slices]) * dearestRow <= remaining) {
      taken += rows[from + slices];
      slices++;
    }
    return slices;
  }

  /** Notes that a batch of so many rows begins. */
  void begin(long rows) {
    batchRows = rows;
    batchCost = Amount.NONE;
  }

  /** Writes down what the batch has cost since the last call. */
  void record() {
    Amount now = spent.get();
    Amount more = now.minus(recorded);
    recorded = now;
    if (!more.equals(Amount.NONE)) {
      write(new Batch(more, batchRows));
      batchCost = batchCost.plus(more);
      dearestRow = Math.max(dearestRow, share(batchCost) / Math.max(1, batchRows));
    }
  }

  /** Returns how much of the cap {@code amount} is: 1 is all of it. */
  private double share(Amount amount) {
    double tokens = cap.maxTokens() == 0 ? 0 : (double) amount.tokens / cap.maxTokens();
    double cost = cap.maxCost() == 0 ? 0 : amount.cost() / cap.maxCost();
    return Math.max(tokens, cost);
  }

  private String message(long[] rows, int from) {
    Amount all = before.plus(recorded);
    return String.format(
        Locale.ROOT,
        "Stopped at the recipe's cap: its runs on this warehouse have spent %d tokens (remote.max-tokens: %s) and %.6g (remote.max-cost: %s) on models behind HTTP, and the next batch would go over. %s of this run's %s rows are done and stay. To go on, raise the cap and run the step again: it does what is left, and no answer is paid for twice.",
        all.tokens,
        cap.maxTokens() == 0 ? "none" : Long.toString(cap.maxTokens()),
        all.cost(),
        cap.maxCost() == 0 ? "none" : Double.toString(cap.maxCost()),
        Arrays.stream(rows, 0, from).sum(),
        Arrays.stream(rows).sum());
  }

  private void write(Batch batch) {
    String name = UUID.randomUUID().toString();
    Path unfinished = new Path(folder, "." + name);
    try {
      FileSystem files = folder.getFileSystem(hadoop);
      try (OutputStream out = files.create(unfinished, false)) {
        String line = batch.amount.tokens + " " + batch.amount.nanoCost + " " + batch.rows;
        out.write(line.getBytes(StandardCharsets.UTF_8));
      }
      if (!files.rename(unfinished, new Path(folder, name))) {
        throw new IOException("the file could not be renamed");
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot write down in " + folder + " what was spent: " + e, e);
    }
  }

  private static List<Batch> read(Configuration hadoop, Path folder) {
    List<Batch> batches = new ArrayList<>();
    try {
      FileSystem files = folder.getFileSystem(hadoop);
      for (FileStatus file : files.listStatus(folder)) {
        if (!file.getPath().getName().startsWith(".")) {
          try (InputStream in = files.open(file.getPath())) {
            String[] parts = new String(in.readAllBytes(), StandardCharsets.UTF_8).split(" ", 3);
            batches.add(
                new Batch(
                    new Amount(Long.parseLong(parts[0]), Long.parseLong(parts[1])),
                    Long.parseLong(parts[2])));
          }
        }
      }
    } catch (FileNotFoundException e) {
      return List.of();
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read in " + folder + " what was spent: " + e, e);
    }
    return batches;
  }
}

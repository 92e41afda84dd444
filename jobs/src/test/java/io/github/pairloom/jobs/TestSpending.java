package io.github.pairloom.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.recipe.RemoteSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestSpending {
  private static final int MOST = 2000;

  @TempDir Path folder;
  private Spending.Amount spent = Spending.Amount.NONE;

  @Test
  void noSliceIsSmallerThanAProbeUnlessBatchesAre() {
    Spending spending = open();
    assertEquals(2, spending.slices(150, 1, 200));
    assertEquals(200, spending.slices(20_000, 1, 3));
    assertEquals(10_000, spending.slices(10_000_000, 500, 3));
    assertEquals(100_000, spending.slices(10_000_000, 500, 200));
    assertEquals(6, spending.slices(6, 6, 3));
  }

  @Test
  void batchesGrowWhereRowsCostNothingAndNoneIsOfSlicesWithoutRows() {
    Spending spending = open();
    long[] rows = new long[60];
    Arrays.fill(rows, 2, 59, 100);
    List<Integer> batches = new ArrayList<>();
    for (int slice = 0; slice < rows.length; slice += batches.get(batches.size() - 1)) {
      batches.add(run(spending, rows, slice, 0));
    }
    assertEquals(List.of(3, 2, 4, 8, 16, 20, 7), batches);
  }

  @Test
  void whatAllRunsHaveSpentStopsBeforeTheSliceThatWouldGoOver() {
    Spending spending = open();
    long[] rows = {100, 100, 100, 0};
    assertEquals(1, run(spending, rows, 0, 400));
    assertEquals(1, run(spending, rows, 1, 400));
    assertStops(spending, rows, 2);
    assertEquals(1, spending.affordable(rows, 3, MOST), "without rows it costs nothing");
    assertStops(open(), rows, 0);
  }

  private void assertStops(Spending spending, long[] rows, int from) {
    SpendingCapException e =
        assertThrows(SpendingCapException.class, () -> spending.affordable(rows, from, MOST));
    assertTrue(e.getMessage().contains("have spent 800 tokens"), e.getMessage());
    assertTrue(e.getMessage().contains(100 * from + " of this run's 300 rows"), e.getMessage());
  }

  /** Runs a batch that costs so many tokens; returns its slices. */
  private int run(Spending spending, long[] rows, int from, long tokens) {
    int slices = spending.affordable(rows, from, MOST);
    spending.begin(Arrays.stream(rows, from, from + slices).sum());
    spent = spent.plus(new Spending.Amount(tokens, 0));
    spending.record();
    return slices;
  }

  private Spending open() {
    spent = Spending.Amount.NONE;
    return new Spending(
        new Configuration(),
        new org.apache.hadoop.fs.Path(folder.toUri()),
        new RemoteSettings(true, 1000, 0),
        true,
        () -> spent);
  }
}

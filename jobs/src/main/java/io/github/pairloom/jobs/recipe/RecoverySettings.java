package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.jobs.RowFaults;
import io.github.pairloom.udfs.Setting;
import java.io.Serializable;
import java.util.List;

/**
 * How a run gets over crashes, and over rows that cause them.
 *
 * @param batchRows rows that a model step works on and commits at once, so the most that a crash
 *     costs; rows about one image stay together
 * @param rowSeconds how long a task may go on without a row begun or done, or an answer of an
 *     endpoint that it waits for, before what it works on is taken to hang
 * @param again reason codes of faults that pass
 */
public record RecoverySettings(
    @Setting(
            value =
                "Rows that a model step works on and commits at once, at least 1: the most that a"
                    + " crash costs. Rows about one image stay together",
            defaults = "20000")
        int batchRows,
    @Setting(
            value =
                "Seconds that a task may go on without a row begun or done, or an answer of an"
                    + " endpoint that it waits for, at least 1 and more than an endpoint's"
                    + " timeout-seconds times its tries; what it works on then is taken to hang",
            defaults = "900")
        int rowSeconds,
    @Setting(
            value =
                "Reason codes of faults that pass: a row that a model step dropped for one of them is"
                    + " worked on again by the next run, as if it had not been. Others stay dropped"
                    + " until they are named here, such as model-failed, process-died, timed-out,"
                    + " image-missing",
            defaults = "[endpoint-failed, image-unreadable, out-of-memory]")
        List<String> again)
    implements Serializable {
  public RecoverySettings {
    check(batchRows >= 1, "Invalid batch-rows: %s (must be at least 1)", batchRows);
    check(rowSeconds >= 1, "Invalid row-seconds: %s (must be at least 1)", rowSeconds);
    again = List.copyOf(again);
    List<String> unknown = again.stream().filter(reason -> !RowFaults.isFault(reason)).toList();
    check(unknown.isEmpty(), "Invalid again: %s (must be of %s)", unknown, RowFaults.ALL);
  }
}

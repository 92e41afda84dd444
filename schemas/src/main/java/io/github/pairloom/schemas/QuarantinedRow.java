package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;
import static java.util.Objects.requireNonNull;

/**
 * One row of {@code quarantine}: a source row that did not become a sample, and why.
 *
 * @param quarantineId SHA-256 (hex) over source, sourceRow and reason
 * @param source name of the source
 * @param sourceRow where the row came from, as {@code shard#row} or {@code shard#row/turn}
 * @param disposition {@link #QUARANTINED} or {@link #DROPPED}
 * @param reason stable reason code in kebab-case
 * @param detail what was found
 * @param payload start of the row as it was read, of a redundant one its further fields; null where
 *     nothing could be read, or there are none
 */
public record QuarantinedRow(
    String quarantineId,
    String source,
    String sourceRow,
    String disposition,
    String reason,
    String detail,
    String payload) {
  public static final RecordCodec<QuarantinedRow> CODEC =
      RecordCodec.of(Table.QUARANTINE, QuarantinedRow.class);

  /** The row is bad. */
  public static final String QUARANTINED = "quarantined";

  /** The row is good but redundant. */
  public static final String DROPPED = "dropped";

  public QuarantinedRow {
    checkId("quarantine_id", quarantineId);
    checkNotBlank("source", source);
    checkNotBlank("source_row", sourceRow);
    check(
        QUARANTINED.equals(disposition) || DROPPED.equals(disposition),
        "Invalid disposition: %s (must be quarantined or dropped)",
        disposition);
    check(
        reason != null && reason.matches("[a-z0-9]+(-[a-z0-9]+)*"),
        "Invalid reason: %s (must be a code in kebab-case)",
        reason);
    requireNonNull(detail, "detail is null");
    detail = Printable.cut(detail, Printable.DETAIL);
    payload = payload == null ? null : Printable.cut(payload, Printable.PAYLOAD);
  }

  /** Returns the row of a bad source row. */
  public static QuarantinedRow bad(
      String source, String sourceRow, String reason, String detail, String payload) {
    return of(source, sourceRow, QUARANTINED, reason, detail, payload);
  }

  /**
   * Returns the row of a good but redundant source row.
   *
   * @param extra its further fields, which its twin need not have; may be null
   */
  public static QuarantinedRow redundant(
      String source, String sourceRow, String reason, String detail, String extra) {
    return of(source, sourceRow, DROPPED, reason, detail, extra);
  }

  private static QuarantinedRow of(
      String source,
      String sourceRow,
      String disposition,
      String reason,
      String detail,
      String payload) {
    String id = new ContentId().add(source).add(sourceRow).add(reason).toHex();
    return new QuarantinedRow(id, source, sourceRow, disposition, reason, detail, payload);
  }
}

package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;

/**
 * One row of {@code responses}: a reference response, the good side of a pair.
 *
 * @param responseId SHA-256 (hex) over sample, origin, settings and ordinal
 * @param sampleId key into {@code samples}
 * @param ordinal number of the response among those of the sample, from 0
 * @param text the response; null where none could be made
 * @param origin {@link #SOURCE} or {@link #MODEL}
 * @param cutOff whether the model reached its token limit before its end of sequence
 * @param dropReason why the response may not be used; null where it may
 * @param dropDetail what was found, where the reason alone does not say; may be null
 * @param provenance how it was made; null for {@link #SOURCE}
 */
public record Response(
    String responseId,
    String sampleId,
    int ordinal,
    String text,
    String origin,
    boolean cutOff,
    String dropReason,
    String dropDetail,
    Provenance provenance) {
  public static final RecordCodec<Response> CODEC = RecordCodec.of(Table.RESPONSES, Response.class);

  /** Given by the source. */
  public static final String SOURCE = "source";

  /** Written by the model with full sight of the image. */
  public static final String MODEL = "model";

  public Response {
    dropDetail = dropDetail == null ? null : Printable.cut(dropDetail, Printable.DETAIL);
    checkId("response_id", responseId);
    checkId("sample_id", sampleId);
    check(ordinal >= 0, "Invalid ordinal of response %s: %s", responseId, ordinal);
    check(
        text != null || dropReason != null,
        "Invalid response %s: it has neither a text nor a drop_reason",
        responseId);
    check(
        SOURCE.equals(origin) || (MODEL.equals(origin) && provenance != null),
        "Invalid origin of response %s: %s (must be source, or model with its provenance)",
        responseId,
        origin);
  }
}

package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;
import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * One row of {@code pairs}: a reference response and the rejected response a strategy made of it,
 * or the reason why it made none.
 *
 * @param pairId SHA-256 (hex) over response, strategy, its settings, model and seed
 * @param sampleId key into {@code samples}
 * @param imageId key into {@code images}
 * @param responseId key into {@code responses}
 * @param context turns before the prompt, oldest first
 * @param prompt the user turn that both sides answer
 * @param chosen the better response
 * @param rejected the worse response; null where the strategy made none
 * @param strategy how the rejected side was made, such as {@code bdhs-attention}
 * @param iteration iteration whose output was kept, from 1; null where rejected is
 * @param similarity cosine of the sentence embeddings of both sides; null where rejected is
 * @param spans where chosen and rejected differ, in order
 * @param dropReason why the pair may not be used; null where it may
 * @param dropDetail what was found, where the reason alone does not say; may be null
 * @param provenance how the rejected side was made
 */
public record CandidatePair(
    String pairId,
    String sampleId,
    String imageId,
    String responseId,
    List<Turn> context,
    String prompt,
    String chosen,
    String rejected,
    String strategy,
    Integer iteration,
    Double similarity,
    List<Span> spans,
    String dropReason,
    String dropDetail,
    Provenance provenance) {
  public static final RecordCodec<CandidatePair> CODEC =
      RecordCodec.of(Table.PAIRS, CandidatePair.class);

  public CandidatePair {
    dropDetail = dropDetail == null ? null : Printable.cut(dropDetail, Printable.DETAIL);
    checkId("pair_id", pairId);
    checkId("sample_id", sampleId);
    checkId("image_id", imageId);
    checkId("response_id", responseId);
    context = List.copyOf(context);
    requireNonNull(prompt, "prompt is null");
    checkNotBlank("chosen", chosen);
    checkNotBlank("strategy", strategy);
    spans = List.copyOf(spans);
    requireNonNull(provenance, "provenance is null");
    check(
        dropReason != null
            || (rejected != null
                && !rejected.equals(chosen)
                && iteration != null
                && iteration >= 1
                && similarity != null
                && Math.abs(similarity) <= 1.0001),
        "Invalid pair %s: without a drop_reason it needs a rejected text that differs from chosen,"
            + " an iteration from 1 and a cosine (found iteration %s, similarity %s)",
        pairId,
        iteration,
        similarity);
  }
}

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
 * @param condition preferences under which chosen is the better side; may be null
 * @param chosen the better response
 * @param rejected the worse response; null where the strategy made none
 * @param strategy how the rejected side was made, such as {@code bdhs-attention}
 * @param iteration iteration whose output was kept, from 1; null where rejected is
 * @param similarity cosine of the sentence embeddings of both sides; null where rejected is
 * @param spans where chosen and rejected differ, in order
 * @param tokenSpans where they differ, in tokens of the model
 * @param segmentWeight weight in a loss of the tokens within {@code tokenSpans}; others weigh 1
 * @param groupId {@code pair_id} of the first pair of the same strategy and chosen response
 * @param ordinal number of the pair in its group, from 0
 * @param rejects {@link #TEXT} or {@link #IMAGE}
 * @param chosenOrigin {@link #REFERENCE}, or where else the chosen text comes from
 * @param judgement why rejected is the worse side; null where it is so by the way it was made
 * @param failedGates gates that the pair failed, in their order
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
    Condition condition,
    String chosen,
    String rejected,
    String strategy,
    Integer iteration,
    Double similarity,
    List<Span> spans,
    List<Span> tokenSpans,
    double segmentWeight,
    String groupId,
    int ordinal,
    String rejects,
    String chosenOrigin,
    Judgement judgement,
    List<String> failedGates,
    String dropReason,
    String dropDetail,
    Provenance provenance) {
  public static final RecordCodec<CandidatePair> CODEC =
      RecordCodec.of(Table.PAIRS, CandidatePair.class);

  /** The rejected side is another text about the same image. */
  public static final String TEXT = "text";

  /** The rejected side is the chosen text about another view of the image. */
  public static final String IMAGE = "image";

  /** The chosen side is the reference response. */
  public static final String REFERENCE = "reference";

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
    tokenSpans = List.copyOf(tokenSpans);
    check(
        segmentWeight > 0,
        "Invalid segment_weight of pair %s: %s (must be above 0)",
        pairId,
        segmentWeight);
    checkId("group_id", groupId);
    check(
        (ordinal == 0) == groupId.equals(pairId),
        "Invalid group of pair %s: %s, number %s (the first of a group gives it its id)",
        pairId,
        groupId,
        ordinal);
    check(ordinal >= 0, "Invalid ordinal of pair %s: %s (must be at least 0)", pairId, ordinal);
    check(
        rejects.equals(TEXT) || rejects.equals(IMAGE),
        "Invalid rejects of pair %s: %s (must be text or image)",
        pairId,
        rejects);
    checkNotBlank("chosen_origin", chosenOrigin);
    failedGates = List.copyOf(failedGates);
    requireNonNull(provenance, "provenance is null");
    check(
        dropReason != null
            || (rejected != null
                && (rejects.equals(IMAGE) || !rejected.equals(chosen))
                && failedGates.isEmpty()
                && iteration != null
                && iteration >= 1
                && similarity != null
                && Math.abs(similarity) <= 1.0001),
        "Invalid pair %s: without a drop_reason it needs a rejected side that differs from chosen,"
            + " no failed gate, an iteration from 1 and a cosine (found iteration %s, similarity %s)",
        pairId,
        iteration,
        similarity);
  }

  /**
   * Returns this pair as another one.
   *
   * @param id its id
   * @param group id of the first pair of its group, its own if it is that
   * @param number in the group
   */
  public CandidatePair as(String id, String group, int number) {
    return new CandidatePair(
        id,
        sampleId,
        imageId,
        responseId,
        context,
        prompt,
        condition,
        chosen,
        rejected,
        strategy,
        iteration,
        similarity,
        spans,
        tokenSpans,
        segmentWeight,
        group,
        number,
        rejects,
        chosenOrigin,
        judgement,
        failedGates,
        dropReason,
        dropDetail,
        provenance);
  }
}

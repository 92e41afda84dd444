package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;
import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * One row of {@code samples}: an image, a prompt with the turns before it, and, where the source
 * has one, its good response.
 *
 * @param sampleId see {@link #idOf}
 * @param imageId key into {@code images}
 * @param context turns before the prompt, oldest first
 * @param prompt the user turn to be answered
 * @param condition preferences under which the response is good; may be null
 * @param response the good response; null where the source gives none
 * @param source name of the source
 * @param sourceRow where the row came from, as {@code shard#row/turn}
 * @param extra fields of the source row that Pairloom does not read, as one JSON object; may be
 *     null
 */
public record Sample(
    String sampleId,
    String imageId,
    List<Turn> context,
    String prompt,
    Condition condition,
    String response,
    String source,
    String sourceRow,
    String extra) {
  public static final RecordCodec<Sample> CODEC = RecordCodec.of(Table.SAMPLES, Sample.class);

  public Sample {
    checkId("sample_id", sampleId);
    checkId("image_id", imageId);
    context = List.copyOf(context);
    requireNonNull(prompt, "prompt is null");
    check(
        response == null || !response.isBlank(),
        "Invalid response of sample %s: blank (null stands for none)",
        sampleId);
    checkNotBlank("source", source);
    checkNotBlank("source_row", sourceRow);
  }

  /** Returns the id of the sample with this content. */
  public static String idOf(
      String imageId, List<Turn> context, String prompt, Condition condition, String response) {
    ContentId id = new ContentId().add("sample").add(imageId).add(context.size());
    context.forEach(turn -> id.add(turn.role()).add(turn.content()));
    id.add(prompt).add(response);
    return condition == null
        ? id.toHex()
        : id.add(condition.provider()).add(condition.user()).toHex();
  }
}

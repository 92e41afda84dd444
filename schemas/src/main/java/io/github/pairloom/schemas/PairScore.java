package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;

import java.io.Serializable;
import java.util.Map;

/**
 * One row of {@code scores}: what a model makes of a pair, or the reason why there is no score.
 *
 * @param scoreId SHA-256 (hex) over pair, scoring model and settings
 * @param pairId key into {@code pairs}
 * @param sampleId key into {@code samples}
 * @param imageId key into {@code images}
 * @param chosen the chosen side
 * @param rejected the rejected text about the image, or the chosen text about the rejected image
 * @param blindChosen the chosen text under {@code blindView}
 * @param blindRejected the rejected text under {@code blindView}
 * @param blindView what the model was shown instead of the image
 * @param margin by how many nats per token the model prefers chosen
 * @param chosenVisualDependency nats per token by which the image raises the chosen text
 * @param rejectedVisualDependency the same of the rejected text; null where an image is rejected
 * @param verdict {@link #CHOSEN_PREFERRED} or {@link #REJECTED_PREFERRED}
 * @param dropReason why there is no score; null where there is one
 * @param dropDetail what was found, where the reason alone does not say; may be null
 * @param modelId the scoring model, as the recipe names it
 * @param modelRevision SHA-256 (hex) over its files
 * @param tokenizerSha256 SHA-256 (hex) of its {@code tokenizer.json}
 * @param promptTemplateSha256 SHA-256 (hex) of its chat template's text
 * @param settingsId SHA-256 (hex) of the recipe's settings that shape a score
 * @param engine versions of pairloom, djl and onnxruntime
 */
public record PairScore(
    String scoreId,
    String pairId,
    String sampleId,
    String imageId,
    Likelihood chosen,
    Likelihood rejected,
    Likelihood blindChosen,
    Likelihood blindRejected,
    Transform blindView,
    Double margin,
    Double chosenVisualDependency,
    Double rejectedVisualDependency,
    String verdict,
    String dropReason,
    String dropDetail,
    String modelId,
    String modelRevision,
    String tokenizerSha256,
    String promptTemplateSha256,
    String settingsId,
    Map<String, String> engine) {
  public static final RecordCodec<PairScore> CODEC = RecordCodec.of(Table.SCORES, PairScore.class);

  /** The model prefers what is chosen, or neither. */
  public static final String CHOSEN_PREFERRED = "chosen-preferred";

  /** The model prefers what is rejected, which may therefore be true. */
  public static final String REJECTED_PREFERRED = "rejected-preferred";

  public PairScore {
    dropDetail = dropDetail == null ? null : Printable.cut(dropDetail, Printable.DETAIL);
    checkId("score_id", scoreId);
    checkId("pair_id", pairId);
    checkId("sample_id", sampleId);
    checkId("image_id", imageId);
    checkNotBlank("model_id", modelId);
    checkId("model_revision", modelRevision);
    checkId("tokenizer_sha256", tokenizerSha256);
    checkId("prompt_template_sha256", promptTemplateSha256);
    checkId("settings_id", settingsId);
    engine = Map.copyOf(engine);
    check(
        dropReason != null
            || (chosen != null
                && rejected != null
                && margin != null
                && chosenVisualDependency != null
                && (CHOSEN_PREFERRED.equals(verdict) || REJECTED_PREFERRED.equals(verdict))),
        "Invalid score of pair %s: without a drop_reason it needs both sides, a margin, a visual"
            + " dependency and a verdict (found %s)",
        pairId,
        verdict);
  }

  /** The scoring model, and the settings that it scores by. */
  public record Scorer(
      String modelId,
      String modelRevision,
      String tokenizerSha256,
      String promptTemplateSha256,
      String settingsId)
      implements Serializable {}

  /**
   * Returns the score of a pair from its likelihoods.
   *
   * @param rejectsImage whether the rejected side is the chosen text about another image
   * @param leastMargin least margin with which chosen counts as preferred
   */
  public static PairScore of(
      String scoreId,
      String pairId,
      String sampleId,
      String imageId,
      Likelihood chosen,
      Likelihood rejected,
      Likelihood blindChosen,
      Likelihood blindRejected,
      Transform blindView,
      boolean rejectsImage,
      double leastMargin,
      Scorer scorer,
      Map<String, String> engine) {
    double margin = chosen.perToken() - rejected.perToken();
    return new PairScore(
        scoreId,
        pairId,
        sampleId,
        imageId,
        chosen,
        rejected,
        blindChosen,
        blindRejected,
        blindView,
        margin,
        dependency(chosen, blindChosen),
        rejectsImage ? null : dependency(rejected, blindRejected),
        margin < leastMargin ? REJECTED_PREFERRED : CHOSEN_PREFERRED,
        null,
        null,
        scorer.modelId,
        scorer.modelRevision,
        scorer.tokenizerSha256,
        scorer.promptTemplateSha256,
        scorer.settingsId,
        engine);
  }

  private static double dependency(Likelihood seen, Likelihood blind) {
    return (seen.logProb() - blind.logProb()) / seen.tokens();
  }

  /** Returns the row of a pair that could not be scored. */
  public static PairScore dropped(
      String scoreId,
      String pairId,
      String sampleId,
      String imageId,
      String dropReason,
      String dropDetail,
      Scorer scorer,
      Map<String, String> engine) {
    return new PairScore(
        scoreId,
        pairId,
        sampleId,
        imageId,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        dropReason,
        dropDetail,
        scorer.modelId,
        scorer.modelRevision,
        scorer.tokenizerSha256,
        scorer.promptTemplateSha256,
        scorer.settingsId,
        engine);
  }
}

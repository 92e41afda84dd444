package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;
import static java.util.Objects.requireNonNull;

import java.util.Map;

/**
 * How a text was made; with the row it stands in, enough to make it again.
 *
 * @param recipeId SHA-256 (hex) of the recipe's settings that shape the row
 * @param seed root of all keyed draws
 * @param strategyParameters every parameter of the strategy, by its recipe key
 * @param modelId model folder or endpoint as the recipe names it, or {@link Response#SOURCE}
 * @param modelRevision SHA-256 (hex) over the model's files
 * @param promptTemplateSha256 SHA-256 (hex) of the chat template's text
 * @param sampling temperature, top-p, max-new-tokens, by recipe key
 * @param transform what was done to the image; null where no view of it was made
 * @param embedderId sentence embedding model; null where none was used
 * @param embedderRevision SHA-256 (hex) over the embedding model's files; null where none was used
 * @param engine versions of pairloom, djl and onnxruntime
 */
public record Provenance(
    String recipeId,
    long seed,
    Map<String, String> strategyParameters,
    String modelId,
    String modelRevision,
    String promptTemplateSha256,
    Map<String, String> sampling,
    Transform transform,
    String embedderId,
    String embedderRevision,
    Map<String, String> engine) {
  public Provenance {
    checkId("recipe_id", recipeId);
    strategyParameters = Map.copyOf(strategyParameters);
    checkNotBlank("model_id", modelId);
    checkId("model_revision", modelRevision);
    checkId("prompt_template_sha256", promptTemplateSha256);
    sampling = Map.copyOf(sampling);
    requireNonNull(engine, "engine is null");
    engine = Map.copyOf(engine);
  }

  /** Returns the same with what was done to the image. */
  public Provenance with(Transform done) {
    return new Provenance(
        recipeId,
        seed,
        strategyParameters,
        modelId,
        modelRevision,
        promptTemplateSha256,
        sampling,
        done,
        embedderId,
        embedderRevision,
        engine);
  }

  /**
   * Returns the same for a text that the source gives: no model wrote it or was shown the image.
   * Hashes of what belongs to a model are those of nothing.
   */
  public Provenance ofSource() {
    String nothing = ContentId.of("");
    return new Provenance(
        recipeId,
        seed,
        strategyParameters,
        Response.SOURCE,
        nothing,
        nothing,
        Map.of(),
        null,
        embedderId,
        embedderRevision,
        engine);
  }
}

package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.Settings;
import io.github.pairloom.udfs.remote.ChatEndpoint;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.vlm.ModelSpec;

/**
 * A recipe: everything one run of the pipeline depends on.
 *
 * @param name name of the recipe, in kebab-case; stands in {@code runs} and in the export's path
 * @param seed root of all keyed draws
 * @param source where image/prompt rows come from
 * @param model the vision-language model
 * @param reference how missing good responses are written
 * @param reject how rejected responses are made
 * @param score how pairs are scored
 * @param dedup which pairs are duplicates
 * @param select which usable pairs trainers get
 * @param export what is written for trainers
 * @param errors how many bad rows are too many
 * @param recovery how a run gets over crashes
 * @param remote how models behind HTTP are paid for
 */
public record Recipe(
    @Setting("Name of the recipe, in kebab-case") String name,
    @Setting(value = "Root of all keyed draws; any whole number", defaults = "2407") long seed,
    @Setting("Where image/prompt rows come from") SourceSettings source,
    @Setting("The vision-language model") ModelSpec model,
    @Setting("How good responses are written where the source gives none")
        ReferenceSettings reference,
    @Setting("How rejected responses are made") RejectSettings reject,
    @Setting("How pairs are scored by models with full sight") ScoreSettings score,
    @Setting("Which pairs are duplicates") DedupSettings dedup,
    @Setting("Which usable pairs trainers get") SelectSettings select,
    @Setting("What is written for trainers") ExportSettings export,
    @Setting("How many bad rows are too many") ErrorBudget errors,
    @Setting("How a run gets over crashes") RecoverySettings recovery,
    @Setting("How models behind HTTP are paid for") RemoteSettings remote) {
  public Recipe {
    check(
        name != null && name.matches("[a-z0-9]+(-[a-z0-9]+)*"),
        "Invalid name: '%s' (must be kebab-case, such as my-pairs)",
        name);
    check(
        remote.maxCost() == 0
            || Settings.within(reject, ChatEndpoint.class)
                .anyMatch(endpoint -> endpoint.readPrice() + endpoint.writtenPrice() > 0),
        "Invalid remote: max-cost is %s, but no endpoint has a read-price or written-price",
        remote.maxCost());
    Settings.within(reject, ChatEndpoint.class)
        .forEach(
            endpoint ->
                check(
                    recovery.rowSeconds() > endpoint.longestSeconds(),
                    "Invalid recovery: row-seconds is %s, but %s may take %s s for an answer that it"
                        + " does not give (timeout-seconds: %s, retries: %s). Raise row-seconds, or"
                        + " lower these",
                    recovery.rowSeconds(),
                    endpoint.url(),
                    endpoint.longestSeconds(),
                    endpoint.timeoutSeconds(),
                    endpoint.retries()));
  }

  /**
   * Returns the id of what shapes a response that the model writes. Where the model lies shapes
   * nothing: what its files hold does, and that revision stands beside this id in every key.
   */
  public String referenceId() {
    return new ContentId()
        .add(seed)
        .add(model.suffix())
        .add(model.chatTemplate())
        .add(Settings.canonical(reference))
        .toHex();
  }

  /** Returns the id of what shapes a pair that {@code strategy} makes. */
  public String pairId(RejectionStrategy strategy) {
    return new ContentId()
        .add(referenceId())
        .add(Settings.shaping(strategy))
        .add(reject.perResponse())
        .add(Settings.canonical(reject.similarity()))
        .add(Settings.canonical(reject.segments()))
        .add(Settings.canonical(reject.gates()))
        .toHex();
  }

  /**
   * Returns the id of what shapes a score by {@code scorer}. Whether select heeds the verdict
   * shapes nothing of it.
   */
  public String scoreId(ModelSpec scorer) {
    return new ContentId()
        .add(seed)
        .add(scorer.suffix())
        .add(scorer.chatTemplate())
        .add(Settings.canonical(score.blind()))
        .add(score.noiseSteps())
        .add(Boolean.toString(score.tokenLogProbs()))
        .add(Double.toString(score.leastMargin()))
        .toHex();
  }

  /** Returns the SHA-256 (hex) of the recipe with all defaults filled in. */
  public String id() {
    return ContentId.of(Settings.canonical(this));
  }
}

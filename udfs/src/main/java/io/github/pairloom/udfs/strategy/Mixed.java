package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Mixed: with a probability the pair that the source gives, else one that another strategy makes
 * with the model (arXiv 2407.02477, section 3.2, mixed-DPO: 0.5). A sample for which the source has
 * no rejected response always goes to the strategy, and so does a chosen one that the model wrote.
 *
 * @param offlineShare probability that the source's pair is taken
 * @param offlineRejected where the source gives it
 * @param policy what makes the other pairs
 */
@SettingType("mixed")
public record Mixed(
    @Setting(value = "Probability that the source's own pair is taken, in [0, 1]", defaults = "0.5")
        double offlineShare,
    @Setting(
            value =
                "Path to the source's rejected response among its further fields; the chosen one is"
                    + " the source's response",
            defaults = "rejected")
        String offlineRejected,
    @Setting(
            value = "Strategy that makes the other pairs; none that rejects the image",
            defaults = "{type: bdhs-attention}")
        RejectionStrategy policy)
    implements RejectionStrategy {
  public Mixed {
    check(
        offlineShare >= 0 && offlineShare <= 1,
        "Invalid offline-share: %s (must be in [0, 1])",
        offlineShare);
    check(!offlineRejected.isBlank(), "Invalid offline-rejected: blank (must be a path)");
    check(!(policy instanceof Mixed), "Invalid policy: mixed (must be a strategy of another type)");
    check(
        !policy.rejectsImage(),
        "Invalid policy: %s rejects the image, and the source's pairs reject a text (give it an"
            + " entry of its own among the strategies)",
        policy.id());
  }

  @Override
  public Sampling sampling() {
    return policy.sampling();
  }

  @Override
  public Optional<ModelIdentity> writer() {
    return policy.writer();
  }

  @Override
  public Optional<Neighbourhood> wantsNeighbours() {
    return policy.wantsNeighbours();
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    Optional<String> offline = Extra.values(input.extra(), offlineRejected).stream().findFirst();
    if (offline.isEmpty()
        || !input.ofSource()
        || input.key().with("mixed").uniform(0) >= offlineShare) {
      return policy.reject(input, bench);
    }
    String rejected = offline.get().strip();
    return CompletableFuture.completedFuture(
        List.of(
            new Rejection(
                Optional.of(new Rejection.Better(input.chosen(), Rejection.Better.OFFLINE)),
                rejected,
                1,
                bench.similarity().of(input.chosen(), rejected),
                false,
                Samples.transform(input),
                Optional.empty())));
  }
}

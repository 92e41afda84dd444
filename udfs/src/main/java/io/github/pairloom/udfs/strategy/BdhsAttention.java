package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * BDHS by attention masking: the model may attend to few image tokens or none.
 *
 * @param maskRate rho_th: each image token is hidden where its draw from U(0, 1) is below
 * @param bdhs what both variants share
 */
@SettingType("bdhs-attention")
public record BdhsAttention(
    @Setting(
            value = "Share of image tokens hidden from the model (rho_th), in [0, 1]; 0 hides none",
            defaults = "0.99")
        double maskRate,
    @Setting("What both BDHS variants share") Bdhs bdhs)
    implements RejectionStrategy {
  public BdhsAttention {
    check(maskRate >= 0 && maskRate <= 1, "Invalid mask-rate: %s (must be in [0, 1])", maskRate);
  }

  @Override
  public Sampling sampling() {
    return bdhs.sampling();
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    return BdhsSampler.of(this, bench).sample(input).thenApply(List::of);
  }
}

package io.github.pairloom.udfs.strategy;

import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Reading;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * Scores a response by how much the image raises its likelihood: the mean over its tokens of log
 * p(token | image) - log p(token), in nats. A response that the model would have written blindly
 * too scores about 0, one that the image speaks against below.
 */
@SettingType("likelihood-gap")
public record LikelihoodGap() implements Judge {
  @Override
  public CompletableFuture<List<Verdict>> judge(
      RejectionInput input, List<String> responses, Workbench bench) {
    List<int[]> tokens =
        responses.stream().map(response -> bench.model().response(response).ids()).toList();
    return bench
        .model()
        .read(
            bench.model().prompt(input.context(), input.prompt()),
            ImageView.full(input.features()),
            tokens)
        .thenCombine(
            bench
                .model()
                .read(
                    bench.model().promptWithoutImage(input.context(), input.prompt()),
                    ImageView.absent(input.features()),
                    tokens),
            (seen, blind) -> {
              List<Verdict> verdicts = new ArrayList<>();
              for (int i = 0; i < seen.size(); i++) {
                verdicts.add(verdict(seen.get(i), blind.get(i)));
              }
              return verdicts;
            });
  }

  private static Verdict verdict(Reading seen, Reading blind) {
    double gap = seen.logProb() - blind.logProb();
    return new Verdict(
        gap / Math.max(1, seen.tokens()),
        Map.of(
            "log-prob", String.format(Locale.ROOT, "%.4f", seen.logProb()),
            "log-prob-without-image", String.format(Locale.ROOT, "%.4f", blind.logProb()),
            "tokens", Integer.toString(seen.tokens())));
  }
}

package io.github.pairloom.udfs.strategy;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.Setting;
import io.github.pairloom.udfs.SettingType;
import io.github.pairloom.udfs.text.Sentences;
import io.github.pairloom.udfs.text.Tokens;
import io.github.pairloom.udfs.vlm.Cut;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Passage;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;

/**
 * Dropout next-token prediction, as MPO makes the second part of its pairs (arXiv 2411.10442,
 * section 3.2): the first half of the chosen response is kept, and the model continues it without
 * the image. MPO draws from the 50 most likely tokens, of up to 2,048; there is no such limit on
 * the draw here (the sampling's own top-p stands in for it).
 *
 * @param keepShare share of the words that is kept
 * @param showsImage whether the model is shown the image all the same
 * @param sampling how tokens are chosen
 */
@SettingType("dropout-ntp")
public record DropoutNtp(
    @Setting(
            value =
                "Share of the chosen response's words that is kept, rounded down, in [0, 1); of its"
                    + " characters in scripts without spaces",
            defaults = "0.5")
        double keepShare,
    @Setting(value = "true: the model is shown the image all the same", defaults = "false")
        boolean showsImage,
    @Setting(value = "How tokens are chosen", defaults = "{max-new-tokens: 2048}")
        Sampling sampling)
    implements RejectionStrategy {
  public DropoutNtp {
    check(keepShare >= 0 && keepShare < 1, "Invalid keep-share: %s (must be in [0, 1))", keepShare);
  }

  @Override
  public CompletableFuture<List<Rejection>> reject(RejectionInput input, Workbench bench) {
    Kept kept = kept(input, bench);
    int[] prompt =
        showsImage
            ? bench.model().prompt(input.context(), input.prompt())
            : bench.model().promptWithoutImage(input.context(), input.prompt());
    ImageView view =
        showsImage ? ImageView.full(input.features()) : ImageView.absent(input.features());
    return bench
        .model()
        .complete(new Passage(prompt, view, List.of(kept.cut), sampling))
        .thenApplyAsync(written -> List.of(rejection(input, kept, written.get(0), bench)), bench);
  }

  private Rejection rejection(
      RejectionInput input, Kept kept, Generation written, Workbench bench) {
    String text = (kept.text + written.text()).strip();
    return new Rejection(
        text,
        1,
        bench.similarity().of(input.chosen(), text),
        written.cutOff(),
        new Transform(
            showsImage ? Transform.NONE : Transform.ABSENT,
            Map.of(),
            input.pixels().sha256(),
            showsImage ? null : List.of()));
  }

  /**
   * What is given of the response.
   *
   * @param text the words that are kept, without space after them
   * @param cut the place after them
   */
  private record Kept(String text, Cut cut) {}

  private Kept kept(RejectionInput input, Workbench bench) {
    KeyedRandom key = input.key().with("continuation");
    String chosen = input.chosen();
    List<Integer> starts = Sentences.wordStarts(chosen);
    int words = (int) Math.floor(keepShare * starts.size());
    if (words == 0) {
      return new Kept("", Cut.free(key));
    }
    Tokens all = bench.model().response(chosen);
    OptionalInt next = all.beginningAt(starts.get(words));
    if (next.isPresent() && next.getAsInt() > 0) {
      return new Kept(
          chosen.substring(0, all.end(next.getAsInt() - 1)),
          Cut.ofResponse(all.ids(), next.getAsInt(), key));
    }
    // A token covers the seam: the words before it have tokens of their own.
    String text = chosen.substring(0, starts.get(words)).stripTrailing();
    int[] tokens = bench.model().response(text).ids();
    return new Kept(text, Cut.ofResponse(tokens, tokens.length, key));
  }
}

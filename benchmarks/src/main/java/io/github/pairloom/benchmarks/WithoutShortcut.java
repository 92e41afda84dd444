package io.github.pairloom.benchmarks;

import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.text.Tokens;
import io.github.pairloom.udfs.vlm.Cut;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.Masking;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import io.github.pairloom.udfs.vlm.Passage;
import io.github.pairloom.udfs.vlm.Reading;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** A model that is asked in a way which leaves one of the engine's shortcuts unused. */
final class WithoutShortcut implements VisionLanguageModel {
  /** The way of asking. */
  enum Asking {
    /** As it is. */
    PLAIN,
    /** What follows a cut is not told: there is no draft. */
    WITHOUT_DRAFT,
    /** Every cut is a passage of its own, without draft: one pass for each sentence. */
    CUT_BY_CUT
  }

  private final VisionLanguageModel model;
  private final Asking asking;

  WithoutShortcut(VisionLanguageModel model, Asking asking) {
    this.model = model;
    this.asking = asking;
  }

  @Override
  public CompletableFuture<List<Generation>> complete(Passage passage) {
    List<Cut> bare = passage.cuts().stream().map(Cut::withoutDraft).toList();
    return switch (asking) {
      case PLAIN -> model.complete(passage);
      case WITHOUT_DRAFT -> model.complete(passage.with(bare));
      case CUT_BY_CUT -> oneByOne(passage, bare);
    };
  }

  private CompletableFuture<List<Generation>> oneByOne(Passage passage, List<Cut> cuts) {
    CompletableFuture<List<Generation>> all = CompletableFuture.completedFuture(new ArrayList<>());
    for (Cut cut : cuts) {
      all =
          all.thenCombine(
              model.complete(passage.with(List.of(cut))),
              (written, one) -> {
                written.add(one.get(0));
                return written;
              });
    }
    return all;
  }

  @Override
  public ModelIdentity identity() {
    return model.identity();
  }

  @Override
  public PixelTensor preprocess(RgbImage image) {
    return model.preprocess(image);
  }

  @Override
  public CompletableFuture<ImageFeatures> encode(PixelTensor pixels) {
    return model.encode(pixels);
  }

  @Override
  public int[] prompt(List<Turn> context, String prompt) {
    return model.prompt(context, prompt);
  }

  @Override
  public int[] promptWithoutImage(List<Turn> context, String prompt) {
    return model.promptWithoutImage(context, prompt);
  }

  @Override
  public String text(int... tokens) {
    return model.text(tokens);
  }

  @Override
  public Set<String> controlTokens() {
    return model.controlTokens();
  }

  @Override
  public CompletableFuture<List<Reading>> read(
      int[] prompt, ImageView view, List<int[]> responses) {
    return model.read(prompt, view, responses);
  }

  @Override
  public Tokens response(String text) {
    return model.response(text);
  }

  @Override
  public boolean work() {
    return model.work();
  }

  @Override
  public <T> T await(CompletableFuture<T> result) {
    return model.await(result);
  }

  @Override
  public float[][] textLogits(int[] ids, ImageView view, Masking masking) {
    return model.textLogits(ids, view, masking);
  }

  @Override
  public void close() {
    model.close();
  }
}

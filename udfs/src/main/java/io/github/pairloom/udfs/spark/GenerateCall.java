package io.github.pairloom.udfs.spark;

import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.vlm.Cut;
import io.github.pairloom.udfs.vlm.Generation;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Passage;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/** Has the model answer a prompt about an image it sees whole. */
final class GenerateCall extends ModelCall {
  private static final long serialVersionUID = 1L;

  /**
   * What the model wrote.
   *
   * @param tokens number of tokens, the one that ended it included; null with an error
   */
  private record Written(String text, Integer tokens, boolean cutOff, String error) {}

  private static final RecordCodec<Written> CODEC =
      codec("text STRING, tokens INT, cut_off BOOLEAN, error STRING", Written.class);

  private final Sampling sampling;
  private final long seed;

  GenerateCall(ModelSpec spec, Sampling sampling, long seed) {
    super(spec);
    this.sampling = sampling;
    this.seed = seed;
  }

  @Override
  StructType schema() {
    return CODEC.schema();
  }

  @Override
  Session open() {
    return new Session(openModel()) {
      @Override
      CompletableFuture<Row> result(Arguments arguments, Seen seen) {
        KeyedRandom key =
            KeyedRandom.of(seed).with(ContentId.of(arguments.image())).with(arguments.prompt());
        int[] prompt = model.prompt(List.of(), arguments.prompt());
        return seen.features()
            .thenCompose(
                features ->
                    model.complete(
                        new Passage(
                            prompt, ImageView.full(features), List.of(Cut.free(key)), sampling)))
            .thenApply(
                written -> {
                  Generation one = written.get(0);
                  return CODEC.toRow(
                      new Written(one.text().strip(), one.tokens(), one.cutOff(), null));
                });
      }

      @Override
      Row failed(String error) {
        return CODEC.toRow(new Written(null, null, false, error));
      }
    };
  }
}

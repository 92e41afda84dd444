package io.github.pairloom.udfs.spark;

import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.udfs.vlm.ImageView;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.Reading;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/** Has the model say how likely a response to a prompt is, with the image or without. */
final class ScoreCall extends ModelCall {
  private static final long serialVersionUID = 1L;

  /**
   * What the model made of a response.
   *
   * @param logProb sum over its tokens, in nats
   * @param endLogProb that it ends there, in nats
   */
  private record Score(Double logProb, Double endLogProb, Integer tokens, String error) {}

  private static final RecordCodec<Score> CODEC =
      codec("log_prob DOUBLE, end_log_prob DOUBLE, tokens INT, error STRING", Score.class);

  private final boolean blind;

  /**
   * @param blind whether the prompt is without its image
   */
  ScoreCall(ModelSpec spec, boolean blind) {
    super(spec);
    this.blind = blind;
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
        int[] prompt =
            blind
                ? model.promptWithoutImage(List.of(), arguments.prompt())
                : model.prompt(List.of(), arguments.prompt());
        List<int[]> response = List.of(model.response(arguments.text()).ids());
        return seen.features()
            .thenCompose(
                features ->
                    model.read(
                        prompt,
                        blind ? ImageView.absent(features) : ImageView.full(features),
                        response))
            .thenApply(
                readings -> {
                  Reading one = readings.get(0);
                  return CODEC.toRow(
                      new Score(one.logProb(), one.endLogProb(), one.tokens(), null));
                });
      }

      @Override
      Row failed(String error) {
        return CODEC.toRow(new Score(null, null, null, error));
      }
    };
  }
}

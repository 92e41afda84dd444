package io.github.pairloom.udfs.spark;

import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.schemas.Transform;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.remote.ResponseCache;
import io.github.pairloom.udfs.similarity.SentenceEmbedder;
import io.github.pairloom.udfs.similarity.Similarity;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.BdhsAttention;
import io.github.pairloom.udfs.strategy.Rejection;
import io.github.pairloom.udfs.strategy.RejectionInput;
import io.github.pairloom.udfs.strategy.Workbench;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/** Has the model, its view of the image masked, write the rejected side of a chosen response. */
final class BdhsCall extends ModelCall {
  private static final long serialVersionUID = 1L;

  /**
   * A rejected response and how it came about.
   *
   * @param iteration attempt that was kept, from 1; null with an error
   * @param similarity its cosine with the chosen response
   */
  private record Rejected(
      String rejected,
      Integer iteration,
      Double similarity,
      boolean cutOff,
      Transform transform,
      String error) {}

  private static final RecordCodec<Rejected> CODEC =
      codec(
          "rejected STRING, iteration INT, similarity DOUBLE, cut_off BOOLEAN,"
              + " transform STRUCT<name: STRING, parameters: MAP<STRING, STRING>,"
              + " pixels_sha256: STRING, visible_tokens: ARRAY<INT>>, error STRING",
          Rejected.class);

  private final BdhsAttention strategy;
  private final SimilaritySettings similarity;
  private final long seed;

  BdhsCall(ModelSpec spec, BdhsAttention strategy, SimilaritySettings similarity, long seed) {
    super(spec);
    this.strategy = strategy;
    this.similarity = similarity;
    this.seed = seed;
  }

  @Override
  StructType schema() {
    return CODEC.schema();
  }

  @Override
  Session open() {
    Workbench bench =
        Workbench.open(
            openModel(),
            () ->
                new Similarity(
                    similarity, SentenceEmbedder.open(similarity.model(), spec.threadsOfTask())),
            ResponseCache.none(),
            () -> {});
    return new Session(bench.model()) {
      @Override
      CompletableFuture<Row> result(Arguments arguments, Seen seen) {
        KeyedRandom key =
            KeyedRandom.of(seed)
                .with(ContentId.of(arguments.image()))
                .with(arguments.prompt())
                .with(arguments.text());
        return seen.features()
            .thenComposeAsync(
                features ->
                    strategy.reject(
                        new RejectionInput(
                            seen::picture,
                            seen.pixels(),
                            features,
                            List.of(),
                            arguments.prompt(),
                            arguments.text(),
                            true,
                            "",
                            List.of(),
                            key),
                        bench),
                bench)
            .thenApply(
                rejections -> {
                  Rejection one = rejections.get(0);
                  return CODEC.toRow(
                      new Rejected(
                          one.text(),
                          one.iteration(),
                          one.similarity(),
                          one.cutOff(),
                          one.transform(),
                          null));
                });
      }

      @Override
      Row failed(String error) {
        return CODEC.toRow(new Rejected(null, null, null, false, null, error));
      }

      @Override
      <T> T await(CompletableFuture<T> result) {
        return bench.await(result);
      }

      @Override
      public void close() {
        bench.close();
      }
    };
  }
}

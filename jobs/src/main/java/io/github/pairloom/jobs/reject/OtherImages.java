package io.github.pairloom.jobs.reject;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.element_at;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lead;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.posexplode;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;

import io.github.pairloom.jobs.ModelCounters;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.strategy.Neighbourhood;
import io.github.pairloom.udfs.strategy.NoPairException;
import io.github.pairloom.udfs.strategy.RejectionStrategy;
import io.github.pairloom.udfs.vlm.ModelIdentity;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.functions;

/** Other images for the strategies that want some: drawn ones, or the most similar ones. */
final class OtherImages {
  /** Column with other images, the first first: an array of (image, similarity). */
  static final String COLUMN = "other_images";

  /** Why an image has no similar ones: it could not be embedded. A struct (reason, detail). */
  private static final String FAULT = "images_fault";

  /** What a strategy wants; those of one kind share their images. */
  private static final String KIND = "images_wanted";

  private static final int NONE = 0;
  private static final int DRAWN = 1;
  private static final int FIRST_RETRIEVED = 2;

  private final StepContext context;
  private final List<Neighbourhood> neighbourhoods;
  private final List<Integer> kinds = new ArrayList<>();

  OtherImages(StepContext context) {
    this.context = context;
    List<RejectionStrategy> strategies = context.recipe().reject().strategies();
    this.neighbourhoods =
        strategies.stream()
            .flatMap(strategy -> strategy.wantsNeighbours().stream())
            .distinct()
            .toList();
    for (RejectionStrategy strategy : strategies) {
      int kind = strategy.wantsOtherImage() ? DRAWN : NONE;
      kinds.add(
          strategy
              .wantsNeighbours()
              .map(wanted -> FIRST_RETRIEVED + neighbourhoods.indexOf(wanted))
              .orElse(kind));
    }
  }

  /**
   * Returns {@code rows} with the column {@link #COLUMN}, empty where the strategy wants no other
   * image or there is none, and what {@link #checkRetrieved} asks for.
   *
   * @param rows with columns {@code image_id} and {@code strategy_index}
   * @param model whose eye tells what is similar; images that it has not embedded yet, it embeds
   */
  Dataset<Row> joined(Dataset<Row> rows, ModelIdentity model, ModelCounters counters) {
    Dataset<Row> images =
        context.warehouse().read(Table.IMAGES).select(col("image_id"), struct(columns()).as("own"));
    Dataset<Row> others = kinds.contains(DRAWN) ? drawn(images) : null;
    Column none =
        expr("filter(array(named_struct('image', image, 'similarity', double(null))), i -> false)");
    Dataset<Row> asking =
        rows.withColumn(
            KIND,
            element_at(
                array(kinds.stream().map(functions::lit).toArray(Column[]::new)),
                col("strategy_index").plus(1)));
    if (neighbourhoods.isEmpty()) {
      asking = asking.withColumn(FAULT, lit(null).cast("struct<reason:string,detail:string>"));
    } else {
      Neighbours neighbours = new Neighbours(context, model);
      neighbours.embed(counters);
      Dataset<Row> failed =
          neighbours.failed().select(col("id").as("failed"), col("fault").as(FAULT));
      asking =
          asking
              .join(
                  failed,
                  col("image_id").equalTo(col("failed")).and(col(KIND).geq(FIRST_RETRIEVED)),
                  "left")
              .drop("failed");
      for (int i = 0; i < neighbourhoods.size(); i++) {
        int kind = FIRST_RETRIEVED + i;
        Dataset<Row> of = asking.where(col(KIND).equalTo(kind)).select("image_id").distinct();
        Dataset<Row> near =
            withImages(neighbours.near(of, neighbourhoods.get(i)), images)
                .withColumn("kind", lit(kind));
        others = others == null ? near : others.union(near);
      }
    }
    if (others == null) {
      return asking.withColumn(COLUMN, none);
    }
    return asking
        .join(
            others,
            asking
                .col("image_id")
                .equalTo(others.col("of"))
                .and(asking.col(KIND).equalTo(others.col("kind"))),
            "left")
        .drop("of", "kind")
        .withColumn(COLUMN, coalesce(col(COLUMN), none));
  }

  /**
   * Checks that a row's similar images, if its strategy wants any, could be looked for.
   *
   * @param row of {@link #joined}
   * @throws NoPairException with the fault of its image's embedding: with the fault the row is
   *     worked on again
   */
  static void checkRetrieved(Row row) {
    Row fault = row.getAs(FAULT);
    if (fault != null) {
      throw new NoPairException(
          fault.getString(0),
          "no image was retrieved, as this one has no embedding: " + fault.get(1));
    }
  }

  private static Column[] columns() {
    return Arrays.stream(Table.IMAGES.schema().fieldNames())
        .map(functions::col)
        .toArray(Column[]::new);
  }

  /**
   * Gives another image to each: the next in an order that the seed draws, so that each image of
   * the table stands in for one. Only ids and places are sorted.
   */
  private Dataset<Row> drawn(Dataset<Row> images) {
    WindowSpec order =
        Window.orderBy(sha2(concat_ws(" ", lit(context.recipe().seed()), col("image_id")), 256));
    return images
        .withColumn("next", coalesce(lead("own", 1).over(order), first("own").over(order)))
        .select(
            col("image_id").as("of"),
            expr("filter(array(named_struct('image', next, 'similarity', double(null))),"
                    + " i -> i.image.image_id <> image_id)")
                .as(COLUMN),
            lit(DRAWN).as("kind"));
  }

  /** Puts rows of {@code images} in the place of ids. */
  private static Dataset<Row> withImages(Dataset<Row> near, Dataset<Row> images) {
    return near.select(col("of"), posexplode(col("near")).as(new String[] {"rank", "one"}))
        .join(images, col("one.id").equalTo(images.col("image_id")))
        .groupBy("of")
        .agg(
            collect_list(struct(col("rank"), col("own").as("image"), col("one.similarity")))
                .as("ranked"))
        .select(
            col("of"),
            expr("transform(array_sort(ranked, (a, b) -> a.rank - b.rank),"
                    + " r -> named_struct('image', r.image, 'similarity', r.similarity))")
                .as(COLUMN));
  }
}

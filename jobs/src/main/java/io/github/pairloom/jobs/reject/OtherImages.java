package io.github.pairloom.jobs.reject;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lead;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;

import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.Table;
import java.util.Arrays;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.functions;

/** Other images for the strategies that want one. */
final class OtherImages {
  /** Column with rows of {@code images}, as an array of structs. */
  static final String COLUMN = "other_images";

  private OtherImages() {}

  /**
   * Returns {@code rows} with the column {@link #COLUMN}, empty.
   *
   * @param rows with column {@link ModelRows#IMAGE}
   */
  static Dataset<Row> none(Dataset<Row> rows) {
    return rows.withColumn(COLUMN, noImage());
  }

  /** An empty array, of the type that one with images has. */
  private static Column noImage() {
    return expr("filter(array(" + ModelRows.IMAGE + "), i -> false)");
  }

  /**
   * Returns {@code rows} with another image each: the next in an order that the seed draws, so that
   * each image of the table stands in for one. Only ids and places are sorted.
   *
   * @param rows with column {@code image_id}
   */
  static Dataset<Row> drawn(Dataset<Row> rows, Warehouse warehouse, long seed) {
    Column[] columns =
        Arrays.stream(Table.IMAGES.schema().fieldNames())
            .map(functions::col)
            .toArray(Column[]::new);
    WindowSpec order = Window.orderBy(sha2(concat_ws(" ", lit(seed), col("of")), 256));
    Dataset<Row> next =
        warehouse
            .read(Table.IMAGES)
            .select(col("image_id").as("of"), struct(columns).as("own"))
            .withColumn("next", coalesce(lead("own", 1).over(order), first("own").over(order)))
            .select(col("of"), expr("filter(array(next), i -> i.image_id <> of)").as(COLUMN));
    // A row whose image is missing stays, without another.
    return rows.join(next, rows.col("image_id").equalTo(next.col("of")), "left")
        .drop("of")
        .withColumn(COLUMN, coalesce(col(COLUMN), noImage()));
  }
}

package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.array_position;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.regexp_replace;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Table;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.Tuple2;

/**
 * Finds texts that one pair chooses and another rejects under the same image, context, prompt and
 * condition, whitespace aside, among the pairs that no scoring model refuses. Copies of an image
 * count as that image. Only digests are shuffled. With {@code dedup.semantic} also texts that mean
 * the same ({@link SemanticPairs}).
 */
final class Contradictions {
  /** Another pair has the same texts the other way round. */
  static final String REVERSED = "reversed";

  /** A text is chosen in one pair and rejected in another, beside different ones. */
  static final String MIXED = "mixed";

  /** What a regular expression takes for white space. */
  private static final String SPACES = " \t\n\r\f\u000b";

  private static final UserDefinedFunction DENSE =
      udf((UDF1<String, String>) text -> text == null ? null : dense(text), DataTypes.StringType);

  private static final StructType KEY = new StructType().add("key", DataTypes.LongType, false);

  private Contradictions() {}

  /**
   * Labels the usable pairs of the warehouse anew.
   *
   * @param before the labels of table {@code contradictions}, read before what these follow from
   * @param images which are kept
   * @param refused column {@code id} of the pairs that a scoring model refuses
   * @param signatures columns {@code pair_id}, {@code image_id}, {@code chosen_key} and {@code
   *     rejected_key} of table {@code signatures}, of all usable pairs
   * @param rows their number
   * @param metrics takes the number of pairs that have a label, if any has, and of texts that were
   *     embedded for this
   */
  static void write(
      StepContext context,
      Dataset<Row> before,
      KeptImages images,
      Dataset<Row> refused,
      Dataset<Row> signatures,
      long rows,
      Map<String, Double> metrics) {
    Warehouse warehouse = context.warehouse();
    Dataset<Row> pairs = pairs(warehouse);
    Dataset<Row> statements = statements(images, refused, signatures);
    List<Dataset<Row>> kept = new ArrayList<>();
    try {
      Dataset<Row> both = keep(kept, onBothSides(context, statements, rows));
      // Counted before it is joined: Spark knows then whether it is small.
      Dataset<Row> equal =
          both.count() == 0
              // The usual case: no text is read.
              ? context.spark().createDataFrame(List.of(), Table.CONTRADICTIONS.schema())
              : of(
                  sides(
                      seen(
                          images,
                          refused,
                          PairDedup.having(pairs, keep(kept, suspects(statements, both))))));
      Dataset<Row> labels =
          keep(
              kept,
              context.recipe().dedup().semantic().on()
                  ? strongest(equal.union(near(context, seen(images, refused, pairs), metrics)))
                  : equal);
      long count = labels.count();
      if (count > 0 || !before.isEmpty()) {
        warehouse.replace(Table.CONTRADICTIONS, "true", labels);
      }
      if (count > 0) {
        metrics.put("contradictory-pairs", (double) count);
      }
    } finally {
      kept.forEach(Dataset::unpersist);
    }
  }

  private static Dataset<Row> keep(List<Dataset<Row>> kept, Dataset<Row> rows) {
    kept.add(rows.persist());
    return rows;
  }

  /** Returns labels of pairs that contradict others in meaning, several for a pair if need be. */
  private static Dataset<Row> near(
      StepContext context, Dataset<Row> usable, Map<String, Double> metrics) {
    Column same = struct(col(KeptImages.COLUMN), col("context"), col("prompt"), col("condition"));
    Dataset<Row> found =
        SemanticPairs.of(
                context,
                usable
                    .withColumn("domain", xxhash64(to_json(same)))
                    .withColumn("fresh", lit(true))
                    .select("pair_id", "domain", "fresh", "prompt", "chosen", "rejected"),
                metrics)
            .where(col("kind").notEqual(SemanticPairs.DUPLICATE));
    return found
        .select(col("a").as("pair_id"), col("kind"), col("b").as("other_id"))
        .union(found.select(col("b"), col("kind"), col("a")));
  }

  /** Returns the strongest label of each pair, and of those the one of the smallest other id. */
  private static Dataset<Row> strongest(Dataset<Row> labels) {
    Column rank =
        array_position(
            array(
                Stream.of(REVERSED, SemanticPairs.REVERSED, MIXED, SemanticPairs.MIXED)
                    .map(functions::lit)
                    .toArray(Column[]::new)),
            col("kind"));
    return labels
        .groupBy("pair_id")
        .agg(min(struct(rank.as("rank"), col("other_id"), col("kind"))).as("label"))
        .select("pair_id", "label.kind", "label.other_id");
  }

  /** Returns the pairs of texts that passed all gates. */
  private static Dataset<Row> pairs(Warehouse warehouse) {
    return warehouse
        .latest(Table.PAIRS)
        .where(col("drop_reason").isNull().and(col("rejects").equalTo(CandidatePair.TEXT)));
  }

  /**
   * Returns numbers of what these pairs choose and reject, {@code better} and {@code worse}: what
   * is equal has equal ones. They are even.
   */
  private static Dataset<Row> statements(
      KeptImages images, Dataset<Row> refused, Dataset<Row> signatures) {
    Column text = col("chosen_key").isNotNull();
    return seen(images, refused, signatures.where(text))
        .select(
            col("pair_id"), number("chosen_key").as("better"), number("rejected_key").as("worse"));
  }

  private static Column number(String key) {
    return xxhash64(col(KeptImages.COLUMN), col(key)).bitwiseAND(~1L);
  }

  /** Returns the rows that trainers may get to see, with the image that is kept of its copies. */
  private static Dataset<Row> seen(KeptImages images, Dataset<Row> refused, Dataset<Row> rows) {
    // What no trainer gets to see contradicts nothing.
    return images.addedTo(
        rows.join(refused, rows.col("pair_id").equalTo(refused.col("id")), "left_anti"));
  }

  /** Returns the numbers, in column {@code key}, that stand on both sides. */
  private static Dataset<Row> onBothSides(StepContext context, Dataset<Row> statements, long rows) {
    int partitions =
        Blocks.partitions(
            JavaSparkContext.fromSparkContext(context.spark().sparkContext()), 2 * rows);
    JavaRDD<Tuple2<Integer, byte[]>> sides =
        statements
            .select("better", "worse")
            .toJavaRDD()
            .mapPartitions(part -> Blocks.pack(part, partitions, sendSides(partitions)));
    return context
        .spark()
        .createDataFrame(
            Blocks.shuffle(sides, partitions)
                .mapPartitions(blocks -> onBothSides(Blocks.concat(blocks)))
                .map(RowFactory::create),
            KEY);
  }

  /** Sends both numbers, with a last bit that tells the chosen side's. */
  private static Blocks.Work<Row> sendSides(int partitions) {
    long[] record = new long[1];
    return (row, sink) -> {
      record[0] = row.getLong(0) | 1;
      sink.add(Blocks.lane(record[0], partitions), record, 1);
      record[0] = row.getLong(1);
      sink.add(Blocks.lane(record[0], partitions), record, 1);
    };
  }

  /** Returns the numbers that are there with either last bit. */
  private static Iterator<Long> onBothSides(long[] sides) {
    Arrays.sort(sides);
    // Where a number's even ones end and its odd ones begin.
    return IntStream.range(1, sides.length)
        .filter(i -> (sides[i - 1] & 1) == 0 && sides[i] == (sides[i - 1] | 1))
        .mapToObj(i -> sides[i - 1])
        .iterator();
  }

  /**
   * Returns the ids, in column {@code id}, of the pairs that have such a number, which others'
   * texts may have too.
   */
  private static Dataset<Row> suspects(Dataset<Row> statements, Dataset<Row> both) {
    return statements
        .select(col("pair_id"), explode(array(col("better"), col("worse"))).as("key"))
        .join(both, "key")
        .select(col("pair_id").as("id"));
  }

  /** Returns {@code pair_id} and digests, {@code better} and {@code worse}. */
  private static Dataset<Row> sides(Dataset<Row> usable) {
    return usable.select(
        col("pair_id"), digest("chosen").as("better"), digest("rejected").as("worse"));
  }

  /**
   * Returns a number that is equal where digests under one image are, at a fraction of their cost;
   * NULL where a pair rejects an image.
   *
   * @param text column {@code chosen} or {@code rejected} of table {@code pairs}
   */
  static Column key(String text) {
    return when(
        col("rejects").equalTo(CandidatePair.TEXT),
        xxhash64(col("context"), col("prompt"), col("condition"), DENSE.apply(col(text))));
  }

  /** Returns the text without white space. SQL's replace compares every byte five times. */
  private static String dense(String text) {
    StringBuilder dense = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (SPACES.indexOf(c) < 0) {
        dense.append(c);
      }
    }
    return dense.toString();
  }

  /** A text with all that must be the same for it to be the same statement. */
  private static Column digest(String text) {
    Column same = trim(regexp_replace(col(text), "\\s+", " "));
    return sha2(
        to_json(
                struct(
                    col(KeptImages.COLUMN), col("context"), col("prompt"), col("condition"), same))
            .cast("binary"),
        256);
  }

  private static Dataset<Row> of(Dataset<Row> sides) {
    Column one = when(col("better").lt(col("worse")), col("better")).otherwise(col("worse"));
    Column other = when(col("better").lt(col("worse")), col("worse")).otherwise(col("better"));
    WindowSpec sameTexts = Window.partitionBy("one", "other");
    Column forward = when(col("better").equalTo(col("one")), col("pair_id"));
    Column backward = when(col("worse").equalTo(col("one")), col("pair_id"));
    Dataset<Row> reversed =
        sides
            .withColumn("one", one)
            .withColumn("other", other)
            .withColumn("forward", min(forward).over(sameTexts))
            .withColumn("backward", min(backward).over(sameTexts))
            .select(
                col("pair_id"),
                when(col("better").equalTo(col("one")), col("backward"))
                    .otherwise(col("forward"))
                    .as("reverse"),
                col("better"),
                col("worse"));
    WindowSpec sameText = Window.partitionBy("text");
    Dataset<Row> mixed =
        reversed
            .withColumn(
                "side",
                explode(
                    array(
                        struct(col("better").as("text"), lit(true).as("chosen")),
                        struct(col("worse").as("text"), lit(false).as("chosen")))))
            .select(col("pair_id"), col("reverse"), col("side.text"), col("side.chosen"))
            .withColumn("choosing", min(when(col("chosen"), col("pair_id"))).over(sameText))
            .withColumn(
                "rejecting",
                min(when(col("chosen").equalTo(lit(false)), col("pair_id"))).over(sameText))
            .groupBy("pair_id", "reverse")
            .agg(
                min(when(col("chosen"), col("rejecting")).otherwise(col("choosing")))
                    .as("against"));
    return mixed
        .where(col("reverse").isNotNull().or(col("against").isNotNull()))
        .select(
            col("pair_id"),
            when(col("reverse").isNotNull(), REVERSED).otherwise(MIXED).as("kind"),
            coalesce(col("reverse"), col("against")).as("other_id"));
  }
}

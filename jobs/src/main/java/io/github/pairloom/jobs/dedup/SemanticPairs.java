package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.ceil;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.pmod;
import static org.apache.spark.sql.functions.xxhash64;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.embedding.TextEmbeddings;
import io.github.pairloom.jobs.embedding.VectorClusters;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * Finds pairs of pairs whose texts mean the same, by the cosine of their embeddings (SemDeDup,
 * arXiv 2303.09540, section 3: k-means, then all cosines within each cluster).
 *
 * <p>All of a group are compared with each other, exactly, if it is not larger than {@link #MOST}:
 * pairs of one image are few. A larger one is cut by k-means on the chosen responses, as in the
 * paper; what is alike but in two clusters is not found. A cluster that is larger still is cut at
 * random, so memory is bounded by {@link #MOST} rows for each task and time is linear.
 *
 * <p>Of pairs a and b with prompts p, chosen responses c and rejected ones r, and threshold t:
 *
 * <ul>
 *   <li>{@value #DUPLICATE}: cos(p), cos(c) and cos(r) reach t;
 *   <li>{@value #REVERSED}: cos(c_a, r_b) and cos(r_a, c_b) reach t, and their sum is above cos(c)
 *       + cos(r): a says the opposite of b. Then they are no duplicates, however near all four are;
 *   <li>{@value #MIXED}: one of these two reaches t and is above cos(c): what one rejects is nearer
 *       to what the other chooses than their choices are. A hard negative, near to its own chosen
 *       response, is no such case where other pairs have that response.
 * </ul>
 */
final class SemanticPairs {
  static final String DUPLICATE = "duplicate";
  static final String REVERSED = "near-reversed";
  static final String MIXED = "near-mixed";

  /** Rows that are compared with each other: 19 MB at 384 dimensions. */
  private static final int MOST = 4096;

  private static final int MOST_CLUSTERS = 512;

  /** Vectors that k-means learns from. */
  private static final int SAMPLE = 20_000;

  private static final StructType FOUND =
      StructType.fromDDL("a STRING, b STRING, kind STRING, similarity DOUBLE");

  private SemanticPairs() {}

  /**
   * Returns columns {@code a} and {@code b}, ids of which a is the smaller one, {@code kind} and
   * {@code similarity}, the least cosine that makes them such. Texts that are not embedded yet are
   * embedded if they are in a group with a fresh row.
   *
   * @param rows columns {@code pair_id}, {@code domain} (a number, which groups them), {@code
   *     fresh} (of two rows that are not, nothing is told), {@code prompt}, {@code chosen} and
   *     {@code rejected}
   * @param metrics takes the number of texts that were embedded
   */
  static Dataset<Row> of(StepContext context, Dataset<Row> rows, Map<String, Double> metrics) {
    double threshold = context.recipe().dedup().semantic().threshold();
    long seed = context.recipe().seed();
    Dataset<Row> groups =
        rows.groupBy(col("domain").as("group"))
            .agg(count(lit(1)).as("size"), max(col("fresh")).as("has_fresh"))
            .where(col("size").gt(1).and(col("has_fresh")))
            .drop("has_fresh");
    Dataset<Row> asked = rows.join(groups, col("domain").equalTo(col("group")));
    TextEmbeddings embeddings = new TextEmbeddings(context);
    Dataset<Row> texts =
        asked.select(explode(array(col("prompt"), col("chosen"), col("rejected"))).as("text"));
    metrics.merge("texts-embedded", (double) embeddings.embed(texts).written(), Double::sum);
    Dataset<Row> embedded =
        asked.select("group", "size", "pair_id", "fresh", "prompt", "chosen", "rejected");
    for (String text : List.of("prompt", "chosen", "rejected")) {
      Dataset<Row> vectors =
          embeddings
              .vectors()
              .select(col("content_id").as("of_" + text), col("vector").as(text + "_vector"));
      embedded =
          embedded
              .withColumn(text, TextEmbeddings.contentId(col(text)))
              .join(vectors, col(text).equalTo(col("of_" + text)))
              .drop("of_" + text);
    }
    Row largest = groups.agg(max("size")).first();
    return compared(embedded, largest.isNullAt(0) ? 0 : largest.getLong(0), threshold, MOST, seed);
  }

  /**
   * Returns what {@link #of} does.
   *
   * @param rows columns {@code group}, {@code size} of the group, {@code pair_id}, {@code fresh},
   *     {@code chosen}, the content_id of that text, and {@code prompt_vector}, {@code
   *     chosen_vector} and {@code rejected_vector}
   * @param largest size of the largest group
   * @param most rows that are compared with each other
   */
  static Dataset<Row> compared(
      Dataset<Row> rows, long largest, double threshold, int most, long seed) {
    MapPartitionsFunction<Row, Row> compare = part -> new Compared(part, threshold);
    return inParts(rows, largest, most, seed)
        .repartition(col("group"), col("cluster"), col("part"))
        .sortWithinPartitions("group", "cluster", "part", "pair_id")
        .mapPartitions(compare, Encoders.row(FOUND));
  }

  /** Adds {@code cluster} and {@code part}, within which rows of a group are compared. */
  private static Dataset<Row> inParts(Dataset<Row> rows, long largest, int most, long seed) {
    Dataset<Row> clustered = rows.withColumn("cluster", lit(0)).withColumn("part", lit(0L));
    if (largest > most) {
      Dataset<Row> chosen =
          rows.where(col("size").gt(most))
              .select(col("chosen").as("content_id"), col("chosen_vector").as("vector"))
              .dropDuplicates("content_id");
      // Half as large as they may be, on average.
      int k = (int) Math.min(MOST_CLUSTERS, (2 * largest + most - 1) / most);
      Dataset<Row> clusters =
          VectorClusters.fit(VectorClusters.sample(chosen, SAMPLE, seed), k, seed)
              .transform(VectorClusters.withFeatures(chosen))
              .select(col("content_id"), col("cluster").as("found"));
      Dataset<Row> found =
          clustered
              .join(
                  clusters,
                  col("size").gt(most).and(col("chosen").equalTo(col("content_id"))),
                  "left")
              .withColumn("cluster", coalesce(col("found"), lit(0)))
              .drop("content_id", "found");
      Dataset<Row> parts =
          found
              .where(col("size").gt(most))
              .groupBy(col("group").as("of_group"), col("cluster").as("of_cluster"))
              .agg(ceil(count(lit(1)).divide(most)).cast("long").as("parts"));
      Column inPart = pmod(xxhash64(lit(seed), col("pair_id")), coalesce(col("parts"), lit(1L)));
      clustered =
          found
              .join(
                  broadcast(parts),
                  col("group")
                      .equalTo(col("of_group"))
                      .and(col("cluster").equalTo(col("of_cluster"))),
                  "left")
              .withColumn("part", inPart);
    }
    return clustered.select(
        "group",
        "cluster",
        "part",
        "pair_id",
        "fresh",
        "prompt_vector",
        "chosen_vector",
        "rejected_vector");
  }

  /** Of a pair what is compared. */
  private static final class Meaning {
    final String id;
    final boolean fresh;
    final float[] prompt;
    final float[] chosen;
    final float[] rejected;

    Meaning(Row row) {
      id = row.getString(3);
      fresh = row.getBoolean(4);
      prompt = VectorClusters.floats(row, 5);
      chosen = VectorClusters.floats(row, 6);
      rejected = VectorClusters.floats(row, 7);
    }
  }

  /** Compares each row with those before it in its part. */
  private static final class Compared implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final double threshold;
    private final List<Meaning> part = new ArrayList<>();
    private final Deque<Row> found = new ArrayDeque<>();
    private Row first;

    Compared(Iterator<Row> rows, double threshold) {
      this.rows = rows;
      this.threshold = threshold;
    }

    @Override
    public boolean hasNext() {
      while (found.isEmpty() && rows.hasNext()) {
        Row row = rows.next();
        if (first == null || !samePart(first, row)) {
          part.clear();
          first = row;
        }
        Meaning b = new Meaning(row);
        for (Meaning a : part) {
          if (a.fresh || b.fresh) {
            compare(a, b);
          }
        }
        part.add(b);
      }
      return !found.isEmpty();
    }

    private static boolean samePart(Row a, Row b) {
      return a.get(0).equals(b.get(0)) && a.get(1).equals(b.get(1)) && a.get(2).equals(b.get(2));
    }

    private void compare(Meaning a, Meaning b) {
      double chosen = VectorClusters.cosine(a.chosen, b.chosen);
      double rejected = VectorClusters.cosine(a.rejected, b.rejected);
      double crossed = VectorClusters.cosine(a.chosen, b.rejected);
      double back = VectorClusters.cosine(a.rejected, b.chosen);
      if (Math.min(crossed, back) >= threshold && crossed + back > chosen + rejected) {
        tell(a, b, REVERSED, Math.min(crossed, back));
        return;
      }
      if (Math.min(chosen, rejected) >= threshold) {
        double prompt = VectorClusters.cosine(a.prompt, b.prompt);
        if (prompt >= threshold) {
          tell(a, b, DUPLICATE, Math.min(prompt, Math.min(chosen, rejected)));
        }
      }
      double mixed = Math.max(crossed, back);
      if (mixed >= threshold && mixed > chosen) {
        tell(a, b, MIXED, mixed);
      }
    }

    private void tell(Meaning a, Meaning b, String kind, double similarity) {
      found.add(RowFactory.create(a.id, b.id, kind, Math.min(1, similarity)));
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return found.remove();
    }
  }
}

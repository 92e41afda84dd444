package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.bit_xor;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.greatest;
import static org.apache.spark.sql.functions.least;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.Iterator;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * The connected components of a graph of edges (see {@link TextDuplicates}).
 *
 * @param finder does what {@link #addedTo} says
 * @param nodes number of nodes
 * @param components number of components
 * @param edges number of edges
 * @param lows exclusive or of the lower halves of all nodes' ids: with their number it tells a node
 *     that is there twice or is none of these
 */
record Clusters(
    UnaryOperator<Dataset<Row>> finder, long nodes, long components, long edges, long lows) {
  /**
   * Edges that a driver takes: 40 bytes each, and some 100 for each node; every executor gets the
   * nodes, some 40 bytes each.
   */
  static final long DRIVER_EDGES = 5_000_000;

  /** Upper half of a row's id. */
  private static final Column HIGH =
      udf((UDF1<String, Long>) RowId::high, DataTypes.LongType).apply(col("id"));

  /** Lower half of a row's id. */
  static final Column LOW =
      udf((UDF1<String, Long>) RowId::low, DataTypes.LongType).apply(col("id"));

  private static final int EDGE_BYTES = TextDuplicates.EDGE * Long.BYTES;

  private static final StructType EDGES =
      new StructType()
          .add("a_high", DataTypes.LongType)
          .add("a_low", DataTypes.LongType)
          .add("b_high", DataTypes.LongType)
          .add("b_low", DataTypes.LongType)
          .add("similarity", DataTypes.DoubleType);

  /**
   * Returns the components: found on the driver if it can take the edges, else on the executors.
   *
   * @param most edges that the driver takes
   */
  static Clusters of(SparkSession spark, JavaRDD<byte[]> edges, long most) {
    JavaRDD<byte[]> kept = edges.persist(StorageLevel.MEMORY_AND_DISK_SER());
    try {
      long count = kept.map(block -> (long) block.length / EDGE_BYTES).fold(0L, Long::sum);
      return count <= most ? onDriver(spark, kept, count) : distributed(spark, kept, count);
    } finally {
      kept.unpersist();
    }
  }

  /**
   * Returns those of the rows that are nodes, with column {@code root}, which is equal in those of
   * one component alone, and in {@code similarity} that of their strongest edge.
   *
   * @param rows with column {@code id}
   */
  Dataset<Row> addedTo(Dataset<Row> rows) {
    // Spark leaves out what is done with rows that are known to be none.
    return finder.apply(nodes == 0 ? rows.where(lit(false)) : rows);
  }

  private static Clusters onDriver(SparkSession spark, JavaRDD<byte[]> edges, long count) {
    Components components = new Components();
    for (byte[] block : edges.collect()) {
      components.joinAll(block);
    }
    components.flatten();
    Broadcast<Components> all =
        JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(components);
    Column node =
        udf(
                (UDF1<String, Integer>) id -> all.value().find(RowId.high(id), RowId.low(id)),
                DataTypes.IntegerType)
            .apply(col("id"));
    return new Clusters(
        rows ->
            rows.withColumn("node", node)
                .where(col("node").geq(0))
                .withColumn("root", ofNode(i -> all.value().root(i), DataTypes.IntegerType))
                .withColumn(
                    "similarity", ofNode(i -> all.value().strongest(i), DataTypes.DoubleType))
                .drop("node"),
        components.size(),
        components.count(),
        count,
        components.lows());
  }

  private static Column ofNode(UDF1<Integer, ?> function, DataType type) {
    return udf(function, type).apply(col("node"));
  }

  /**
   * Alternates large stars and small stars (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii,
   * "Connected Components in MapReduce and Beyond", SoCC 2014) until every node points to the
   * smallest one of its component.
   */
  private static Clusters distributed(SparkSession spark, JavaRDD<byte[]> edges, long count) {
    Dataset<Row> all =
        rows(spark, edges, EDGES)
            .select(
                struct(col("a_high").as("high"), col("a_low").as("low")).as("a"),
                struct(col("b_high").as("high"), col("b_low").as("low")).as("b"),
                col("similarity"));
    Dataset<Row> strongest =
        all.select(col("a").as("node"), col("similarity"))
            .union(all.select(col("b").as("node"), col("similarity")))
            .groupBy("node")
            .agg(max("similarity").as("similarity"))
            .localCheckpoint();
    // An edge points from the larger node to the smaller one.
    Dataset<Row> stars =
        all.where(col("a").notEqual(col("b")))
            .select(greatest(col("a"), col("b")).as("from"), least(col("a"), col("b")).as("to"))
            .distinct()
            .localCheckpoint();
    Row before = null;
    for (Row state = state(stars); !state.equals(before); state = state(stars)) {
      before = state;
      stars = small(large(stars)).localCheckpoint();
    }
    Dataset<Row> members =
        strongest
            .join(stars, strongest.col("node").equalTo(stars.col("from")), "left")
            .select(
                col("node.high"),
                col("node.low"),
                coalesce(col("to"), col("node")).as("root"),
                col("similarity"))
            .localCheckpoint();
    Row counts = members.agg(count(lit(1)), countDistinct("root"), bit_xor(col("low"))).first();
    return new Clusters(
        rows ->
            rows.withColumn("high", HIGH)
                .withColumn("low", LOW)
                .join(members, new String[] {"high", "low"})
                .drop("high", "low"),
        counts.getLong(0),
        counts.getLong(1),
        count,
        counts.getLong(2));
  }

  /** Ties the larger neighbours of each node to the smallest node around it. */
  private static Dataset<Row> large(Dataset<Row> stars) {
    Dataset<Row> both = stars.union(stars.select(col("to").as("from"), col("from").as("to")));
    Dataset<Row> smallest =
        both.groupBy(col("from").as("centre"))
            .agg(min("to").as("neighbour"))
            .select(col("centre"), least(col("centre"), col("neighbour")).as("smallest"));
    return both.join(smallest, col("from").equalTo(col("centre")))
        .where(col("to").gt(col("from")))
        .select(col("to").as("from"), col("smallest").as("to"))
        .distinct();
  }

  /** Ties each node and its smaller neighbours to the smallest of these. */
  private static Dataset<Row> small(Dataset<Row> stars) {
    Dataset<Row> smallest = stars.groupBy(col("from").as("centre")).agg(min("to").as("smallest"));
    Column further = col("to").notEqual(col("smallest"));
    return stars
        .join(smallest, col("from").equalTo(col("centre")))
        .where(further)
        .select(col("to").as("from"), col("smallest").as("to"))
        .union(smallest.select(col("centre").as("from"), col("smallest").as("to")))
        .distinct();
  }

  private static Row state(Dataset<Row> stars) {
    return stars
        .agg(count(lit(1)), sum(xxhash64(col("from"), col("to")).cast("decimal(38,0)")))
        .first();
  }

  private static Dataset<Row> rows(SparkSession spark, JavaRDD<byte[]> blocks, StructType schema) {
    FlatMapFunction<byte[], Row> unpack = Clusters::rows;
    return spark.createDataFrame(blocks.flatMap(unpack), schema);
  }

  /** Records of four longs and a double. */
  private static Iterator<Row> rows(byte[] block) {
    long[] longs = Blocks.longs(block);
    return IntStream.range(0, longs.length / TextDuplicates.EDGE)
        .mapToObj(
            i ->
                RowFactory.create(
                    longs[i * TextDuplicates.EDGE],
                    longs[i * TextDuplicates.EDGE + 1],
                    longs[i * TextDuplicates.EDGE + 2],
                    longs[i * TextDuplicates.EDGE + 3],
                    Double.longBitsToDouble(longs[i * TextDuplicates.EDGE + 4])))
        .iterator();
  }
}

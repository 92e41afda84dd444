package io.github.pairloom.jobs.dedup;

import io.github.pairloom.udfs.image.PerceptualHash;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/**
 * Finds images of equal pixels and images that look alike, in three shuffles of packed records: by
 * pixels and by the whole hash, where one goes on and the others are tied to it, and by the
 * quarters of the hash's lowest 64 bits.
 *
 * <p>The last is multi-index hashing (Norouzi, Punjani, Fleet, CVPR 2012): of hashes that differ in
 * at most {@value #LOWEST_RADIUS} of 64 bits, one of four quarters differs in at most one bit, so
 * looking up the 17 values next to each quarter finds all. No image is held against all others.
 *
 * <p>A picture of next to no structure, such as a blank page, looks like any other of the kind; of
 * those only equal pixels count.
 *
 * <p>Records, all of longs: pixels' hash (2), id (2), perceptual hash (4).
 */
final class ImageDuplicates {
  /** Most differing bits among the 64 lowest frequencies of luminance. */
  static final int LOWEST_RADIUS = 7;

  /** Bits that a hash must have set to say something. */
  static final int LEAST_BITS = 16;

  private static final int ID = 2;
  private static final int HASH = 4;
  private static final int WIDTH = HASH + PerceptualHash.LONGS;

  private static final int QUARTERS = 4;
  private static final int QUARTER_BITS = Long.SIZE / QUARTERS;
  private static final int VALUES = 1 << QUARTER_BITS;

  /** Images of one quarter's value that an image is held against; more are a few kinds of many. */
  private static final int HOT = 4096;

  /**
   * Edges of an image through one quarter, the first in the order of the lists: table {@code
   * duplicates} tells the strongest of these. Of more, those are left out that connect what is
   * connected already: 4,096 copies of one picture would have 8 million.
   */
  private static final int STARS = 16;

  private final JavaSparkContext spark;
  private final int radius;
  private final LongAccumulator cut;

  ImageDuplicates(JavaSparkContext spark, int radius) {
    this.spark = spark;
    this.radius = radius;
    this.cut = spark.sc().longAccumulator("cut image lookups");
  }

  /**
   * Finds the edges.
   *
   * @param images image_id, pixels_sha256 and perceptual_hash
   * @param count their number
   * @return blocks of edges as of {@link TextDuplicates}
   */
  JavaRDD<byte[]> edges(JavaRDD<Row> images, long count) {
    int parts = Blocks.partitions(spark, count);
    JavaRDD<Tuple2<Integer, byte[]>> byPixels =
        Blocks.shuffle(images.mapPartitions(rows -> pack(rows, parts)), parts);
    if (radius < 0) {
      return byPixels
          .mapPartitions(blocks -> tied(blocks, 0, parts, (record, at, sink) -> {}))
          .map(Tuple2::_2);
    }
    int prefix = prefixBits(count);
    int byQuarter = QUARTERS << prefix;
    int most = radius;
    LongAccumulator cutLookups = cut;
    return Blocks.shuffle(
            Blocks.shuffle(
                    byPixels.mapPartitions(
                        blocks ->
                            tied(
                                blocks,
                                0,
                                parts,
                                (records, at, sink) -> {
                                  if (bits(records, at + HASH) >= LEAST_BITS) {
                                    sink.add(
                                        Blocks.lane(mix(records, at + HASH), parts),
                                        Arrays.copyOfRange(records, at, at + WIDTH),
                                        WIDTH);
                                  }
                                })),
                    parts)
                .mapPartitions(
                    blocks ->
                        tied(
                            blocks,
                            HASH,
                            byQuarter,
                            (records, at, sink) -> sendQuarters(records, at, prefix, sink))),
            byQuarter)
        .mapPartitions(blocks -> near(blocks, most, cutLookups));
  }

  /**
   * Returns how many times an image was held against the first {@value #HOT} of a quarter's value
   * alone, once the edges are computed.
   */
  long cutLookups() {
    return cut.value();
  }

  /** Bits of a quarter that choose the partition: more images, more partitions. */
  private static int prefixBits(long count) {
    int bits = 0;
    while (bits < QUARTER_BITS - 1 && ((count * (1 + bits)) >> bits) > Blocks.PARTITION_RECORDS) {
      bits++;
    }
    return bits;
  }

  private static Iterator<Tuple2<Integer, byte[]>> pack(Iterator<Row> rows, int partitions) {
    long[] record = new long[WIDTH];
    return Blocks.pack(
        rows,
        partitions,
        (row, sink) -> {
          String pixels = row.getString(1);
          record[0] = RowId.high(pixels);
          record[1] = RowId.low(pixels);
          record[ID] = RowId.high(row.getString(0));
          record[ID + 1] = RowId.low(row.getString(0));
          System.arraycopy(
              PerceptualHash.fromHex(row.getString(2)), 0, record, HASH, PerceptualHash.LONGS);
          sink.add(Blocks.lane(record[0], partitions), record, WIDTH);
        });
  }

  /** What becomes of the one of each group that goes on. */
  private interface Next {
    void send(long[] records, int at, Blocks.Sink sink);
  }

  /**
   * Ties records of an equal key to the first of them by id.
   *
   * @param key 0 for the pixels' hash, {@link #HASH} for the perceptual one
   */
  private static Iterator<Tuple2<Integer, byte[]>> tied(
      Iterator<Tuple2<Integer, byte[]>> blocks, int key, int partitions, Next next) {
    List<byte[]> edges = new ArrayList<>();
    long[] records = Blocks.concat(blocks, edges);
    int length = key == 0 ? ID : PerceptualHash.LONGS;
    Groups groups = new Groups(records, WIDTH, key);
    long[] edge = new long[TextDuplicates.EDGE];
    edge[4] = Double.doubleToLongBits(1);
    Iterator<Tuple2<Integer, byte[]>> tied =
        Blocks.pack(
            groups.iterator(),
            partitions,
            (group, sink) -> {
              int from = groups.from(group);
              int size = groups.from(group + 1) - from;
              int[] left = IntStream.range(0, size).map(i -> groups.offset(from + i)).toArray();
              while (size > 0) {
                int first = left[0];
                for (int i = 1; i < size; i++) {
                  if (same(records, left[i] + key, first + key, length)
                      && before(records, left[i] + ID, first + ID)) {
                    first = left[i];
                  }
                }
                int others = 0;
                for (int i = 0; i < size; i++) {
                  int at = left[i];
                  if (!same(records, at + key, first + key, length)) {
                    left[others++] = at;
                  } else if (at != first) {
                    System.arraycopy(records, first + ID, edge, 0, 2);
                    System.arraycopy(records, at + ID, edge, 2, 2);
                    sink.add(Blocks.aside(Blocks.lane(edge[2], partitions)), edge, edge.length);
                  }
                }
                next.send(records, first, sink);
                size = others;
              }
            });
    return TextDuplicates.concat(tied, TextDuplicates.passed(edges, partitions));
  }

  /**
   * Sends an image to the partition of each quarter's value, and to those of the values that differ
   * in one bit. A record is the quarter, id (2), hash (4), and whether it is looked up or looks up
   * only.
   */
  private static void sendQuarters(long[] records, int at, int prefix, Blocks.Sink sink) {
    long[] record = new long[2 + WIDTH - ID];
    System.arraycopy(records, at + ID, record, 1, WIDTH - ID);
    for (int quarter = 0; quarter < QUARTERS; quarter++) {
      int value = quarter(records[at + HASH], quarter);
      int start = value >>> (QUARTER_BITS - prefix);
      record[0] = quarter;
      record[record.length - 1] = 1;
      sink.add((quarter << prefix) + start, record, record.length);
      record[record.length - 1] = 0;
      for (int bit = 0; bit < prefix; bit++) {
        sink.add((quarter << prefix) + (start ^ (1 << bit)), record, record.length);
      }
    }
  }

  private static Iterator<byte[]> near(
      Iterator<Tuple2<Integer, byte[]>> blocks, int radius, LongAccumulator cut) {
    List<byte[]> edges = new ArrayList<>();
    long[] records = Blocks.concat(blocks, edges);
    int width = 2 + WIDTH - ID;
    int count = records.length / width;
    int[] order = byId(records, width, count);
    int[] starts = new int[VALUES + 1];
    for (int i = 0; i < count; i++) {
      if (records[i * width + width - 1] == 1) {
        starts[value(records, i * width) + 1]++;
      }
    }
    for (int value = 0; value < VALUES; value++) {
      starts[value + 1] += starts[value];
    }
    int[] index = new int[starts[VALUES]];
    int[] ends = starts.clone();
    for (int i : order) {
      if (records[i * width + width - 1] == 1) {
        index[ends[value(records, i * width)]++] = i;
      }
    }
    long[] edge = new long[TextDuplicates.EDGE];
    // Numbers of records: to look ids up, as Components does, would take longer than all the rest.
    int[] parents = IntStream.range(0, count).toArray();
    Iterator<Tuple2<Integer, byte[]>> found =
        Blocks.pack(
            Arrays.stream(order).iterator(),
            1,
            (i, sink) -> {
              int at = i * width;
              int value = value(records, at);
              int stars = 0;
              for (int bit = -1; bit < QUARTER_BITS; bit++) {
                int beside = bit < 0 ? value : value ^ (1 << bit);
                int end = Math.min(starts[beside + 1], starts[beside] + HOT);
                for (int k = starts[beside]; k < end; k++) {
                  int there = index[k] * width;
                  if (Long.bitCount(records[at + 3] ^ records[there + 3]) <= LOWEST_RADIUS
                      && before(records, there + 1, at + 1)
                      && (stars < STARS || root(parents, index[k]) != root(parents, i))) {
                    int distance = PerceptualHash.distance(records, at + 3, records, there + 3);
                    if (distance <= radius) {
                      System.arraycopy(records, there + 1, edge, 0, 2);
                      System.arraycopy(records, at + 1, edge, 2, 2);
                      edge[4] =
                          Double.doubleToLongBits(1 - (double) distance / PerceptualHash.BITS);
                      sink.add(0, edge, edge.length);
                      stars++;
                      parents[root(parents, i)] = root(parents, index[k]);
                    }
                  }
                }
                cut.add(end < starts[beside + 1] ? 1 : 0);
              }
            });
    return TextDuplicates.concat(new TextDuplicates.Seconds(found), edges.iterator());
  }

  /** Returns the record that stands for all that {@code i} is connected to. */
  private static int root(int[] parents, int i) {
    int node = i;
    while (parents[node] != node) {
      parents[node] = parents[parents[node]];
      node = parents[node];
    }
    return node;
  }

  /** Lists are looked through in an order that no shuffle changes. */
  private static int[] byId(long[] records, int width, int count) {
    return IntStream.range(0, count)
        .boxed()
        .sorted(
            (a, b) ->
                before(records, a * width + 1, b * width + 1)
                    ? -1
                    : before(records, b * width + 1, a * width + 1) ? 1 : 0)
        .mapToInt(i -> i)
        .toArray();
  }

  private static int value(long[] records, int at) {
    return quarter(records[at + 3], (int) records[at]);
  }

  private static int quarter(long lowest, int quarter) {
    return (int) (lowest >>> (quarter * QUARTER_BITS)) & (VALUES - 1);
  }

  private static boolean same(long[] records, int a, int b, int length) {
    return Arrays.equals(records, a, a + length, records, b, b + length);
  }

  private static boolean before(long[] records, int a, int b) {
    int order = Long.compareUnsigned(records[a], records[b]);
    return order < 0 || (order == 0 && Long.compareUnsigned(records[a + 1], records[b + 1]) < 0);
  }

  private static int bits(long[] records, int at) {
    int bits = 0;
    for (int i = 0; i < PerceptualHash.LONGS; i++) {
      bits += Long.bitCount(records[at + i]);
    }
    return bits;
  }

  private static long mix(long[] records, int at) {
    long hash = 0;
    for (int i = 0; i < PerceptualHash.LONGS; i++) {
      hash = (hash ^ records[at + i]) * 0x9FB21C651E98DF25L;
      hash ^= hash >>> 32;
    }
    return hash;
  }
}

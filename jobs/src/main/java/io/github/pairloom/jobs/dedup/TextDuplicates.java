package io.github.pairloom.jobs.dedup;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.udf;

import io.github.pairloom.udfs.dedup.Bucket;
import io.github.pairloom.udfs.dedup.Jaccard;
import io.github.pairloom.udfs.dedup.Shingles;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.dedup.TextSigner;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/**
 * Finds the rows of text that are alike, each new one among all, in four shuffles of packed
 * records:
 *
 * <ol>
 *   <li>by content: of rows with equal texts one goes on, the others are tied to it, most of them
 *       before they are shuffled;
 *   <li>by the bucket of each band: {@link Bucket} gives pairs that may be alike;
 *   <li>by the first row of each pair: pairs that several bands gave become one, and take up the
 *       first row's n-grams;
 *   <li>by the second row: its n-grams are met, and the true similarity is computed.
 * </ol>
 *
 * <p>Only rows that are in a pair send their n-grams through a shuffle, once each. A hot bucket, or
 * a row with many duplicates, costs as much for each row as a small one.
 *
 * <p>Records, all of longs: a signature is content (2), id (2), sketch (2), a key for each band; a
 * bucket's row is key, id's first half, sketch (2); a pair is two such halves; a set is id's first
 * half, id (2), size, n-grams; an edge is two ids (4) and the similarity's bits.
 */
final class TextDuplicates {
  /** Longs of an edge. */
  static final int EDGE = 5;

  private static final int ID = 2;
  private static final int SIGNED = 4;
  private static final int ROW = 4;
  private static final int PAIR = 2;
  private static final int SET_HEAD = 4;

  /**
   * Contents that a task remembers before the first shuffle, 2 MiB: of rows with the same texts,
   * such as yes and no, few go on, or all would meet in one task.
   */
  private static final int REMEMBERED = 1 << 16;

  /** Records that are as large as a set of n-grams: one of 250 words. */
  private static final int SET_RECORDS = 64;

  private final JavaSparkContext spark;
  private final TextDedup settings;
  private final LongAccumulator crowded;
  private final List<JavaRDD<?>> kept = new ArrayList<>();

  TextDuplicates(JavaSparkContext spark, TextDedup settings) {
    this.spark = spark;
    this.settings = settings;
    this.crowded = spark.sc().longAccumulator("crowded buckets");
  }

  /**
   * Finds the edges between a new row and any other.
   *
   * @param fresh id and signature of each new row
   * @param freshRows their number
   * @param known columns {@code pair_id} and {@code signature} of the rows that an earlier run has
   *     compared
   * @param knownRows their number
   * @param texts columns {@code pair_id} and the texts of all these rows
   * @return blocks of edges
   */
  JavaRDD<byte[]> edges(
      JavaRDD<Row> fresh, long freshRows, Dataset<Row> known, long knownRows, Dataset<Row> texts) {
    int bands = new TextSigner(settings).length() - TextSigner.BANDS;
    JavaRDD<Row> worthKnowing =
        (knownRows == 0 ? known : known.where(sharing(fresh, freshRows, bands))).toJavaRDD();
    int byContent = Blocks.partitions(spark, freshRows + knownRows);
    int byBand = Blocks.partitions(spark, (freshRows + knownRows) * bands);
    JavaRDD<Tuple2<Integer, byte[]>> signed =
        pack(fresh, 1, byContent).union(pack(worthKnowing, 0, byContent));
    JavaRDD<Tuple2<Integer, byte[]>> rows =
        Blocks.shuffle(signed, byContent).mapPartitions(b -> distinct(b, bands, byBand));
    double threshold = settings.threshold();
    // Of known rows only those in a pair with a new one come here.
    int byRow = Blocks.partitions(spark, Math.max(freshRows + knownRows, freshRows * SET_RECORDS));
    LongAccumulator overfull = crowded;
    JavaRDD<Tuple2<Integer, byte[]>> pairs =
        keep(
            Blocks.shuffle(
                    Blocks.shuffle(rows, byBand)
                        .mapPartitions(b -> paired(b, threshold, byRow, overfull)),
                    byRow)
                .mapPartitions(TextDuplicates::distinctPairs));
    JavaRDD<byte[]> equal = pairs.filter(b -> b._1() < 0).map(Tuple2::_2);
    JavaRDD<Tuple2<Integer, byte[]>> candidates = pairs.filter(b -> b._1() >= 0);
    Broadcast<KeyFilter> wanted = spark.broadcast(members(candidates));
    TextDedup how = settings;
    // In the query, so that the texts of the others are no strings to Java.
    Column inPair =
        udf(
                (UDF1<String, Boolean>) id -> wanted.value().mayContain(RowId.high(id)),
                DataTypes.BooleanType)
            .apply(col("pair_id"));
    JavaRDD<Tuple2<Integer, byte[]>> sets =
        keep(
            Blocks.shuffle(
                texts.where(inPair).toJavaRDD().mapPartitions(r -> sets(r, how, byRow)), byRow));
    JavaRDD<Tuple2<Integer, byte[]>> halves =
        Blocks.shuffle(
            candidates.zipPartitions(sets, (c, s) -> halves(c, new Sets(s), byRow)), byRow);
    boolean everyColumn = settings.everyColumn();
    JavaRDD<byte[]> alike =
        halves.zipPartitions(sets, (h, s) -> verified(h, new Sets(s), threshold, everyColumn));
    return equal.union(alike);
  }

  /** Returns the number of buckets of which pairs were left out, as {@link Bucket#pairs} says. */
  long crowdedBuckets() {
    return crowded.value();
  }

  /** Frees what the edges were computed from, and them. */
  void release() {
    kept.forEach(JavaRDD::unpersist);
    kept.clear();
  }

  private <T> JavaRDD<T> keep(JavaRDD<T> rows) {
    kept.add(rows.persist(StorageLevel.MEMORY_AND_DISK_SER()));
    return rows;
  }

  private static JavaRDD<Tuple2<Integer, byte[]>> pack(
      JavaRDD<Row> signatures, long mark, int partitions) {
    return signatures.mapPartitions(
        rows -> {
          // The first by id of a content goes on, so that the order of rows changes nothing: one
          // before those that went on, or one whose content was pushed out, does too.
          long[] sent = new long[REMEMBERED * SIGNED];
          Arrays.fill(sent, -1);
          return Blocks.pack(
              rows,
              partitions,
              (row, sink) -> {
                String id = row.getString(0);
                long[] signature = Blocks.longs(row.getAs(1));
                long[] record = new long[signature.length + 2];
                System.arraycopy(signature, 0, record, 0, ID);
                record[ID] = RowId.high(id) | mark;
                record[ID + 1] = RowId.low(id);
                System.arraycopy(signature, ID, record, SIGNED, signature.length - ID);
                int slot = Blocks.lane(signature[0], REMEMBERED) * SIGNED;
                if (Arrays.equals(sent, slot, slot + ID, record, 0, ID)
                    && compareIds(record, 0, sent, slot) >= 0) {
                  tie(sent, slot, record, 0, partitions, sink);
                } else {
                  System.arraycopy(record, 0, sent, slot, SIGNED);
                  sink.add(Blocks.lane(signature[0], partitions), record, record.length);
                }
              });
        });
  }

  /** Ties rows of equal content to one of them, and sends that one to its buckets. */
  private static Iterator<Tuple2<Integer, byte[]>> distinct(
      Iterator<Tuple2<Integer, byte[]>> blocks, int bands, int partitions) {
    int width = SIGNED + TextSigner.BANDS - ID + bands;
    List<byte[]> edges = new ArrayList<>();
    long[] records = Blocks.concat(blocks, edges);
    Groups groups = new Groups(records, width, 0);
    long[] row = new long[ROW];
    Iterator<Tuple2<Integer, byte[]>> rows =
        Blocks.pack(
            groups.iterator(),
            partitions,
            (group, sink) -> {
              int from = groups.from(group);
              int size = groups.from(group + 1) - from;
              int[] left = new int[size];
              for (int i = 0; i < size; i++) {
                left[i] = groups.offset(from + i);
              }
              // One turn, but for groups that have half of the content's hash in common only.
              while (size > 0) {
                int first = left[0];
                for (int i = 1; i < size; i++) {
                  boolean equal = records[left[i] + 1] == records[first + 1];
                  first =
                      equal && compareIds(records, left[i], records, first) < 0 ? left[i] : first;
                }
                int others = 0;
                for (int i = 0; i < size; i++) {
                  int at = left[i];
                  if (records[at + 1] != records[first + 1]) {
                    left[others++] = at;
                  } else if (at != first) {
                    tie(records, first, records, at, partitions, sink);
                  }
                }
                row[1] = records[first + ID];
                row[2] = records[first + SIGNED];
                row[3] = records[first + SIGNED + 1];
                for (int band = width - bands; band < width; band++) {
                  row[0] = records[first + band];
                  sink.add(Blocks.lane(row[0], partitions), row, ROW);
                }
                size = others;
              }
            });
    return concat(rows, passed(edges, partitions));
  }

  /** Earlier runs' rows come first, so that new ones are tied to them. */
  private static int compareIds(long[] a, int aOffset, long[] b, int bOffset) {
    int order = Long.compare(a[aOffset + ID] & 1, b[bOffset + ID] & 1);
    if (order == 0) {
      order = Long.compareUnsigned(a[aOffset + ID], b[bOffset + ID]);
    }
    return order != 0 ? order : Long.compareUnsigned(a[aOffset + ID + 1], b[bOffset + ID + 1]);
  }

  /**
   * Writes the edge of a row to the first of equal content, unless an earlier run has seen both.
   */
  private static void tie(
      long[] firsts, int first, long[] records, int at, int partitions, Blocks.Sink sink) {
    if ((records[at + ID] & 1) != 0) {
      long[] edge = {
        RowId.unmarked(firsts[first + ID]),
        firsts[first + ID + 1],
        RowId.unmarked(records[at + ID]),
        records[at + ID + 1],
        Double.doubleToLongBits(1)
      };
      sink.add(Blocks.aside(Blocks.lane(edge[2], partitions)), edge, EDGE);
    }
  }

  /** Returns blocks of edges on their way through the next shuffle: they need nothing more. */
  static Iterator<Tuple2<Integer, byte[]>> passed(List<byte[]> edges, int partitions) {
    return Blocks.pack(
        edges.iterator(),
        partitions,
        (block, sink) -> {
          long[] longs = Blocks.longs(block);
          sink.add(Blocks.aside(Blocks.lane(longs[2], partitions)), longs, longs.length);
        });
  }

  /** Gives the pairs of each bucket. */
  private static Iterator<Tuple2<Integer, byte[]>> paired(
      Iterator<Tuple2<Integer, byte[]>> blocks,
      double threshold,
      int partitions,
      LongAccumulator crowded) {
    List<byte[]> edges = new ArrayList<>();
    long[] records = Blocks.concat(blocks, edges);
    Groups groups = new Groups(records, ROW, 0);
    Bucket bucket = new Bucket(threshold);
    long[] pair = new long[PAIR];
    Iterator<Tuple2<Integer, byte[]>> pairs =
        Blocks.pack(
            groups.iterator(),
            partitions,
            (group, sink) -> {
              int from = groups.from(group);
              int to = groups.from(group + 1);
              if (to - from > 1) {
                bucket.clear();
                for (int place = from; place < to; place++) {
                  int at = groups.offset(place);
                  bucket.add(records[at + 1], records, at + 2);
                }
                boolean overfull =
                    bucket.pairs(
                        (a, b) -> {
                          pair[0] = RowId.unmarked(a);
                          pair[1] = RowId.unmarked(b);
                          sink.add(Blocks.lane(pair[0], partitions), pair, PAIR);
                        });
                crowded.add(overfull ? 1 : 0);
              }
            });
    return concat(pairs, passed(edges, partitions));
  }

  private static Iterator<Tuple2<Integer, byte[]>> distinctPairs(
      Iterator<Tuple2<Integer, byte[]>> blocks) {
    List<byte[]> pairs = new ArrayList<>();
    List<Tuple2<Integer, byte[]>> edges = new ArrayList<>();
    blocks.forEachRemaining(
        block -> {
          if (block._1() < 0) {
            edges.add(block);
          } else {
            pairs.add(block._2());
          }
        });
    long[] records = Blocks.concat(pairs);
    Groups groups = new Groups(records, PAIR, 0);
    long[] pair = new long[PAIR];
    return concat(
        Blocks.pack(
            groups.iterator(),
            1,
            (group, sink) -> {
              long[] seconds = new long[groups.from(group + 1) - groups.from(group)];
              for (int i = 0; i < seconds.length; i++) {
                seconds[i] = records[groups.offset(groups.from(group) + i) + 1];
              }
              Arrays.sort(seconds);
              pair[0] = records[groups.offset(groups.from(group))];
              for (int i = 0; i < seconds.length; i++) {
                if (i == 0 || seconds[i] != seconds[i - 1]) {
                  pair[1] = seconds[i];
                  sink.add(0, pair, PAIR);
                }
              }
            }),
        edges.iterator());
  }

  /** Returns a filter of the rows that are in a pair. */
  private static KeyFilter members(JavaRDD<Tuple2<Integer, byte[]>> candidates) {
    long halves = candidates.map(b -> (long) b._2().length / Long.BYTES).fold(0L, Long::sum);
    return filter(candidates.flatMap(b -> Arrays.stream(Blocks.longs(b._2())).iterator()), halves);
  }

  /** Returns whether a row with column {@code signature} shares content or a bucket with these. */
  private Column sharing(JavaRDD<Row> fresh, long freshRows, int bands) {
    Broadcast<KeyFilter> keys =
        spark.broadcast(
            filter(
                fresh.flatMap(row -> keys(Blocks.longs(row.getAs(1))).iterator()),
                freshRows * (bands + 1)));
    return udf(
            (UDF1<byte[], Boolean>) signature -> shares(Blocks.longs(signature), keys.value()),
            DataTypes.BooleanType)
        .apply(col("signature"));
  }

  private static boolean shares(long[] signature, KeyFilter keys) {
    boolean shared = keys.mayContain(signature[TextSigner.CONTENT]);
    for (int i = TextSigner.BANDS; i < signature.length && !shared; i++) {
      shared = keys.mayContain(signature[i]);
    }
    return shared;
  }

  private static LongStream keys(long[] signature) {
    return LongStream.concat(
        LongStream.of(signature[TextSigner.CONTENT]),
        Arrays.stream(signature, TextSigner.BANDS, signature.length));
  }

  private static KeyFilter filter(JavaRDD<Long> keys, long expected) {
    return keys.mapPartitions(
            part -> {
              KeyFilter filter = KeyFilter.of(expected);
              part.forEachRemaining(filter::add);
              return List.of(filter).iterator();
            })
        .treeReduce(KeyFilter::merge);
  }

  /** Sends the n-grams of the rows that are in a pair to where they are met. */
  private static Iterator<Tuple2<Integer, byte[]>> sets(
      Iterator<Row> rows, TextDedup settings, int partitions) {
    Shingles shingles = new Shingles(settings.unit(), settings.n());
    String[] texts = new String[settings.columns().size()];
    return Blocks.pack(
        rows,
        partitions,
        (row, sink) -> {
          String id = row.getString(0);
          long half = RowId.high(id);
          for (int i = 0; i < texts.length; i++) {
            texts[i] = row.getString(i + 1);
          }
          shingles.read(texts);
          long[] grams = shingles.distinct();
          long[] record = new long[SET_HEAD + grams.length];
          record[0] = half;
          record[1] = half;
          record[2] = RowId.low(id);
          record[3] = grams.length;
          System.arraycopy(grams, 0, record, SET_HEAD, grams.length);
          sink.add(Blocks.lane(half, partitions), record, record.length);
        });
  }

  /**
   * Gives the first rows of pairs what they need to meet their second rows. A record is the number
   * of second rows, the first halves of their ids, and the first row's set.
   */
  private static Iterator<Tuple2<Integer, byte[]>> halves(
      Iterator<Tuple2<Integer, byte[]>> candidates, Sets sets, int partitions) {
    long[] records = Blocks.concat(candidates);
    Groups groups = new Groups(records, PAIR, 0);
    return Blocks.pack(
        groups.iterator(),
        partitions,
        (group, sink) -> {
          int from = groups.from(group);
          long[] seconds = new long[groups.from(group + 1) - from];
          for (int i = 0; i < seconds.length; i++) {
            seconds[i] = records[groups.offset(from + i) + 1];
          }
          sets.forEach(
              records[groups.offset(from)],
              set -> {
                boolean[] sent = new boolean[seconds.length];
                for (int i = 0; i < seconds.length; i++) {
                  if (!sent[i]) {
                    send(seconds, i, sent, sets, set, partitions, sink);
                  }
                }
              });
        });
  }

  private static void send(
      long[] seconds,
      int first,
      boolean[] sent,
      Sets sets,
      int set,
      int partitions,
      Blocks.Sink sink) {
    int lane = Blocks.lane(seconds[first], partitions);
    int size = sets.size(set);
    long[] record = new long[1 + seconds.length - first + size];
    int count = 0;
    for (int i = first; i < seconds.length; i++) {
      if (!sent[i] && Blocks.lane(seconds[i], partitions) == lane) {
        sent[i] = true;
        record[++count] = seconds[i];
      }
    }
    record[0] = count;
    sets.copy(set, record, 1 + count);
    sink.add(lane, record, 1 + count + size);
  }

  private static Iterator<byte[]> verified(
      Iterator<Tuple2<Integer, byte[]>> halves, Sets sets, double threshold, boolean everyColumn) {
    long[] edge = new long[EDGE];
    Iterator<Tuple2<Integer, byte[]>> edges =
        Blocks.pack(
            halves,
            1,
            (block, sink) -> {
              long[] records = Blocks.longs(block._2());
              for (int at = 0; at < records.length; ) {
                int count = (int) records[at];
                int set = at + 1 + count;
                int size = (int) records[set + SET_HEAD - 1];
                long[] first = Arrays.copyOfRange(records, set + SET_HEAD, set + SET_HEAD + size);
                edge[0] = records[set + 1];
                edge[1] = records[set + 2];
                for (int i = at + 1; i <= at + count; i++) {
                  sets.forEach(
                      records[i],
                      other -> {
                        long[] second = sets.grams(other);
                        double similarity =
                            everyColumn
                                ? Jaccard.ofLeastAlikeColumn(first, second)
                                : Jaccard.of(first, second);
                        if (similarity >= threshold) {
                          edge[2] = sets.high(other);
                          edge[3] = sets.low(other);
                          edge[4] = Double.doubleToLongBits(similarity);
                          sink.add(0, edge, EDGE);
                        }
                      });
                }
                at = set + SET_HEAD + size;
              }
            });
    return new Seconds(edges);
  }

  /** Returns the elements of {@code a}, then those of {@code b}. */
  static <T> Iterator<T> concat(Iterator<T> a, Iterator<T> b) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return a.hasNext() || b.hasNext();
      }

      @Override
      public T next() {
        return a.hasNext() ? a.next() : b.next();
      }
    };
  }

  /** The blocks alone, without their lanes. */
  record Seconds(Iterator<Tuple2<Integer, byte[]>> blocks) implements Iterator<byte[]> {
    @Override
    public boolean hasNext() {
      return blocks.hasNext();
    }

    @Override
    public byte[] next() {
      return blocks.next()._2();
    }
  }

  /** The sets of a partition, by the first half of their rows' ids. */
  private static final class Sets {
    private final long[] records;
    private final int[] table;

    Sets(Iterator<Tuple2<Integer, byte[]>> blocks) {
      records = Blocks.concat(blocks);
      int count = 0;
      for (int at = 0; at < records.length; at += size(at)) {
        count++;
      }
      table = new int[Math.max(2, Integer.highestOneBit(count) << 2)];
      Arrays.fill(table, -1);
      for (int at = 0; at < records.length; at += size(at)) {
        int slot = slot(records[at]);
        while (table[slot] >= 0) {
          slot = (slot + 1) & (table.length - 1);
        }
        table[slot] = at;
      }
    }

    void forEach(long half, IntConsumer action) {
      for (int slot = slot(half); table[slot] >= 0; slot = (slot + 1) & (table.length - 1)) {
        if (records[table[slot]] == half) {
          action.accept(table[slot]);
        }
      }
    }

    /** Returns the longs of the set at {@code at}. */
    int size(int at) {
      return SET_HEAD + (int) records[at + SET_HEAD - 1];
    }

    long high(int at) {
      return records[at + 1];
    }

    long low(int at) {
      return records[at + 2];
    }

    long[] grams(int at) {
      return Arrays.copyOfRange(records, at + SET_HEAD, at + size(at));
    }

    void copy(int at, long[] target, int offset) {
      System.arraycopy(records, at, target, offset, size(at));
    }

    private int slot(long half) {
      return (int) ((half * 0x9E3779B97F4A7C15L) >>> 32) & (table.length - 1);
    }
  }
}

package io.github.pairloom.jobs.dedup;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.HashPartitioner;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

/**
 * Records of longs on their way through a shuffle, thousands of them in one row of it. What Spark
 * does for a row of a shuffle costs more than all that is done here with a record.
 *
 * <p>A block's lane is the partition it goes to, or {@link #aside} of it for records of a second
 * kind.
 */
final class Blocks {
  /** Records of a partition: some ten megabytes, whatever the number of rows. */
  static final long PARTITION_RECORDS = 1_000_000;

  private static final int BLOCK_LONGS = 4096;
  private static final int MOST_PARTITIONS = 1 << 16;

  private Blocks() {}

  /** Takes records. */
  interface Sink {
    /** Adds the first {@code length} longs of {@code record} to a lane. */
    void add(int lane, long[] record, int length);
  }

  /** What is done with each element of a partition; may be a function with a state. */
  interface Work<T> {
    /** Writes what becomes of {@code element}. */
    void accept(T element, Sink sink);
  }

  /** Returns the lane to partition {@code lane} for records of the second kind. */
  static int aside(int lane) {
    return -1 - lane;
  }

  /** Returns how many partitions so many records are to have, one for each core at least. */
  static int partitions(JavaSparkContext spark, long records) {
    long parts = (records + PARTITION_RECORDS - 1) / PARTITION_RECORDS;
    return (int) Math.max(spark.defaultParallelism(), Math.min(parts, MOST_PARTITIONS));
  }

  /** Returns the lane that records with this key take. */
  static int lane(long key, int partitions) {
    // The upper bits: the lower ones may hold marks.
    return (int) Long.remainderUnsigned(key >>> 16, partitions);
  }

  /** Returns the blocks that {@code work} makes of the elements. */
  static <T> Iterator<Tuple2<Integer, byte[]>> pack(
      Iterator<T> elements, int partitions, Work<T> work) {
    return new Packer<>(elements, partitions, work);
  }

  /** Returns the records of a block, one after the other. */
  static long[] longs(byte[] block) {
    long[] longs = new long[block.length / Long.BYTES];
    ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(longs);
    return longs;
  }

  /** Returns the bytes of the first {@code length} longs. */
  static byte[] bytes(long[] longs, int length) {
    byte[] block = new byte[length * Long.BYTES];
    ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().put(longs, 0, length);
    return block;
  }

  /** Returns all records of the blocks in one array, whatever their lanes. */
  static long[] concat(Iterator<Tuple2<Integer, byte[]>> blocks) {
    List<byte[]> bytes = new ArrayList<>();
    blocks.forEachRemaining(block -> bytes.add(block._2()));
    return concat(bytes);
  }

  /** Returns the records of all blocks but those {@link #aside}, which are added to a list. */
  static long[] concat(Iterator<Tuple2<Integer, byte[]>> blocks, List<byte[]> aside) {
    List<byte[]> others = new ArrayList<>();
    blocks.forEachRemaining(block -> (block._1() < 0 ? aside : others).add(block._2()));
    return concat(others);
  }

  /** Returns all records of the blocks in one array. */
  static long[] concat(List<byte[]> blocks) {
    int bytes = 0;
    for (byte[] block : blocks) {
      bytes = Math.addExact(bytes, block.length);
    }
    long[] longs = new long[bytes / Long.BYTES];
    int at = 0;
    for (byte[] block : blocks) {
      int length = block.length / Long.BYTES;
      ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(longs, at, length);
      at += length;
    }
    return longs;
  }

  /** Returns the blocks, each in the partition of its lane. */
  static JavaRDD<Tuple2<Integer, byte[]>> shuffle(
      JavaRDD<Tuple2<Integer, byte[]>> blocks, int partitions) {
    return JavaPairRDD.fromJavaRDD(blocks).partitionBy(new Lanes(partitions)).map(b -> b);
  }

  private static final class Lanes extends Partitioner {
    private static final long serialVersionUID = 1L;

    private final HashPartitioner partitions;

    Lanes(int partitions) {
      this.partitions = new HashPartitioner(partitions);
    }

    @Override
    public int numPartitions() {
      return partitions.numPartitions();
    }

    @Override
    public int getPartition(Object key) {
      int lane = (Integer) key;
      return lane < 0 ? aside(lane) : lane;
    }
  }

  private static final class Packer<T> implements Iterator<Tuple2<Integer, byte[]>>, Sink {
    private final Iterator<T> elements;
    private final int partitions;
    private final Work<T> work;
    private final long[][] buffers;
    private final int[] sizes;
    private final Deque<Tuple2<Integer, byte[]>> full = new ArrayDeque<>();
    private int flushed;

    Packer(Iterator<T> elements, int partitions, Work<T> work) {
      this.elements = elements;
      this.partitions = partitions;
      this.work = work;
      this.buffers = new long[2 * partitions][];
      this.sizes = new int[2 * partitions];
    }

    @Override
    public void add(int lane, long[] record, int length) {
      int slot = lane < 0 ? partitions + aside(lane) : lane;
      long[] buffer = buffers[slot];
      if (buffer == null) {
        buffer = new long[Math.max(64, length)];
      } else if (sizes[slot] + length > BLOCK_LONGS) {
        flush(slot);
      }
      if (sizes[slot] + length > buffer.length) {
        buffer =
            Arrays.copyOf(
                buffer, Math.max(sizes[slot] + length, Math.min(2 * buffer.length, BLOCK_LONGS)));
      }
      buffers[slot] = buffer;
      System.arraycopy(record, 0, buffer, sizes[slot], length);
      sizes[slot] += length;
    }

    private void flush(int slot) {
      if (sizes[slot] > 0) {
        int lane = slot < partitions ? slot : aside(slot - partitions);
        full.add(new Tuple2<>(lane, bytes(buffers[slot], sizes[slot])));
        sizes[slot] = 0;
      }
    }

    @Override
    public boolean hasNext() {
      while (full.isEmpty()) {
        if (elements.hasNext()) {
          work.accept(elements.next(), this);
        } else if (flushed < buffers.length) {
          flush(flushed);
          buffers[flushed++] = null;
        } else {
          return false;
        }
      }
      return true;
    }

    @Override
    public Tuple2<Integer, byte[]> next() {
      if (!hasNext()) {
        throw new NoSuchElementException("no more blocks");
      }
      return full.remove();
    }
  }
}

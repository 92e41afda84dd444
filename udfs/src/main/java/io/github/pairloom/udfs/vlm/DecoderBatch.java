package io.github.pairloom.udfs.vlm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;

/**
 * The input of one run of the decoder, without its caches, and room for its logits. Its memory lies
 * outside of the heap and is used again and again: the runtime reads and writes it in place. Not
 * thread-safe.
 */
final class DecoderBatch {
  private static final int START = 1 << 12;

  private FloatBuffer embeddings = floats(START);
  private LongBuffer positions = longs(START);
  private LongBuffer mask = longs(START);
  private FloatBuffer logits = floats(START);
  private int rows;
  private int length;
  private int past;

  /** Makes room for {@code rows} sequences of {@code length} new places after {@code past}. */
  void reset(int rows, int length, int past, int width) {
    this.rows = rows;
    this.length = length;
    this.past = past;
    int places = rows * length;
    int attended = rows * (past + length);
    if (embeddings.capacity() < places * width) {
      embeddings = floats(grown(places * width));
    }
    if (positions.capacity() < places) {
      positions = longs(grown(places));
    }
    if (mask.capacity() < attended) {
      mask = longs(grown(attended));
    }
    embeddings.limit(places * width).position(0);
    positions.limit(places).position(0);
    mask.limit(attended).position(0);
  }

  int rows() {
    return rows;
  }

  /** Returns the number of new places per row. */
  int length() {
    return length;
  }

  /** Returns the number of places before the new ones. */
  int past() {
    return past;
  }

  /** Returns [rows, length, width], to be filled. */
  FloatBuffer embeddings() {
    return embeddings;
  }

  /** Returns [rows, length], to be filled. */
  LongBuffer positions() {
    return positions;
  }

  /** Returns [rows, past + length], to be filled: 1 where a place may be attended to, else 0. */
  LongBuffer mask() {
    return mask;
  }

  /** Returns room for {@code size} logits; those of the run before are gone with it. */
  FloatBuffer logits(int size) {
    if (logits.capacity() < size) {
      logits = floats(grown(size));
    }
    return logits.clear().limit(size);
  }

  /** Turns from being filled to being read. */
  void finish() {
    if (embeddings.hasRemaining() || positions.hasRemaining() || mask.hasRemaining()) {
      throw new IllegalStateException(
          "The batch lacks %s embedding values, %s positions, %s mask values"
              .formatted(embeddings.remaining(), positions.remaining(), mask.remaining()));
    }
    embeddings.rewind();
    positions.rewind();
    mask.rewind();
  }

  private static int grown(int needed) {
    return needed + needed / 2;
  }

  private static FloatBuffer floats(int capacity) {
    return bytes(capacity * Float.BYTES).asFloatBuffer();
  }

  private static LongBuffer longs(int capacity) {
    return bytes(capacity * Long.BYTES).asLongBuffer();
  }

  private static ByteBuffer bytes(int size) {
    return ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
  }
}

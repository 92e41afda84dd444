package io.github.pairloom.udfs.image;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * What a vision model reads of one image: float32 of shape [3, height, width], channels red, green,
 * blue. Immutable; two tensors are equal if their shapes and the bits of all their values are.
 */
public final class PixelTensor {
  /** Values that are hashed at once, to do without a copy of all. */
  private static final int PIECE = 2048;

  private final int height;
  private final int width;
  private final float[] data;
  private volatile String sha256;

  private PixelTensor(int height, int width, float[] data) {
    if (height < 1 || width < 1) {
      throw new IllegalArgumentException(
          "Invalid tensor size: " + height + "x" + width + " (both must be at least 1)");
    }
    if (data.length != (long) RgbImage.CHANNELS * height * width) {
      throw new IllegalArgumentException(
          "Invalid data of a tensor [3, %d, %d]: %d values (must be %d)"
              .formatted(height, width, data.length, (long) RgbImage.CHANNELS * height * width));
    }
    this.height = height;
    this.width = width;
    this.data = data;
  }

  /** Returns a tensor with a copy of {@code data}, in order channel, row, column. */
  public static PixelTensor copyOf(int height, int width, float[] data) {
    return new PixelTensor(height, width, requireNonNull(data, "data is null").clone());
  }

  /** Returns a tensor that owns {@code data}: the caller must not keep it. */
  static PixelTensor wrap(int height, int width, float[] data) {
    return new PixelTensor(height, width, data);
  }

  /** Returns 3. */
  public int channels() {
    return RgbImage.CHANNELS;
  }

  /** Returns the number of rows, at least 1. */
  public int height() {
    return height;
  }

  /** Returns the number of columns, at least 1. */
  public int width() {
    return width;
  }

  /** Returns the memory that the values take. */
  public long bytes() {
    return (long) data.length * Float.BYTES;
  }

  /** Returns one value. */
  public float value(int channel, int y, int x) {
    return data[(channel * height + y) * width + x];
  }

  /** Returns the values in order channel, row, column, as a view that cannot be written to. */
  public FloatBuffer data() {
    return FloatBuffer.wrap(data).asReadOnlyBuffer();
  }

  /** Returns a copy of the values in order channel, row, column. */
  public float[] toArray() {
    return data.clone();
  }

  /**
   * Returns the SHA-256, in hex, of the values as little-endian float32 in order channel, row,
   * column ({@code numpy}: {@code sha256(a.astype("<f4").tobytes())}). The shape is not part of it.
   */
  public String sha256() {
    // Asked for again with every attempt at a rejected response; the same whoever writes it.
    String known = sha256;
    if (known == null) {
      known = digest();
      sha256 = known;
    }
    return known;
  }

  private String digest() {
    ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (int from = 0; from < data.length; from += PIECE) {
        int count = Math.min(PIECE, data.length - from);
        bytes.asFloatBuffer().put(data, from, count);
        digest.update(bytes.array(), 0, count * Float.BYTES);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("This Java has no SHA-256, which every Java must have", e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PixelTensor that
        && height == that.height
        && width == that.width
        && Arrays.equals(data, that.data);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * height + width) + Arrays.hashCode(data);
  }

  @Override
  public String toString() {
    return "PixelTensor[3, " + height + ", " + width + "]";
  }
}

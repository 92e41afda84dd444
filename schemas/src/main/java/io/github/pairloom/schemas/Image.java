package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;

/**
 * One row of {@code images}: a distinct image of the sources, and where its bytes lie.
 *
 * @param imageId SHA-256 (hex) of the image file's bytes
 * @param uri file that holds the bytes: the image itself, or the tar it lies in
 * @param byteOffset where the bytes start in the file
 * @param byteLength number of bytes
 * @param format format by its magic bytes, such as {@code jpeg}
 * @param width pixels, after the EXIF rotation
 * @param height pixels, after the EXIF rotation
 * @param source name of the source that brought it first
 * @param pixelsSha256 SHA-256 (hex) over the size and the upright pixels
 * @param perceptualHash what it looks like: 256 bits, 64 hex digits
 */
public record Image(
    String imageId,
    String uri,
    long byteOffset,
    long byteLength,
    String format,
    int width,
    int height,
    String source,
    String pixelsSha256,
    String perceptualHash) {
  public static final RecordCodec<Image> CODEC = RecordCodec.of(Table.IMAGES, Image.class);

  public Image {
    checkId("image_id", imageId);
    checkNotBlank("uri", uri);
    check(
        byteOffset >= 0 && byteLength > 0,
        "Invalid bytes of image %s: offset %s, length %s (must be at least 0 and 1)",
        imageId,
        byteOffset,
        byteLength);
    checkNotBlank("format", format);
    check(
        width > 0 && height > 0,
        "Invalid size of image %s: %s x %s pixels",
        imageId,
        width,
        height);
    checkNotBlank("source", source);
    checkId("pixels_sha256", pixelsSha256);
    check(
        perceptualHash != null && perceptualHash.matches("[0-9a-f]{64}"),
        "Invalid perceptual_hash of image %s: %s (must be 64 lower-case hex digits)",
        imageId,
        perceptualHash);
  }
}

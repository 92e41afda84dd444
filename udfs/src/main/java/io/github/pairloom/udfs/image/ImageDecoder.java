package io.github.pairloom.udfs.image;

import static java.util.Objects.requireNonNull;

import java.io.EOFException;
import java.io.IOException;
import java.io.Serializable;
import java.util.Optional;

/**
 * Decodes image files that nobody vouches for.
 *
 * <p>The format is told by content. Size and shape are checked by the header, before anything is
 * decoded; a file that ends early is refused, never returned half grey. The picture comes upright
 * (EXIF orientation applied), opaque (transparency on white) and, of an animation, as the first
 * frame on its canvas. Colour profiles are ignored and ink is converted by formula, as in Pillow's
 * {@code convert("RGB")}: that is what vision models were trained on, and it is the same on every
 * machine.
 *
 * <p>Safe for use by many threads. Memory: about three bytes per pixel for the result and at most
 * eight more while decoding.
 */
public final class ImageDecoder implements Serializable {
  private static final long serialVersionUID = 1L;

  private final ImageLimits limits;

  /** Creates a decoder that refuses what {@code limits} do not allow. */
  public ImageDecoder(ImageLimits limits) {
    this.limits = requireNonNull(limits, "limits is null");
  }

  /**
   * Returns the first picture of an image file.
   *
   * @param bytes the whole file; not changed
   * @throws BadImageException if it cannot be used; the defect says why
   */
  public DecodedImage decode(byte[] bytes) {
    requireNonNull(bytes, "bytes is null");
    if (bytes.length == 0) {
      throw new BadImageException(
          ImageDefect.EMPTY, "Image file has no bytes. Fetch the file again.");
    }
    limits.checkBytes(bytes.length);
    ImageFormat format = ImageFormat.of(bytes).orElseThrow(() -> ImageFormat.refuse(bytes));
    try {
      return format.decode(bytes, limits);
    } catch (BadImageException e) {
      throw e;
    } catch (IOException | RuntimeException | StackOverflowError e) {
      throw failed(format, e);
    }
  }

  /**
   * Returns the first picture of an image file if readers that know neither orientation nor
   * transparency see another one. An upright JPEG is not decoded for this.
   *
   * @throws BadImageException if it cannot be used
   */
  public Optional<RgbImage> otherThanStored(byte[] bytes) {
    boolean jpeg = ImageFormat.of(bytes).filter(format -> format == ImageFormat.JPEG).isPresent();
    return jpeg && JpegFile.isUpright(bytes, limits)
        ? Optional.empty()
        : Optional.of(decode(bytes)).filter(image -> !image.asStored()).map(DecodedImage::image);
  }

  private static BadImageException failed(ImageFormat format, Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof BadImageException bad) {
        return bad; // thrown by our listener, wrapped by the codec
      }
      if (cause instanceof EOFException) {
        return new BadImageException(
            ImageDefect.TRUNCATED,
            format + " has less picture data than its header promises. Fetch the file again.",
            thrown);
      }
    }
    return new BadImageException(
        ImageDefect.CORRUPT,
        "%s does not decode (%s). Replace the file."
            .formatted(format, thrown.getClass().getSimpleName()),
        thrown);
  }
}

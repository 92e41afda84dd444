package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.DecodedImage;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageDefect;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PerceptualHash;
import java.io.Serializable;
import java.util.Locale;

/** Decodes the images of one source, to see that it can be done, and describes them. */
final class ImageInspector implements Serializable {
  private static final long serialVersionUID = 1L;

  static final ImageLimits LIMITS = ImageLimits.DEFAULTS;

  private final String source;
  private final ImageDecoder decoder = new ImageDecoder(LIMITS);

  ImageInspector(String source) {
    this.source = source;
  }

  /**
   * Returns the row of an image whose bytes lie at {@code offset} of the file {@code uri}.
   *
   * @throws BadImageException if the bytes are not an image that can be used
   */
  Image inspect(byte[] bytes, String uri, long offset) {
    DecodedImage decoded = decoder.decode(bytes);
    return new Image(
        ContentId.of(bytes),
        uri,
        offset,
        bytes.length,
        decoded.format().name().toLowerCase(Locale.ROOT),
        decoded.image().width(),
        decoded.image().height(),
        source,
        decoded.image().sha256(),
        PerceptualHash.toHex(PerceptualHash.of(decoded.image())));
  }

  /** Checks the size of an image before its bytes are read into memory. */
  static void checkSize(long bytes) {
    if (bytes > LIMITS.maxBytes()) {
      throw new BadImageException(
          ImageDefect.TOO_LARGE,
          "Image has %d bytes (limit %d). Shrink it.".formatted(bytes, LIMITS.maxBytes()));
    }
  }
}

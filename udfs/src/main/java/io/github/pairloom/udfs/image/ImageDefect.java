package io.github.pairloom.udfs.image;

/** Why an image cannot be used. The code is stable: it is written to the quarantine table. */
public enum ImageDefect {
  /** The row names an image that does not exist. Found by callers, never by the decoder. */
  MISSING("image-missing"),
  /** The file system failed as the file was read; that may pass. Found by callers. */
  UNREADABLE("image-unreadable"),
  /** The file has no bytes. */
  EMPTY("image-empty"),
  /** The first bytes are not those of an allowed format: text, a web page, SVG, PDF, TIFF. */
  NOT_AN_IMAGE("image-not-an-image"),
  /** An allowed format in a variant that is rare and not decoded, such as arithmetic-coded JPEG. */
  UNSUPPORTED("image-unsupported"),
  /** The file ends before the first picture in it does. */
  TRUNCATED("image-truncated"),
  /** The file is whole, but its content breaks the rules of its format. */
  CORRUPT("image-corrupt"),
  /** More bytes or pixels than the limits allow; found before anything is decoded. */
  TOO_LARGE("image-too-large"),
  /** A side below the limit, or a ratio of the sides above it. */
  TOO_SMALL_OR_EXTREME("image-too-small-or-extreme");

  private final String code;

  ImageDefect(String code) {
    this.code = code;
  }

  /** Returns the reason code, such as {@code image-truncated}. */
  public String code() {
    return code;
  }
}

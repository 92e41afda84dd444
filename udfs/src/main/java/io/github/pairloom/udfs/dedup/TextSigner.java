package io.github.pairloom.udfs.dedup;

/**
 * Signs rows of text, so that duplicates are found without the texts. Not safe for use by several
 * threads.
 *
 * <p>A signature is an array of longs: two of the content (equal texts have equal ones), two of the
 * sketch, then the key of each band's bucket.
 */
public final class TextSigner {
  /** Index of the upper half of the content's hash; the lower half follows. */
  public static final int CONTENT = 0;

  /** Index of the sketch. */
  public static final int SKETCH = 2;

  /** Index of the first band's key. */
  public static final int BANDS = SKETCH + MinHash.SKETCH_LONGS;

  private final Shingles shingles;
  private final Banding banding;
  private final int[] hashes = new int[MinHash.HASHES];

  /** Creates a signer whose bands follow from the threshold and the recall of {@code settings}. */
  public TextSigner(TextDedup settings) {
    this.shingles = new Shingles(settings.unit(), settings.n());
    this.banding = Banding.of(settings.threshold(), settings.recall());
  }

  /** Returns the number of longs of a signature. */
  public int length() {
    return BANDS + banding.bands();
  }

  /**
   * Returns the signature of a row.
   *
   * @param domain stands for what duplicates are equal in; rows of different ones share neither
   *     content nor buckets
   * @param texts one per column, null where there is none
   */
  public long[] sign(long domain, String... texts) {
    shingles.read(texts);
    MinHash.sign(shingles, hashes);
    long[] signature = new long[length()];
    signature[CONTENT] = Shingles.mix(shingles.contentHigh() ^ domain);
    signature[CONTENT + 1] = Shingles.mix(shingles.contentLow() + domain);
    MinHash.sketch(hashes, signature, SKETCH);
    MinHash.bands(hashes, banding, domain, signature, BANDS);
    return signature;
  }
}

package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.Image;

/**
 * The image of a source row.
 *
 * @param known the image itself; null if it must be opened yet
 * @param uri the file to open; null if the image is known
 */
record ImageRef(Image known, String uri) {
  static ImageRef of(Image image) {
    return new ImageRef(image, null);
  }

  static ImageRef at(String uri) {
    return new ImageRef(null, uri);
  }
}

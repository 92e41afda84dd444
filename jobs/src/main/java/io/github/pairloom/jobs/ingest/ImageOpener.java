package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.Image;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.image.ImageDefect;
import java.io.IOException;
import java.util.function.UnaryOperator;

/**
 * Opens the images that lie in files of their own. Rows that come one after the other and share an
 * image open it once. Not safe for use by several threads.
 */
final class ImageOpener {
  private final ImageBytes bytes;
  private final ImageInspector inspector;
  private String lastUri;
  private UnaryOperator<SourceRow> last;

  ImageOpener(ImageBytes bytes, ImageInspector inspector) {
    this.bytes = bytes;
    this.inspector = inspector;
  }

  /** Returns the row with its image, or as a bad row if that cannot be used. */
  SourceRow open(SourceRow row) {
    if (row.imageUri() == null) {
      return row;
    }
    if (!row.imageUri().equals(lastUri)) {
      last = inspect(row.imageUri());
      lastUri = row.imageUri();
    }
    return last.apply(row);
  }

  private UnaryOperator<SourceRow> inspect(String uri) {
    try {
      Image image = inspector.inspect(bytes.readFile(uri, ImageInspector.LIMITS), uri, 0);
      return row -> row.withImage(image);
    } catch (BadImageException e) {
      return defect(e.defect().code(), e.getMessage());
    } catch (IOException e) {
      return defect(ImageDefect.UNREADABLE.code(), e.toString());
    } catch (RuntimeException e) {
      return defect(RowDefect.UNREADABLE_ROW.code(), e.toString());
    }
  }

  private static UnaryOperator<SourceRow> defect(String reason, String detail) {
    return row -> row.withDefect(reason, detail);
  }
}

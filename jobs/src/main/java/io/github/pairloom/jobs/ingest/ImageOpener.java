package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.Image;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageBytes;
import io.github.pairloom.udfs.image.ImageDefect;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.util.function.UnaryOperator;
import org.apache.hadoop.security.AccessControlException;

/**
 * Opens the images that lie in files of their own. Rows that come one after the other and share an
 * image open it once. Where the file system fails, as a busy one does, it is asked again before the
 * row is bad for good, unless it has failed for many files in a row. Not safe for use by several
 * threads.
 */
final class ImageOpener {
  private static final int TRIES = 4;

  /** Before the second try; before each further one four times as long, 2.1 s in all. */
  private static final long PAUSE_MILLIS = 100;

  /** Files in a row that failed all tries: a file system that is down is not waited for. */
  private static final int FAILURES = 5;

  private final ImageBytes bytes;
  private final ImageInspector inspector;
  private final long pauseMillis;
  private int failures;
  private String lastUri;
  private UnaryOperator<SourceRow> last;

  ImageOpener(ImageBytes bytes, ImageInspector inspector) {
    this(bytes, inspector, PAUSE_MILLIS);
  }

  /**
   * @param pauseMillis before the second try
   */
  ImageOpener(ImageBytes bytes, ImageInspector inspector, long pauseMillis) {
    this.bytes = bytes;
    this.inspector = inspector;
    this.pauseMillis = pauseMillis;
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
      Image image = inspector.inspect(read(uri), uri, 0);
      return row -> row.withImage(image);
    } catch (BadImageException e) {
      return defect(e.defect().code(), e.getMessage());
    } catch (IOException e) {
      return defect(
          ImageDefect.UNREADABLE.code(),
          e
              + ". Once the file can be read, ingest the row's file under another name"
              + " (source.name)");
    } catch (RuntimeException e) {
      return defect(RowDefect.UNREADABLE_ROW.code(), e.toString());
    }
  }

  private byte[] read(String uri) throws IOException {
    long pause = pauseMillis;
    for (int tries = failures < FAILURES ? 1 : TRIES; ; tries++) {
      try {
        byte[] file = bytes.readFile(uri, ImageInspector.LIMITS);
        failures = 0;
        return file;
      } catch (BadImageException
          | EOFException
          | AccessControlException
          | AccessDeniedException e) {
        failures = 0; // The file system answers.
        throw e; // No pause changes what the file is, or who may read it.
      } catch (IOException e) {
        if (tries == TRIES || !paused(pause)) {
          failures++;
          throw e;
        }
        pause *= 4;
      }
    }
  }

  /** Returns whether the pause was not cut short, as by the end of the task. */
  private static boolean paused(long millis) {
    try {
      Thread.sleep(millis);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static UnaryOperator<SourceRow> defect(String reason, String detail) {
    return row -> row.withDefect(reason, detail);
  }
}

package io.github.pairloom.udfs.image;

import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Reads the bytes of images where they lie: in a file of their own or in a tar, on any file system
 * that Hadoop reaches. Made on the driver, used on executors; safe for use by many threads.
 */
public final class ImageBytes implements Serializable {
  private static final long serialVersionUID = 1L;

  private final SerializableConfiguration hadoop;

  /**
   * @param hadoop settings of the file systems, as {@code spark.sparkContext()
   *     .hadoopConfiguration()} has them
   */
  public ImageBytes(Configuration hadoop) {
    this.hadoop = new SerializableConfiguration(hadoop);
  }

  /**
   * Returns the bytes of an ingested image: exactly those that its id is the hash of.
   *
   * @throws BadImageException if they are gone, cut off or no longer the same, or the file system
   *     fails
   */
  public byte[] read(Image image) {
    byte[] bytes;
    try {
      bytes = read(image.uri(), image.byteOffset(), image.byteLength());
    } catch (FileNotFoundException e) {
      throw missing(image.uri(), e);
    } catch (EOFException e) {
      throw new BadImageException(
          ImageDefect.TRUNCATED,
          "File ends before byte %d + %d of image %s. Restore it as it was ingested."
              .formatted(image.byteOffset(), image.byteLength(), image.imageId()),
          e);
    } catch (IOException e) {
      throw new BadImageException(
          ImageDefect.UNREADABLE,
          "Cannot read image %s: %s. Look at the file system; the next run tries again."
              .formatted(image.uri(), e),
          e);
    }
    if (!ContentId.of(bytes).equals(image.imageId())) {
      throw new BadImageException(
          ImageDefect.CORRUPT,
          "File has changed since ingest: the bytes are no longer image %s. Restore the file, or"
                  .formatted(image.imageId())
              + " ingest it under a new source name.");
    }
    return bytes;
  }

  /**
   * Returns all bytes of a file.
   *
   * @param uri the file
   * @param limits the largest size is checked before anything is read
   * @throws BadImageException if there is no such file, or it is too large
   * @throws IOException if the file system fails
   */
  public byte[] readFile(String uri, ImageLimits limits) throws IOException {
    try {
      Path path = new Path(uri);
      FileStatus status = path.getFileSystem(hadoop.value()).getFileStatus(path);
      if (status.isDirectory()) {
        throw new BadImageException(ImageDefect.MISSING, "The path names a folder, not a file.");
      }
      limits.checkBytes(status.getLen());
      return read(uri, 0, status.getLen());
    } catch (FileNotFoundException e) {
      throw missing(uri, e);
    }
  }

  private byte[] read(String uri, long offset, long length) throws IOException {
    Path path = new Path(uri);
    FileSystem files = path.getFileSystem(hadoop.value());
    byte[] bytes = new byte[Math.toIntExact(length)];
    try (FSDataInputStream in = files.open(path)) {
      in.readFully(offset, bytes);
    }
    return bytes;
  }

  private static BadImageException missing(String uri, FileNotFoundException cause) {
    return new BadImageException(
        ImageDefect.MISSING,
        String.format(Locale.ROOT, "No file %s. Fetch the image, or correct the image root.", uri),
        cause);
  }
}

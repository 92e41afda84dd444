package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.commons.compress.archivers.ArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Tars for images that have no address of their own, such as those in Parquet columns.
 *
 * <p>The name of a pack is made from what it is filled from, and so are its bytes: a task that is
 * tried again, or runs twice, makes the same file. It appears under its name once it is whole.
 */
final class ImagePacks implements Closeable {
  private static final long PACK_BYTES = 256L << 20;
  private static final int RECORD_BYTES = 512;

  private final Path folder;
  private final String origin;
  private final ImageInspector inspector;
  private final FileSystem files;
  private final Map<String, Image> packed = new HashMap<>();
  private int packs;
  private Pack pack;

  /**
   * @param folder where packs are written
   * @param origin what decides the images and their order: equal origins make equal packs
   */
  ImagePacks(Path folder, String origin, ImageInspector inspector, Configuration hadoop) {
    this.folder = folder;
    this.origin = origin;
    this.inspector = inspector;
    try {
      this.files = folder.getFileSystem(hadoop);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /**
   * Returns the image with its address in a pack. Equal images share one.
   *
   * @throws io.github.pairloom.udfs.image.BadImageException if the bytes cannot be used; they are
   *     not packed then
   * @throws UncheckedIOException if the pack cannot be written
   */
  Image add(byte[] bytes) {
    Image found = packed.get(ContentId.of(bytes));
    if (found != null) {
      return found;
    }
    Image unplaced = inspector.inspect(bytes, folder.toString(), 0);
    try {
      if (pack != null && pack.position >= PACK_BYTES) {
        finish();
      }
      if (pack == null) {
        pack = new Pack(new ContentId().add("pack").add(origin).add(packs++).toHex());
      }
      Image placed = pack.add(unplaced, bytes);
      packed.put(placed.imageId(), placed);
      return placed;
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /** Puts the last pack in its place. Images are to be had from now on. */
  void finish() {
    if (pack != null) {
      try {
        pack.finish();
        pack = null;
      } catch (IOException e) {
        throw failed(e);
      }
    }
  }

  /** Throws away a pack that is not finished. */
  @Override
  public void close() {
    if (pack != null) {
      try {
        pack.discard();
        pack = null;
      } catch (IOException e) {
        throw failed(e);
      }
    }
  }

  private UncheckedIOException failed(IOException e) {
    return new UncheckedIOException("Cannot write image packs to " + folder + ": " + e, e);
  }

  /** One tar. */
  private final class Pack {
    private final Path place;
    private final Path unfinished;
    private final boolean exists;
    private final ArchiveOutputStream<TarArchiveEntry> tar;
    private long position;

    Pack(String id) throws IOException {
      this.place = new Path(folder, id + ".tar");
      this.unfinished = new Path(folder, "_unfinished-" + UUID.randomUUID());
      this.exists = files.exists(place);
      this.tar =
          new TarArchiveOutputStream(
              exists ? OutputStream.nullOutputStream() : files.create(unfinished),
              StandardCharsets.UTF_8.name());
    }

    Image add(Image image, byte[] bytes) throws IOException {
      TarArchiveEntry entry = new TarArchiveEntry(image.imageId() + "." + image.format());
      entry.setSize(bytes.length);
      entry.setModTime(0);
      tar.putArchiveEntry(entry);
      tar.write(bytes);
      tar.closeArchiveEntry();
      // A name this short takes one record; data is filled up to whole records.
      long offset = position + RECORD_BYTES;
      position = offset + (bytes.length + RECORD_BYTES - 1L) / RECORD_BYTES * RECORD_BYTES;
      return new Image(
          image.imageId(),
          place.toString(),
          offset,
          image.byteLength(),
          image.format(),
          image.width(),
          image.height(),
          image.source(),
          image.pixelsSha256(),
          image.perceptualHash());
    }

    void finish() throws IOException {
      tar.close();
      if (exists || files.rename(unfinished, place)) {
        return;
      }
      // Another attempt of this task was faster.
      files.delete(unfinished, false);
      if (!files.exists(place)) {
        throw new IOException("cannot rename " + unfinished + " to " + place);
      }
    }

    void discard() throws IOException {
      if (!exists) {
        tar.close();
        files.delete(unfinished, false);
      }
    }
  }
}

package io.github.pairloom.jobs.ingest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.jobs.recipe.SourceSettings;
import io.github.pairloom.schemas.Image;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.commons.compress.archivers.ArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.hadoop.conf.Configuration;

/**
 * WebDataset: a tar in which neighbours of the same name, up to the first dot, make a row: an
 * image, and its text as {@code .json} or, as a caption, {@code .txt}. Where both are there, the
 * caption is the response if the JSON has none, else a further field. Other members are not read.
 *
 * <p>Nothing is unpacked: an image's bytes stay where they lie in the tar, and member names are
 * never used as paths. Of a torn tar the rows in front of the tear are kept.
 */
final class TarReader extends ShardReader {
  /** As Hugging Face datasets split names: folders kept, the extension starts at the first dot. */
  private static final Pattern NAME =
      Pattern.compile("((?:.*/)?[^./][^./]*)\\.([^/]*)", Pattern.DOTALL);

  private static final Set<String> IMAGES = Set.of("jpg", "jpeg", "png", "webp", "gif", "bmp");
  private static final int RECORD_BYTES = 512;

  private final ShardStream shard;
  // By the base class: what its methods return differs among the versions that Sparks bring.
  private final ArchiveInputStream<TarArchiveEntry> tar;
  private final ConversationParser conversations;
  private final ImageInspector inspector;
  private Group group;
  private long endOfLast;
  private boolean done;

  TarReader(String uri, SourceSettings settings, Configuration hadoop) {
    super(uri);
    this.shard = ShardStream.open(uri, hadoop);
    this.tar = new TarArchiveInputStream(shard, StandardCharsets.UTF_8.name());
    this.conversations = new ConversationParser(settings);
    this.inspector = new ImageInspector(settings.name());
  }

  @Override
  boolean readOn() {
    if (done) {
      return false;
    }
    try {
      TarArchiveEntry entry = tar.getNextEntry();
      if (entry == null) {
        done = true;
        checkEndMark();
        addGroup();
        if (shard.drain()) {
          addBad(RowDefect.BROKEN_TAR, "there is more behind the end mark of the tar", null);
        }
      } else {
        read(entry);
      }
    } catch (IOException | StackOverflowError e) {
      // The latter of long names without end: the library looks for what they name in itself.
      done = true;
      // A row whose image and text are both there lies in front of the tear.
      if (group != null && group.image != null && group.hasText()) {
        addGroup();
      }
      addBad(
          RowDefect.BROKEN_TAR,
          "the tar breaks off at byte %s, rows behind it are lost: %s"
              .formatted(shard.position(), e instanceof IOException ? e.getMessage() : e),
          null);
    }
    return true;
  }

  @Override
  String contentSha256() {
    shard.drain();
    return shard.sha256();
  }

  @Override
  long bytes() {
    return shard.position();
  }

  @Override
  public void close() {
    shard.close();
  }

  private void checkEndMark() throws IOException {
    if (shard.position() <= endOfLast) {
      throw new IOException("the end mark is missing");
    }
  }

  private void read(TarArchiveEntry entry) throws IOException {
    if (!entry.isCheckSumOK()) {
      throw new IOException("not a tar header (a compressed tar must be unpacked first)");
    }
    long offset = shard.position();
    endOfLast = offset + (entry.getSize() + RECORD_BYTES - 1) / RECORD_BYTES * RECORD_BYTES;
    Matcher name = NAME.matcher(entry.getName());
    if (!entry.isFile() || !name.matches()) {
      return;
    }
    if (group != null && !group.key.equals(name.group(1))) {
      addGroup();
    }
    if (group == null) {
      group = new Group(name.group(1));
    }
    String extension = name.group(2).toLowerCase(Locale.ROOT);
    if (IMAGES.contains(extension)) {
      group.images++;
      group.offset = offset;
      group.size = entry.getSize();
      group.image = isReadable(entry) ? readAll(entry) : new byte[0];
    } else if (extension.equals("json")) {
      group.json = readText(entry);
    } else if (extension.equals("txt")) {
      group.caption = readText(entry);
    }
  }

  private static boolean isReadable(TarArchiveEntry entry) {
    return !entry.isSparse() && entry.getSize() <= ImageInspector.LIMITS.maxBytes();
  }

  private byte[] readText(TarArchiveEntry entry) throws IOException {
    if (entry.getSize() > Json.MAX_ROW_BYTES) {
      group.textTooLong = true;
      return new byte[0];
    }
    return readAll(entry);
  }

  private byte[] readAll(TarArchiveEntry entry) throws IOException {
    byte[] bytes = tar.readNBytes((int) entry.getSize());
    if (bytes.length < entry.getSize()) {
      throw new IOException("a member is cut off");
    }
    return bytes;
  }

  private void addGroup() {
    if (group != null) {
      Group whole = group;
      group = null;
      add(whole.payload(), () -> content(whole));
    }
  }

  private Content content(Group row) {
    if (row.images == 0) {
      throw new BadRowException(
          RowDefect.IMAGE_NOT_GIVEN, "%s has no image beside it".formatted(row.key));
    }
    if (row.images > 1) {
      throw new BadRowException(
          RowDefect.SEVERAL_IMAGES, "%s has %s images".formatted(row.key, row.images));
    }
    if (row.textTooLong) {
      throw new BadRowException(
          RowDefect.TEXT_TOO_LONG,
          "the text of %s has over %s bytes".formatted(row.key, Json.MAX_ROW_BYTES));
    }
    Conversation conversation = conversation(row);
    ImageInspector.checkSize(row.size);
    Image image = inspector.inspect(row.image, uri(), row.offset);
    return new Content(ImageRef.of(image), conversation);
  }

  private Conversation conversation(Group row) {
    ObjectNode fields = row.json == null ? Json.MAPPER.createObjectNode() : Json.object(row.json);
    if (row.caption != null) {
      conversations.addCaption(row.caption, fields);
    }
    return conversations.parse(fields);
  }

  /** Members of one name. */
  private static final class Group {
    private final String key;
    private byte[] image;
    private long offset;
    private long size;
    private int images;
    private byte[] json;
    private byte[] caption;
    private boolean textTooLong;

    Group(String key) {
      this.key = key;
    }

    boolean hasText() {
      return json != null || caption != null;
    }

    String payload() {
      byte[] text = json != null ? json : caption;
      return text == null
          ? key
          : new String(text, 0, Math.min(text.length, 1 << 13), StandardCharsets.UTF_8);
    }
  }
}

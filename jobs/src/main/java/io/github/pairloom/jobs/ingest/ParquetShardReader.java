package io.github.pairloom.jobs.ingest;

import io.github.pairloom.jobs.recipe.SourceSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.api.InitContext;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;

/**
 * Parquet with an image column: Hugging Face's {@code struct<bytes, path>}, a list of one of those,
 * img2dataset's plain binary, or a path. Bytes in a column have no address, so they go into a pack;
 * a path without bytes names a file.
 *
 * <p>Row by row with Parquet's own reader: Spark's vectorised one holds thousands of images at a
 * time.
 */
final class ParquetShardReader extends ShardReader {
  private final SourceSettings settings;
  private final ImagePaths paths;
  private final ConversationParser conversations;
  private final ImagePacks packs;
  private final String contentSha256;
  private final long bytes;
  private final Configuration hadoop;
  private ParquetReader<Group> reader;
  private long records;
  private boolean done;

  ParquetShardReader(
      String uri,
      SourceSettings settings,
      ImagePaths paths,
      Path packFolder,
      String ingestId,
      Configuration hadoop) {
    super(uri);
    this.settings = settings;
    this.paths = paths;
    this.conversations = new ConversationParser(settings);
    try (ShardStream shard = ShardStream.open(uri, hadoop)) {
      shard.drain();
      this.bytes = shard.position();
      this.contentSha256 = shard.sha256();
    }
    this.packs =
        new ImagePacks(
            packFolder, ingestId + contentSha256, new ImageInspector(settings.name()), hadoop);
    this.hadoop = hadoop;
    try {
      this.reader = open(new Path(uri));
    } catch (IOException e) {
      broken(e);
    } catch (RuntimeException | StackOverflowError e) {
      broken(e);
    }
  }

  private ParquetReader<Group> open(Path path) throws IOException {
    MessageType schema;
    try (ParquetFileReader file = ParquetFileReader.open(HadoopInputFile.fromPath(path, hadoop))) {
      schema = file.getFileMetaData().getSchema();
      for (BlockMetaData block : file.getFooter().getBlocks()) {
        for (ColumnChunkMetaData column : block.getColumns()) {
          // So many bytes are asked for before the first is read.
          if (column.getTotalSize() < 0
              || column.getTotalSize() > bytes - column.getStartingPos()) {
            throw new IllegalArgumentException(
                "column %s is said to have %s bytes from byte %s, the file has %s"
                    .formatted(
                        column.getPath(), column.getTotalSize(), column.getStartingPos(), bytes));
          }
        }
      }
    }
    // Other columns of bytes would be read for nothing.
    List<Type> columns = new ArrayList<>();
    for (Type column : schema.getFields()) {
      if (column.getName().equals(settings.imageColumn()) || !ParquetRows.isRawBytes(column)) {
        columns.add(column);
      }
    }
    MessageType wanted = new MessageType(schema.getName(), columns);
    // Not by its text in the configuration, which allows no blanks in names.
    GroupReadSupport columnsOnly =
        new GroupReadSupport() {
          @Override
          public ReadContext init(InitContext context) {
            return new ReadContext(wanted);
          }
        };
    return ParquetReader.builder(columnsOnly, path).withConf(hadoop).build();
  }

  @Override
  boolean readOn() {
    if (done) {
      return false;
    }
    Group record;
    try {
      record = reader.read();
      records++;
    } catch (IOException e) {
      broken(e);
      return true;
    } catch (RuntimeException | StackOverflowError e) {
      broken(e);
      return true;
    }
    if (record == null) {
      done = true;
      packs.finish();
      return false;
    }
    add(payload(record), () -> content(record));
    return true;
  }

  @Override
  String contentSha256() {
    return contentSha256;
  }

  @Override
  long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    packs.close();
    try {
      if (reader != null) {
        reader.close();
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private String payload(Group record) {
    try {
      return ParquetRows.fields(record, settings.imageColumn()).toString();
    } catch (RuntimeException e) {
      // What is wrong with the row is told where its content is asked for.
      return null;
    }
  }

  private Content content(Group record) {
    Supplier<ImageRef> image = image(record);
    Conversation conversation =
        conversations.parse(ParquetRows.fields(record, settings.imageColumn()));
    return new Content(image.get(), conversation);
  }

  /** Finds the image; its bytes are packed when it is asked for. */
  private Supplier<ImageRef> image(Group record) {
    if (!record.getType().containsField(settings.imageColumn())) {
      throw new BadRowException(
          RowDefect.IMAGE_NOT_GIVEN,
          "the file has no column '%s'; set source.image-column".formatted(settings.imageColumn()));
    }
    return image(record, record.getType().getFieldIndex(settings.imageColumn()));
  }

  private Supplier<ImageRef> image(Group holder, int index) {
    Type type = holder.getType().getType(index);
    int count = holder.getFieldRepetitionCount(index);
    if (count == 0) {
      throw new BadRowException(RowDefect.IMAGE_NOT_GIVEN, "the row has no image");
    }
    if (count > 1) {
      throw new BadRowException(RowDefect.SEVERAL_IMAGES, "the row has %s".formatted(count));
    }
    if (type.isPrimitive()) {
      Binary value = holder.getBinary(index, 0);
      return ParquetRows.isRawBytes(type)
          ? () -> ImageRef.of(packs.add(value.getBytes()))
          : () -> ImageRef.at(paths.resolve(ParquetRows.text(value)));
    }
    Group cell = holder.getGroup(index, 0);
    if (type.getLogicalTypeAnnotation() instanceof ListLogicalTypeAnnotation) {
      boolean single = cell.getFieldRepetitionCount(0) == 1;
      return single && ParquetRows.wrapsElement(cell.getType())
          ? image(cell.getGroup(0, 0), 0)
          : image(cell, 0);
    }
    GroupType fields = cell.getType();
    boolean hasBytes =
        fields.containsField("bytes")
            && cell.getFieldRepetitionCount(fields.getFieldIndex("bytes")) > 0;
    if (!hasBytes && !fields.containsField("path")) {
      throw new BadRowException(RowDefect.IMAGE_NOT_GIVEN, "the image has neither bytes nor path");
    }
    return image(cell, fields.getFieldIndex(hasBytes ? "bytes" : "path"));
  }

  /** A fault of the content, if the file can be read and fails Parquet at the same row again. */
  private void broken(IOException e) {
    if (!ShardStream.sha256(uri(), hadoop).equals(contentSha256) || !failsAgain()) {
      throw failed(e);
    }
    broken((Throwable) e);
  }

  private boolean failsAgain() {
    try (ParquetReader<Group> again = open(new Path(uri()))) {
      for (long i = 0; i <= records; i++) {
        again.read();
      }
      return false;
    } catch (IOException e) {
      return true;
    }
  }

  private void broken(Throwable e) {
    done = true;
    packs.finish();
    addBad(
        RowDefect.BROKEN_PARQUET, "the file cannot be read on, rows behind are lost: " + e, null);
  }

  private UncheckedIOException failed(IOException e) {
    return new UncheckedIOException(
        "Cannot read source file " + uri() + ": " + e + ". Nothing is written; run ingest again",
        e);
  }
}

package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.Condition;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Turn;
import java.util.List;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * What one task found in one source file: a conversation about an image, a bad row, or, last of
 * all, the end of the file.
 *
 * @param shardUri the source file
 * @param row number of the row in the file, from 0; at the end of the file the number of rows
 * @param image the image, where reading the file has shown it; else null
 * @param imageUri file of the image, where it must be opened yet; else null
 * @param turns the conversation, image markers removed; empty unless this is one
 * @param condition preferences under which the responses are good; may be null
 * @param extra fields that are not read, as a JSON object; may be null
 * @param payload start of the row as it was read; may be null
 * @param reason code of a bad row; else null
 * @param detail what was found in a bad row; else null
 * @param contentSha256 hash of the whole file, at its end; else null
 * @param bytes size of the file, at its end; else 0
 */
record SourceRow(
    String shardUri,
    long row,
    Image image,
    String imageUri,
    List<Turn> turns,
    Condition condition,
    String extra,
    String payload,
    String reason,
    String detail,
    String contentSha256,
    long bytes) {
  static final RecordCodec<SourceRow> CODEC =
      RecordCodec.of(
          new StructType()
              .add("shard_uri", DataTypes.StringType)
              .add("row", DataTypes.LongType)
              .add("image", Table.IMAGES.schema())
              .add("image_uri", DataTypes.StringType)
              .add("turns", Table.SAMPLES.schema().apply("context").dataType())
              .add("condition", Table.SAMPLES.schema().apply("condition").dataType())
              .add("extra", DataTypes.StringType)
              .add("payload", DataTypes.StringType)
              .add("reason", DataTypes.StringType)
              .add("detail", DataTypes.StringType)
              .add("content_sha256", DataTypes.StringType)
              .add("bytes", DataTypes.LongType),
          SourceRow.class);

  static SourceRow conversation(
      String shardUri, long row, ImageRef image, Conversation conversation, String payload) {
    return new SourceRow(
        shardUri,
        row,
        image.known(),
        image.uri(),
        conversation.turns(),
        conversation.condition(),
        conversation.extra(),
        payload,
        null,
        null,
        null,
        0);
  }

  static SourceRow bad(String shardUri, long row, String reason, String detail, String payload) {
    return new SourceRow(
        shardUri, row, null, null, List.of(), null, null, payload, reason, detail, null, 0);
  }

  static SourceRow end(String shardUri, long rows, String contentSha256, long bytes) {
    return new SourceRow(
        shardUri, rows, null, null, List.of(), null, null, null, null, null, contentSha256, bytes);
  }

  SourceRow withImage(Image opened) {
    return new SourceRow(
        shardUri, row, opened, null, turns, condition, extra, payload, null, null, null, 0);
  }

  SourceRow withDefect(String defect, String found) {
    return bad(shardUri, row, defect, found, payload);
  }

  boolean isEnd() {
    return contentSha256 != null;
  }
}

package io.github.pairloom.jobs.export;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.schemas.Turn;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * JSON lines as TRL's DPOTrainer reads them for vision models: {@code images}, {@code prompt},
 * {@code chosen} and {@code rejected}, messages with plain strings for content. TRL then puts the
 * image's placeholder before the first user text by itself, and counts placeholders against images.
 */
final class TrlLines {
  /** The text that vision-language models and trainers take for the place of an image. */
  static final String IMAGE_MARKER = "<image>";

  /** The lines' columns with their types in a dataset card, in order. */
  static final String FEATURES =
      """
      - name: images
        list: image
      """
          + messages("prompt")
          + messages("chosen")
          + messages("rejected")
          + scalar("pair_id", "string")
          + scalar("strategy", "string")
          + scalar("iteration", "int32")
          + scalar("similarity", "float64")
          + scalar("group_id", "string")
          + scalar("ordinal", "int32")
          + scalar("provider_preference", "string")
          + scalar("user_preference", "string");

  private TrlLines() {}

  /** Returns whether any text of a pair holds {@link #IMAGE_MARKER}. */
  static Column holdsMarker() {
    return expr("exists(context, turn -> contains(turn.content, '" + IMAGE_MARKER + "'))")
        .or(col("prompt").contains(IMAGE_MARKER))
        .or(col("chosen").contains(IMAGE_MARKER))
        .or(col("rejected").contains(IMAGE_MARKER));
  }

  /**
   * Returns columns {@code pair_id} and {@code line}.
   *
   * @param pairs rows of {@code preference_pairs}, each of whose images is in {@code images}
   * @param imageFolder where the image files lie, from the folder of the lines
   */
  static Dataset<Row> of(Dataset<Row> pairs, Dataset<Row> images, String imageFolder) {
    Column file =
        concat(
            lit(imageFolder + "/"),
            col("image_id"),
            lit("."),
            when(col("format").equalTo("jpeg"), "jpg").otherwise(col("format")));
    Column line =
        to_json(
            struct(
                array(file).as("images"),
                concat(col("context"), array(message(Turn.USER, "prompt"))).as("prompt"),
                array(message(Turn.ASSISTANT, "chosen")).as("chosen"),
                array(message(Turn.ASSISTANT, "rejected")).as("rejected"),
                col("pair_id"),
                col("strategy"),
                col("iteration"),
                col("similarity"),
                col("group_id"),
                col("ordinal"),
                col("condition.provider").as("provider_preference"),
                col("condition.user").as("user_preference")),
            // Every line has every key, which is what readers with declared features want.
            Map.of("ignoreNullFields", "false"));
    return pairs
        .join(
            images.select(col("image_id").as("key"), col("format")),
            col("image_id").equalTo(col("key")))
        .select(col("pair_id"), line.as("line"));
  }

  /** Returns a line of {@link #of} as it stands in the file. */
  static byte[] bytes(Row row) {
    return (row.getString(1) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static Column message(String role, String text) {
    return struct(lit(role).as("role"), col(text).as("content"));
  }

  private static String messages(String name) {
    return """
        - name: %s
          list:
          - name: role
            dtype: string
          - name: content
            dtype: string
        """
        .formatted(name);
  }

  private static String scalar(String name, String type) {
    return "- name: %s\n  dtype: %s\n".formatted(name, type);
  }
}

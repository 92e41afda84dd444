package io.github.pairloom.jobs.export;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.raise_error;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.when;

import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Turn;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** One pair a line, as JSON, for one trainer. Paths of images start from the export's root. */
enum JsonLines {
  /**
   * As TRL's DPOTrainer reads them for vision models: messages with plain strings for content. TRL
   * then puts the image's placeholder before the first user text by itself, and counts placeholders
   * against images. It has no place for a second image.
   */
  TRL("trl") {
    @Override
    String ownFeatures() {
      return IMAGE_LIST.formatted("images")
          + TURN_LIST.formatted("prompt")
          + TURN_LIST.formatted("chosen")
          + TURN_LIST.formatted("rejected");
    }

    @Override
    List<Column> ownColumns(Column file, Column rejectedFile) {
      return List.of(
          array(file).as("images"),
          TURNS.as("prompt"),
          array(message("chosen")).as("chosen"),
          array(message("rejected")).as("rejected"));
    }
  },

  /**
   * As ms-swift reads preference data: a whole conversation and its images for each side, so that
   * sides may differ in text or image. ms-swift counts the markers in the messages against the
   * images; a line without a rejected side of its own, or with a NULL one, it would leave out.
   */
  SWIFT("swift") {
    @Override
    String ownFeatures() {
      return TURN_LIST.formatted("messages")
          + IMAGE_LIST.formatted("images")
          + TURN_LIST.formatted("rejected_messages")
          + IMAGE_LIST.formatted("rejected_images");
    }

    @Override
    List<Column> ownColumns(Column file, Column rejectedFile) {
      return List.of(
          concat(col(MARKED), array(message("chosen"))).as("messages"),
          array(file).as("images"),
          concat(col(MARKED), array(message("rejected"))).as("rejected_messages"),
          array(rejectedFile).as("rejected_images"));
    }
  };

  /** The text that vision-language models and trainers take for the place of an image. */
  static final String IMAGE_MARKER = "<image>";

  /** Folder of the images, from the export's root. */
  static final String IMAGES = "images";

  /** Folder of the images that were made of others for a rejected side. */
  static final String REJECTED_IMAGES = IMAGES + "/rejected";

  private static final String MARKED = "marked";

  private static final Column TURNS =
      concat(col("context"), array(struct(lit(Turn.USER).as("role"), col("prompt").as("content"))));

  private static final String IMAGE_LIST =
      """
      - name: %s
        list: image
      """;

  private static final String TURN_LIST =
      """
      - name: %s
        list:
        - name: role
          dtype: string
        - name: content
          dtype: string
      """;

  private static final String COMMON_FEATURES =
      scalar("pair_id", "string")
          + scalar("strategy", "string")
          + scalar("iteration", "int32")
          + scalar("similarity", "float64")
          + scalar("group_id", "string")
          + scalar("ordinal", "int32")
          + scalar("provider_preference", "string")
          + scalar("user_preference", "string");

  private static final List<Column> COMMON_COLUMNS =
      List.of(
          col("pair_id"),
          col("strategy"),
          col("iteration"),
          col("similarity"),
          col("group_id"),
          col("ordinal"),
          col("condition.provider").as("provider_preference"),
          col("condition.user").as("user_preference"));

  private final String folder;

  JsonLines(String folder) {
    this.folder = folder;
  }

  /** Returns the folder of the files, from the export's root. */
  String folder() {
    return folder;
  }

  /** Returns the lines' columns with their types for a dataset card, in order. */
  String features() {
    return ownFeatures() + COMMON_FEATURES;
  }

  abstract String ownFeatures();

  /**
   * Returns the columns that hold both sides.
   *
   * @param file path of the pair's image
   * @param rejectedFile path of the image of its rejected side
   */
  abstract List<Column> ownColumns(Column file, Column rejectedFile);

  /** Returns whether any text of a pair holds {@link #IMAGE_MARKER}. */
  static Column holdsMarker() {
    return expr("exists(context, turn -> contains(turn.content, '" + IMAGE_MARKER + "'))")
        .or(col("prompt").contains(IMAGE_MARKER))
        .or(col("chosen").contains(IMAGE_MARKER))
        .or(col("rejected").contains(IMAGE_MARKER));
  }

  /** Returns whether the rejected side is an image that has a file of its own. */
  static Column hasMadeImage() {
    return col("rejects").equalTo(CandidatePair.IMAGE).and(ModelRows.rejectedImageId().isNull());
  }

  /** Returns the path of the image that was made for a pair's rejected side. */
  static String madeImage(String pairId) {
    return REJECTED_IMAGES + "/" + pairId + ".png";
  }

  /**
   * Returns columns {@code pair_id} and {@code line}.
   *
   * @param pairs rows of {@code preference_pairs}, each of whose images is in {@code files}
   * @param files the images' {@code id} and {@code file}
   */
  Dataset<Row> of(Dataset<Row> pairs, Dataset<Row> files) {
    Dataset<Row> own = files.select(col("id").as("own_id"), col("file").as("own_file"));
    Dataset<Row> other = files.select(col("id").as("other_id"), col("file").as("other_file"));
    Column imageId = col("image_id");
    // By the pair's own image where there is no other: NULLs would all meet in one partition.
    Column otherId = coalesce(ModelRows.rejectedImageId(), imageId);
    Column rejectedFile =
        when(hasMadeImage(), concat(lit(REJECTED_IMAGES + "/"), col("pair_id"), lit(".png")))
            .otherwise(file("other_file", otherId));
    Column line =
        to_json(
            struct(
                Stream.concat(
                        ownColumns(file("own_file", imageId), rejectedFile).stream(),
                        COMMON_COLUMNS.stream())
                    .toArray(Column[]::new)),
            // Every line has every key, which is what readers with declared features want.
            Map.of("ignoreNullFields", "false"));
    return pairs
        .join(own, imageId.equalTo(col("own_id")), "left")
        .join(other, otherId.equalTo(col("other_id")), "left")
        .withColumn("turns", TURNS)
        .withColumn(MARKED, marked())
        .select(col("pair_id"), line.as("line"));
  }

  /** Returns the file of an image: without one the line is not to be left out but an error. */
  private static Column file(String column, Column imageId) {
    // Images are copied again where an executor is lost that kept what became of them.
    return coalesce(
        col(column),
        raise_error(
            concat(
                lit("Cannot write the line of pair "),
                col("pair_id"),
                lit(": image "),
                imageId,
                lit(
                    " was copied, and could not be read when it was to be copied again. Nothing is"
                        + " exported. Look at the file system, then run the step again."))));
  }

  /** Returns a line of {@link #of} as it stands in the file. */
  static byte[] bytes(Row row) {
    return (row.getString(1) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Returns the turns with the place of the image before the first text of the user. */
  private static Column marked() {
    return expr(
        ("transform(turns, (turn, i) -> named_struct('role', turn.role, 'content', if("
                + "i + 1 = array_position(transform(turns, t -> t.role), '%s'),"
                + " concat('%s', turn.content), turn.content)))")
            .formatted(Turn.USER, IMAGE_MARKER));
  }

  private static Column message(String text) {
    return struct(lit(Turn.ASSISTANT).as("role"), col(text).as("content"));
  }

  private static String scalar(String name, String type) {
    return "- name: %s\n  dtype: %s\n".formatted(name, type);
  }
}

package io.github.pairloom.jobs.ingest;

import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.QuarantinedRow;
import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.schemas.Sample;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.schemas.Turn;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * What became of one candidate sample: a sample with its image, or a row in quarantine. The end of
 * a file is passed on as it is.
 *
 * @param key id of the sample or of the quarantined row; URI of the file at its end
 * @param shardUri the source file
 * @param row number of the row in the file, from 0
 * @param turn number of the assistant turn, from 0
 * @param image the image; null unless this is a sample
 * @param sample the sample, or null
 * @param quarantined the bad row, or null
 * @param contentSha256 hash of the whole file, at its end; else null
 * @param bytes size of the file, at its end; else 0
 */
record Outcome(
    String key,
    String shardUri,
    long row,
    int turn,
    Image image,
    Sample sample,
    QuarantinedRow quarantined,
    String contentSha256,
    long bytes) {
  static final RecordCodec<Outcome> CODEC =
      RecordCodec.of(
          new StructType()
              .add("key", DataTypes.StringType)
              .add("shard_uri", DataTypes.StringType)
              .add("row", DataTypes.LongType)
              .add("turn", DataTypes.IntegerType)
              .add("image", Table.IMAGES.schema())
              .add("sample", Table.SAMPLES.schema())
              .add("quarantined", Table.QUARANTINE.schema())
              .add("content_sha256", DataTypes.StringType)
              .add("bytes", DataTypes.LongType),
          Outcome.class);

  /**
   * Returns what became of {@code row}: one outcome per assistant turn, and one more for a last
   * user turn without an answer; one for a bad row and for the end of a file.
   *
   * <p>A turn with a blank prompt or response is bad, and so are those after it: they would have
   * the blank text in their context.
   */
  static List<Outcome> of(String source, SourceRow row) {
    if (row.isEnd()) {
      return List.of(
          new Outcome(
              row.shardUri(),
              row.shardUri(),
              row.row(),
              0,
              null,
              null,
              null,
              row.contentSha256(),
              row.bytes()));
    }
    String place = row.shardUri() + "#" + row.row();
    if (row.reason() != null) {
      return List.of(
          bad(
              row,
              0,
              QuarantinedRow.bad(source, place, row.reason(), row.detail(), row.payload())));
    }
    List<Outcome> outcomes = new ArrayList<>();
    List<Turn> turns = row.turns();
    int first = 0;
    while (turns.get(first).role().equals(Turn.SYSTEM)) {
      first++;
    }
    String emptyTurn = null;
    for (int prompt = first; prompt < turns.size(); prompt += 2) {
      int number = (prompt - first) / 2;
      String question = turns.get(prompt).content();
      String answer = prompt + 1 < turns.size() ? turns.get(prompt + 1).content() : null;
      String turnPlace = place + "/" + number;
      RowDefect defect =
          emptyTurn != null
              ? RowDefect.EARLIER_TURN_EMPTY
              : question.isBlank()
                  ? RowDefect.PROMPT_EMPTY
                  : answer != null && answer.isBlank() ? RowDefect.RESPONSE_EMPTY : null;
      if (defect == null) {
        outcomes.add(
            good(source, turnPlace, row, number, turns.subList(0, prompt), question, answer));
      } else {
        String detail =
            defect == RowDefect.EARLIER_TURN_EMPTY
                ? emptyTurn + " is in the context"
                : "turn " + number + ": the text is blank";
        emptyTurn = emptyTurn == null ? turnPlace : emptyTurn;
        outcomes.add(
            bad(
                row,
                number,
                QuarantinedRow.bad(source, turnPlace, defect.code(), detail, question)));
      }
    }
    return outcomes;
  }

  private static Outcome good(
      String source,
      String place,
      SourceRow row,
      int turn,
      List<Turn> context,
      String prompt,
      String response) {
    Image image = row.image();
    String id = Sample.idOf(image.imageId(), context, prompt, row.condition(), response);
    Sample sample =
        new Sample(
            id,
            image.imageId(),
            context,
            prompt,
            row.condition(),
            response,
            source,
            place,
            row.extra());
    return new Outcome(id, row.shardUri(), row.row(), turn, image, sample, null, null, 0);
  }

  private static Outcome bad(SourceRow row, int turn, QuarantinedRow quarantined) {
    return new Outcome(
        quarantined.quarantineId(),
        row.shardUri(),
        row.row(),
        turn,
        null,
        null,
        quarantined,
        null,
        0);
  }
}

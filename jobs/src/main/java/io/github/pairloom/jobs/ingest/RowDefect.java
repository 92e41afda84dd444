package io.github.pairloom.jobs.ingest;

import java.util.Locale;

/**
 * Why a source row did not become a sample. What is wrong with an image has codes of its own, in
 * {@link io.github.pairloom.udfs.image.ImageDefect}.
 */
public enum RowDefect {
  /** A line that is not JSON, or a JSON array that breaks off: the rows behind it are lost. */
  BROKEN_JSON,
  /** A tar that breaks off: the rows behind the tear are lost. */
  BROKEN_TAR,
  /** A Parquet file that cannot be read on: the rows behind that point are lost. */
  BROKEN_PARQUET,
  /** JSON, but not an object. */
  ROW_NOT_AN_OBJECT,
  /** More bytes of text than any conversation has. */
  TEXT_TOO_LONG,
  /** Bytes that are not UTF-8. */
  NOT_UTF_8,
  /** Half of a surrogate pair: no UTF-8 text can hold it. */
  LONE_SURROGATE,
  /** A row of text alone. */
  IMAGE_NOT_GIVEN,
  /** More than one image. */
  SEVERAL_IMAGES,
  /** The image is a URL; nothing is fetched from a network on behalf of a row. */
  IMAGE_IS_A_URL,
  /** The path of the image leaves the folder that images may come from. */
  IMAGE_OUTSIDE_ROOT,
  /** The {@code <image>} markers of the texts are not as many as the images. */
  IMAGE_COUNT_MISMATCH,
  /** Neither a conversation, nor a prompt or response, nor a caption. */
  CONVERSATION_NOT_GIVEN,
  /** A conversation without a user turn. */
  CONVERSATION_EMPTY,
  /** A conversation that is not a list of turns, or a turn that has no text. */
  CONVERSATION_MALFORMED,
  /** More turns than any conversation has: each becomes a sample that repeats those before it. */
  TOO_MANY_TURNS,
  /** A turn of somebody who is neither user nor assistant nor system. */
  UNKNOWN_ROLE,
  /** Turns that do not go user, assistant, user, assistant, after system turns if any. */
  TURNS_DO_NOT_ALTERNATE,
  /** A blank prompt. */
  PROMPT_EMPTY,
  /** A blank response. */
  RESPONSE_EMPTY,
  /** A turn that would have an empty prompt or response in its context. */
  EARLIER_TURN_EMPTY,
  /** Anything else that made reading the row fail. */
  UNREADABLE_ROW;

  /** Returns the stable reason code, such as {@code broken-json}. */
  public String code() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}

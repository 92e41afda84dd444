package io.github.pairloom.udfs.remote;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.udfs.remote.ChatClient.Answer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Answers of models behind HTTP, kept in a folder that all executors reach, so that a question is
 * not paid for again after a crash, in a retried task or under another recipe. An answer is found
 * by a hash of everything that was sent; no secret is in the hash or in the file.
 *
 * <p>One file per answer, in {@code 4096} folders by the first digits of its key. A file is written
 * under another name and then renamed, so it is there whole or not at all, whoever writes at the
 * same time. It starts with a hash of the rest: one that is damaged is removed and counts as not
 * there. Made on the driver, used on executors; safe for use by many threads.
 *
 * <p>It also tells whether there is a cap on what answers cost: those whose tokens are not told
 * would be free by it.
 */
public final class ResponseCache implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SHARD_DIGITS = 3;
  private static final ResponseCache NONE = new ResponseCache(null, "", false);

  private final SerializableConfiguration hadoop;
  private final String folder;
  private final boolean capped;

  private ResponseCache(SerializableConfiguration hadoop, String folder, boolean capped) {
    this.hadoop = hadoop;
    this.folder = folder;
    this.capped = capped;
  }

  /**
   * Returns the cache in {@code folder}.
   *
   * @param hadoop settings of the file systems, as {@code spark.sparkContext()
   *     .hadoopConfiguration()} has them
   * @param folder path or URI; made with the first answer
   */
  public static ResponseCache in(Configuration hadoop, String folder) {
    return new ResponseCache(new SerializableConfiguration(hadoop), folder, false);
  }

  /** Returns a cache that keeps nothing. */
  public static ResponseCache none() {
    return NONE;
  }

  /** Returns the same cache, of those who may not spend without end. */
  public ResponseCache capped() {
    return new ResponseCache(hadoop, folder, true);
  }

  /** Returns whether there is a cap on what answers cost. */
  boolean isCapped() {
    return capped;
  }

  /** Returns the folder; empty if nothing is kept. */
  String folder() {
    return folder;
  }

  /**
   * Returns the answer under {@code key}, if there is a sound one; else makes room for it.
   *
   * @throws EndpointException if the file system fails: asking without looking would pay twice, and
   *     what cannot be kept is not to be paid for
   */
  Optional<Answer> find(String key) {
    if (folder.isEmpty()) {
      return Optional.empty();
    }
    Path file = file(key);
    try {
      FileSystem files = file.getFileSystem(hadoop.value());
      Optional<Answer> answer = read(files, file, key);
      if (answer.isEmpty() && !files.mkdirs(file.getParent())) {
        throw new IOException("its folder cannot be made");
      }
      return answer;
    } catch (IOException e) {
      throw failure("read", file, e);
    }
  }

  /** Returns what is in {@code file}; empty if it is not there, or damaged: then it is removed. */
  private static Optional<Answer> read(FileSystem files, Path file, String key) throws IOException {
    try (InputStream in = files.open(file)) {
      String[] lines = new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n", 2);
      if (lines.length == 2 && lines[0].equals(hash(key, lines[1]))) {
        JsonNode json = JSON.readTree(lines[1]);
        return Optional.of(
            new Answer(
                json.path("text").asText(),
                false,
                json.path("tokens-read").asLong(),
                json.path("tokens-written").asLong()));
      }
    } catch (FileNotFoundException e) {
      // Not removed: another executor's answer may be there by now, and is paid for.
      return Optional.empty();
    } catch (ChecksumException | JsonProcessingException e) {
      // As damaged as what has another hash.
    }
    files.delete(file, false);
    return Optional.empty();
  }

  /**
   * Keeps {@code answer}, unless it was cut off.
   *
   * @throws EndpointException if the file system fails
   */
  void keep(String key, Answer answer) {
    if (folder.isEmpty() || answer.cutOff()) {
      return;
    }
    ObjectNode json = JSON.createObjectNode();
    json.put("text", answer.text());
    json.put("tokens-read", answer.tokensRead());
    json.put("tokens-written", answer.tokensWritten());
    Path file = file(key);
    // Under a name that no listing takes for data.
    Path unfinished = new Path(file.getParent(), "." + key + "." + UUID.randomUUID());
    try {
      FileSystem files = file.getFileSystem(hadoop.value());
      try (OutputStream out = files.create(unfinished, false)) {
        String line = json.toString();
        out.write((hash(key, line) + "\n" + line).getBytes(StandardCharsets.UTF_8));
      }
      if (!files.rename(unfinished, file)) {
        // Most file systems refuse where another executor came first: its answer stays.
        files.delete(unfinished, false);
      }
    } catch (IOException e) {
      throw failure("write", file, e);
    }
  }

  private Path file(String key) {
    return new Path(folder, key.substring(0, SHARD_DIGITS) + "/" + key);
  }

  private static String hash(String key, String line) {
    return new ContentId().add(key).add(line).toHex();
  }

  private static EndpointException failure(String verb, Path file, IOException e) {
    return new EndpointException(
        "Cannot %s the kept answer %s: %s. Make the folder readable and writable for executors, or set remote.cache: false"
            .formatted(verb, file, e),
        e);
  }
}

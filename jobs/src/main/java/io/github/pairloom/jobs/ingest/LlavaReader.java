package io.github.pairloom.jobs.ingest;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.jobs.recipe.SourceSettings;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;

/**
 * LLaVA-Instruct: a JSON array of rows, or JSON lines; the first character tells which. Either is
 * read row by row. A broken line costs that line; a break in an array costs the rest of it, as
 * nothing tells where its next row starts.
 */
final class LlavaReader extends ShardReader {
  private static final int BYTE_ORDER_MARK = 0xFEFF;

  private final ShardStream shard;
  private final BufferedInputStream in;
  private final ImagePaths paths;
  private final SourceSettings settings;
  private final ConversationParser conversations;
  private final JsonParser array;
  private boolean done;

  /** Opens a file; images are looked up by {@code paths}. */
  LlavaReader(String uri, SourceSettings settings, ImagePaths paths, Configuration hadoop) {
    super(uri);
    this.shard = ShardStream.open(uri, hadoop);
    this.in = new BufferedInputStream(shard, 1 << 16);
    this.paths = paths;
    this.settings = settings;
    this.conversations = new ConversationParser(settings);
    try {
      if (firstCharacter() == '[') {
        this.array = Json.MAPPER.getFactory().createParser(in);
        // What is behind the array counts for the file's hash; the shard closes its stream itself.
        this.array.disable(JsonParser.Feature.AUTO_CLOSE_SOURCE);
        this.array.nextToken();
      } else {
        this.array = null;
      }
    } catch (IOException e) {
      throw new IllegalStateException("A JSON array starts with [", e);
    }
  }

  @Override
  boolean readOn() {
    if (done) {
      return false;
    }
    done = array == null ? !readLine() : !readElement();
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

  /** Skips blanks and the byte order mark; returns the character behind them, not consumed. */
  private int firstCharacter() throws IOException {
    in.mark(3);
    if (new String(in.readNBytes(3), StandardCharsets.UTF_8).indexOf(BYTE_ORDER_MARK) != 0) {
      in.reset();
    }
    while (true) {
      in.mark(1);
      int c = in.read();
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
        in.reset();
        return c;
      }
    }
  }

  private boolean readElement() {
    JsonNode element;
    try {
      JsonToken token = array.nextToken();
      if (token == JsonToken.END_ARRAY) {
        if (array.nextToken() != null) {
          addBad(RowDefect.BROKEN_JSON, "there is more behind the end of the array", null);
        }
        return false;
      }
      element = Json.MAPPER.readTree(array);
    } catch (IOException e) {
      addBad(
          RowDefect.BROKEN_JSON,
          "the array breaks off, rows behind this point are lost: " + Json.message(e),
          null);
      return false;
    }
    add(element.toString(), () -> content(Json.object(element)));
    return true;
  }

  private boolean readLine() {
    byte[] line;
    try {
      line = nextLine();
    } catch (IOException e) {
      throw new IllegalStateException("The stream below throws no checked exception", e);
    }
    if (line == null) {
      return false;
    }
    String text = new String(line, 0, Math.min(line.length, 1 << 13), StandardCharsets.UTF_8);
    if (line.length > Json.MAX_ROW_BYTES) {
      addBad(RowDefect.TEXT_TOO_LONG, "the line has over " + Json.MAX_ROW_BYTES + " bytes", text);
    } else if (!text.isBlank() || !new String(line, StandardCharsets.UTF_8).isBlank()) {
      add(text, () -> content(Json.object(line)));
    }
    return true;
  }

  /** Returns the next line, cut one byte above the limit; null at the end of the file. */
  private byte[] nextLine() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    int c = in.read();
    if (c < 0) {
      return null;
    }
    for (; c >= 0 && c != '\n'; c = in.read()) {
      if (line.size() <= Json.MAX_ROW_BYTES) {
        line.write(c);
      }
    }
    return line.toByteArray();
  }

  private Content content(ObjectNode row) {
    String path = ImagePaths.pathIn(row.remove(settings.imageColumn()));
    Conversation conversation = conversations.parse(row);
    return new Content(ImageRef.at(paths.resolve(path)), conversation);
  }
}

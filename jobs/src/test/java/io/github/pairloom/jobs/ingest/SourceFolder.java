package io.github.pairloom.jobs.ingest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import javax.imageio.ImageIO;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** Makes source files: real pictures, rows and tars. */
final class SourceFolder {
  private final Path folder;

  SourceFolder(Path folder) {
    this.folder = folder;
  }

  /** Returns the bytes of a picture; equal arguments give equal bytes. */
  static byte[] picture(String format, int number) {
    BufferedImage picture = new BufferedImage(40, 32, BufferedImage.TYPE_INT_RGB);
    Graphics2D pen = picture.createGraphics();
    pen.setColor(new Color(40 + number * 7 % 200, number * 31 % 256, 90));
    pen.fillRect(0, 0, 40, 32);
    pen.setColor(Color.WHITE);
    pen.fillOval(number % 20, 4, 12, 12);
    pen.dispose();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      ImageIO.write(picture, format, bytes);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return bytes.toByteArray();
  }

  Path write(String name, byte[] bytes) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, bytes);
  }

  Path write(String name, String text) throws IOException {
    return write(name, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes pictures {@code images/0.png} and so on. */
  void pictures(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      write("images/" + i + ".png", picture("png", i));
    }
  }

  /** Returns a LLaVA row; texts alternate between human and gpt. */
  static ObjectNode row(String image, String... texts) {
    ObjectNode row = Json.MAPPER.createObjectNode();
    row.put("id", image);
    row.put("image", image);
    row.set("conversations", Json.MAPPER.valueToTree(turns(texts)));
    return row;
  }

  static Object turns(String... texts) {
    return java.util.stream.IntStream.range(0, texts.length)
        .mapToObj(i -> Map.of("from", i % 2 == 0 ? "human" : "gpt", "value", texts[i]))
        .toList();
  }

  static String array(ObjectNode... rows) {
    return Arrays.toString(rows);
  }

  static String lines(Object... rows) {
    StringBuilder text = new StringBuilder();
    for (Object row : rows) {
      text.append(row).append('\n');
    }
    return text.toString();
  }

  /** Returns a tar of members, given as name, content, name, content. */
  static byte[] tar(Object... members) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
      for (int i = 0; i < members.length; i += 2) {
        byte[] content =
            members[i + 1] instanceof byte[] raw
                ? raw
                : members[i + 1].toString().getBytes(StandardCharsets.UTF_8);
        TarArchiveEntry entry = new TarArchiveEntry(members[i].toString());
        entry.setSize(content.length);
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
      }
    }
    return bytes.toByteArray();
  }
}

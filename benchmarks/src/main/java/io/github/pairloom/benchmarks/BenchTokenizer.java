package io.github.pairloom.benchmarks;

import static io.github.pairloom.schemas.Check.check;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The demo model's tokenizer with as many more words as a model needs. They are made of letters
 * that only minority and historic spellings of Cyrillic use, so texts in other letters have the
 * tokens they had; and they are merged like any word, so that what a model writes has about as many
 * tokens when it is read again. One word in 16 is followed by a full stop: random sentences, too,
 * must come to an end.
 */
final class BenchTokenizer {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Each is two bytes in UTF-8; the characters in between are combining marks. */
  private static final List<String> LETTERS =
      IntStream.concat(IntStream.rangeClosed(0x48A, 0x52F), IntStream.rangeClosed(0x460, 0x481))
          .mapToObj(Character::toString)
          .toList();

  /** How a byte-level tokenizer spells a space. */
  private static final String SPACE = "\u0120";

  private static final int WORDS_PER_SENTENCE = 16;

  private final ObjectNode vocabulary;
  private final ArrayNode merges;
  private final int size;

  private BenchTokenizer(JsonNode model, int size) {
    this.vocabulary = (ObjectNode) model.get("vocab");
    this.merges = (ArrayNode) model.get("merges");
    this.size = size;
  }

  /**
   * Writes a {@code tokenizer.json} in which every id below {@code size} has a text.
   *
   * @param demo the {@code tokenizer.json} to extend
   */
  static void write(Path demo, Path output, int size) throws IOException {
    JsonNode tokenizer = JSON.readTree(demo.toFile());
    new BenchTokenizer(tokenizer.get("model"), size).extend();
    JSON.writeValue(output.toFile(), tokenizer);
  }

  private void extend() {
    for (String letter : LETTERS) {
      byte[] utf8 = letter.getBytes(StandardCharsets.UTF_8);
      merge(symbol(utf8[0]), symbol(utf8[1]));
      merge(SPACE, spelled(letter));
    }
    int words = (size - vocabulary.size()) * (WORDS_PER_SENTENCE - 1) / WORDS_PER_SENTENCE;
    check(
        words > 0 && words <= LETTERS.size() * LETTERS.size(),
        "Invalid vocabulary size: %s (%s words must be made)",
        size,
        words);
    for (int i = 0; i < words; i++) {
      merge(SPACE + letter(i / LETTERS.size()), letter(i % LETTERS.size()));
    }
    for (int i = 0; vocabulary.size() < size; i++) {
      // No merge leads here: words and full stops are split before they are looked up.
      add(SPACE + letter(i / LETTERS.size()) + letter(i % LETTERS.size()) + ".");
    }
  }

  private void merge(String left, String right) {
    merges.add(left + " " + right);
    add(left + right);
  }

  private void add(String token) {
    vocabulary.put(token, vocabulary.size());
  }

  private static String letter(int index) {
    return spelled(LETTERS.get(index));
  }

  private static String spelled(String letter) {
    byte[] utf8 = letter.getBytes(StandardCharsets.UTF_8);
    return symbol(utf8[0]) + symbol(utf8[1]);
  }

  /**
   * Returns GPT-2's printable stand-in for a byte of a character that is not ASCII: the byte as a
   * Latin-1 character, or one past U+0120 for the controls and the soft hyphen among them.
   */
  private static String symbol(byte value) {
    int latin = Byte.toUnsignedInt(value);
    if (latin == 0xAD) {
      return Character.toString(0x143);
    }
    return Character.toString(latin <= 0xA0 ? 0x122 + latin - 0x80 : latin);
  }
}

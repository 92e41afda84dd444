package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class TestSentences {
  @Test
  void whitespaceBelongsToTheSentenceThatFollows() {
    assertEquals(
        List.of("A cat.", " It sits!", "  Really?", " Yes"),
        Sentences.split("A cat. It sits!  Really? Yes"));
    assertEquals(List.of("  One.", " Two. \n"), Sentences.split("  One. Two. \n"));
    assertEquals(List.of(), Sentences.split(""));
    assertEquals(List.of(" \n "), Sentences.split(" \n "));
  }

  @Test
  void numbersAbbreviationsAndTitlesEndNoSentence() {
    for (String sentence :
        List.of(
            "There are 3.5 apples.",
            "Fruit, e.g. apples.",
            "Dr. Smith and Mrs. Jones.",
            "1. A cat.",
            "B. A red car.",
            "C) Both.",
            "Fruit, e.g., apples.",
            "The U.S. Army and J. Smith.",
            "It is St. Peter's.",
            "Hunde, z. B. Pudel.",
            "See a.com/watch?v=x.",
            "Note: a != b.",
            "He said \"Yes.\" and left.")) {
      assertEquals(List.of(sentence), Sentences.split(sentence));
    }
  }

  @Test
  void linesAndListItemsAreApart() {
    assertEquals(
        List.of("Objects:", "\n- a cat", "\n- a cup", "\n\nThe end."),
        Sentences.split("Objects:\n- a cat\n- a cup\n\nThe end."));
    assertEquals(List.of("a", "\r\nb"), Sentences.split("a\r\nb"));
    assertEquals(List.of("Answer: B.", "\nIt is red."), Sentences.split("Answer: B.\nIt is red."));
    assertEquals(List.of("1. A cat.", "\n2. A dog."), Sentences.split("1. A cat.\n2. A dog."));
  }

  @Test
  void eastAsianFullStopsEndSentences() {
    assertEquals(
        List.of("\u732B\u3002", "\u72AC\uFF61", "\u9CE5\uFF0E", "\u9B5A\uFF01", "\u866B"),
        Sentences.split("\u732B\u3002\u72AC\uFF61\u9CE5\uFF0E\u9B5A\uFF01\u866B"));
  }

  @RepeatedTest(100)
  void sentencesJoinedAreTheText() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    String text = Texts.random(new Random(seed), 40);
    List<String> sentences = Sentences.split(text);
    assertEquals(text, String.join("", sentences), "rerun with -Dtests.seed=" + seed);
    assertTrue(
        text.isBlank() || sentences.stream().noneMatch(String::isBlank),
        "rerun with -Dtests.seed=" + seed);
  }

  @Test
  void aTextIsCompleteWhereASentenceEndsWhateverFollows() {
    for (String text :
        List.of(
            "A cat.",
            " No.",
            "A cat!",
            "Why?",
            "\"A cat.\"",
            "(x.)",
            "\n- a cat\n",
            "Answer: B.\n",
            "\uC606\uC5D0 \uACF5.",
            "\u732B\u3002",
            "\u732B\uFF0E",
            "\u092C\u093F\u0932\u094D\u0932\u0940\u0964")) {
      assertEquals(text.stripTrailing().length(), Sentences.completeAt(text), text);
    }
    for (String text :
        List.of(
            "",
            " ",
            "\n",
            "A cat",
            "It is Dr.",
            "2.",
            "About 3.",
            "\uFF13\uFF0E",
            "e.g.",
            "B.",
            "\"")) {
      assertEquals(-1, Sentences.completeAt(text), text);
    }
    for (String added : List.of(".", " it!", "\n", "\u3002", "\u0964", "\uFFFD")) {
      assertTrue(Sentences.mayComplete(added), added);
    }
    for (String added : List.of("", " ", " cat3", "\u0939\u093F\u0928\u094D")) {
      assertFalse(Sentences.mayComplete(added), added);
    }
    assertEquals("About 3.".length(), Sentences.completeAt("About 3. The"));
    assertEquals(-1, Sentences.completeAt("About 3.5"));
    assertEquals("\n- a cat".length(), Sentences.completeAt("\n- a cat\n- a"));
  }

  @Test
  void wordsStartAfterWhitespaceAndAtEachIdeograph() {
    assertEquals(List.of(1, 4, 10), Sentences.wordStarts(" An old-x (cup)."));
    assertEquals(List.of(0, 1, 2, 4), Sentences.wordStarts("\u732B\u304C\u3044\u3002\u72AC"));
    assertEquals(List.of(0, 1, 5), Sentences.wordStarts("\u65E5abc \u65E5"));
    assertEquals(List.of(0, 3), Sentences.wordStarts("\uD83D\uDE00 \uD83D\uDE00"));
    assertEquals(
        List.of(0, 1, 2, 3),
        Sentences.wordStarts("\u0E41\u0E21\u0E27\u0E14\u0E33".substring(0, 4)));
    assertEquals(List.of(), Sentences.wordStarts("  "));
  }

  @RepeatedTest(50)
  void wordStartsRiseAndAreNeverWithinACharacter() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    String text = Texts.random(new Random(seed), 40);
    int before = -1;
    for (int start : Sentences.wordStarts(text)) {
      String message = "at " + start + ", rerun with -Dtests.seed=" + seed;
      assertTrue(start > before && start < text.length(), message);
      assertFalse(Character.isLowSurrogate(text.charAt(start)), message);
      assertFalse(Character.isWhitespace(text.codePointAt(start)), message);
      before = start;
    }
  }
}

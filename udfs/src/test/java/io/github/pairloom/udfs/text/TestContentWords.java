package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.pairloom.udfs.text.ContentWords.Gap;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TestContentWords {
  private static final Set<String> KEPT = Set.of("there", "is", "are", "a", "on", "the", "and");

  @Test
  void wordsThatAreNotKeptShareAGapWhereOnlySpaceIsBetweenThem() {
    assertEquals(
        "There are ____. There is a ____ on the ____.",
        masked("There are three red flowers. There is a big orange tree on the left."));
    assertEquals("____, ____ and ____", masked("Cups, two plates and 3 spoons"));
  }

  @Test
  void aWordMayHaveAHyphenOrAnApostrophe() {
    assertEquals("The ____ is on the ____.", masked("The dog's is on the well-kept lawn."));
  }

  @Test
  void caseDoesNotMatterForWhatIsKept() {
    assertEquals("THERE IS ____", masked("THERE IS water"));
  }

  @Test
  void aTextOfKeptWordsHasNoGap() {
    assertEquals(List.of(), ContentWords.gaps("There is a.", KEPT));
    assertEquals(List.of(), ContentWords.gaps("", KEPT));
  }

  @Test
  void aWordIsALetterWhereNoSpaceIsBetweenWords() {
    String text = "\u6D77\u6EE9\u4E0A\u6709cat\u3002";
    assertEquals(List.of(new Gap(0, 7)), ContentWords.gaps(text, KEPT));
    Set<String> kept = Set.of("\u4E0A", "\u6709");
    assertEquals(List.of(new Gap(0, 2), new Gap(4, 7)), ContentWords.gaps(text, kept));
    assertEquals(2, ContentWords.filling("\u684C\u5B50\u4E0A\u653E\u7740\u3002", "\u4E0A\u6709"));
    String marked = "\u0E17\u0E35\u0E48";
    assertEquals(
        List.of(new Gap(3, 4)), ContentWords.gaps(marked + "\u0E19", Set.of(marked)), "Thai");
  }

  @Test
  void theFillingEndsWhereTheFollowingTextComes() {
    assertEquals(11, ContentWords.filling(" brown dog on the mat.", " on the "));
    assertEquals(4, ContentWords.filling(" dog.", "."));
    assertEquals(9, ContentWords.filling(" onions  on it.", " on "), "onions is not on");
    assertEquals(4, ContentWords.filling(" dog", ""));
  }

  @Test
  void aTextThatLeavesTheFrameFillsNoGap() {
    assertEquals(-1, ContentWords.filling(" dog sleeps.", " on the "));
    assertEquals(-1, ContentWords.filling(" on the mat.", " on the "), "it says nothing");
  }

  private static String masked(String text) {
    return ContentWords.masked(text, ContentWords.gaps(text, KEPT));
  }
}

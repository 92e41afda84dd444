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
  void aClauseWithoutSpacesIsOneWord() {
    assertEquals(List.of(new Gap(0, 4)), ContentWords.gaps("\u6D77\u6EE9\u4E0A\u6709\u3002", KEPT));
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

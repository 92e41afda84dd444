package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TestYesNo {
  @Test
  void theFirstWordIsSwappedInItsCase() {
    assertEquals(Optional.of("No, a cup."), YesNo.swap("Yes, a cup."));
    assertEquals(Optional.of("yes"), YesNo.swap("no"));
    assertEquals(Optional.of(" \nYes. No."), YesNo.swap(" \nNo. No."));
    assertEquals(Optional.of("\u00A0no way"), YesNo.swap("\u00A0yes way"));
  }

  @Test
  void otherWordsAreLeftAlone() {
    for (String sentence :
        List.of("", "Nothing", "Note it.", "no-one", "Yes's", "YES", "It is. Yes.", "No\u00E9l")) {
      assertEquals(Optional.empty(), YesNo.swap(sentence), sentence);
    }
  }
}

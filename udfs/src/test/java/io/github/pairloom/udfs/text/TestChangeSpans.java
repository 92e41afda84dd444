package io.github.pairloom.udfs.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.schemas.Span;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class TestChangeSpans {
  @Test
  void wholeWordsChange() {
    assertEquals(List.of(new Span(2, 5, 2, 5)), ChangeSpans.between("A red cup.", "A tea cup."));
    assertEquals(List.of(), ChangeSpans.between("same", "same"));
    assertEquals(List.of(), ChangeSpans.between("", ""));
  }

  @Test
  void changesWithOnlyWhitespaceBetweenAreOne() {
    assertEquals(
        List.of(new Span(2, 9, 2, 11)), ChangeSpans.between("A red cup here", "A green bag here"));
    assertEquals(
        List.of(new Span(0, 3, 0, 3), new Span(5, 8, 5, 8)),
        ChangeSpans.between("red, cup", "tea, bag"));
  }

  @Test
  void anInsertionHasAnEmptyChosenSide() {
    assertEquals(List.of(new Span(5, 5, 5, 9)), ChangeSpans.between("A cup.", "A cup now."));
    assertEquals(List.of(new Span(0, 3, 0, 0)), ChangeSpans.between("abc", ""));
  }

  @Test
  void ideographsChangeOneByOne() {
    assertEquals(
        List.of(new Span(1, 2, 1, 2)),
        ChangeSpans.between("\u8D64\u732B\u3002", "\u8D64\u72AC\u3002"));
  }

  @Test
  void veryLongTextsHaveOneSpan() {
    String same = "a ".repeat(4000);
    assertEquals(
        List.of(new Span(8000, 8005, 8000, 8005)),
        ChangeSpans.between(same + "x a y " + same, same + "v a w " + same));
    assertEquals(List.of(), ChangeSpans.between(same + same, same + same));
    assertEquals(
        List.of(new Span(16000, 16000, 16000, 16001)),
        ChangeSpans.between(same + same, same + same + "b"));
  }

  @Test
  void tokensInAMatchThatIsTooShortCountAsChanged() {
    int[] chosen = {1, 2, 3, 4, 9, 5, 6, 8, 10, 11, 12};
    int[] rejected = {1, 2, 3, 4, 7, 5, 6, 7, 7, 10, 11, 12};
    assertEquals(
        List.of(new Span(4, 8, 4, 9)), ChangeSpans.ofTokens(chosen, rejected, 3), "5 6 is short");
    assertEquals(
        List.of(new Span(4, 5, 4, 5), new Span(7, 8, 7, 9)),
        ChangeSpans.ofTokens(chosen, rejected, 1));
    assertEquals(
        List.of(new Span(0, 3, 0, 3)),
        ChangeSpans.ofTokens(new int[] {1, 2, 3}, new int[] {1, 5, 3}, 3),
        "at the ends too");
    assertEquals(
        List.of(new Span(3, 3, 3, 4)),
        ChangeSpans.ofTokens(new int[] {1, 2, 3}, new int[] {1, 2, 3, 4}, 3));
    assertEquals(List.of(), ChangeSpans.ofTokens(new int[] {1}, new int[] {1}, 3));
    assertEquals(List.of(), ChangeSpans.ofTokens(new int[0], new int[0], 3));
  }

  @RepeatedTest(100)
  void outsideTheTokenSpansBothSidesHaveTheSameTokensInRunsThatAreLongEnough() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    Random random = new Random(seed);
    int[] chosen = random.ints(random.nextInt(30), 0, 4).toArray();
    int[] rejected = random.ints(random.nextInt(30), 0, 4).toArray();
    List<Span> spans = ChangeSpans.ofTokens(chosen, rejected, 3);
    int from = 0;
    int to = 0;
    for (int i = 0; i <= spans.size(); i++) {
      boolean last = i == spans.size();
      int length = (last ? chosen.length : spans.get(i).chosenStart()) - from;
      int length2 = (last ? rejected.length : spans.get(i).rejectedStart()) - to;
      assertEquals(length, length2, "rerun with -Dtests.seed=" + seed);
      assertTrue(length == 0 || length >= 3 || spans.isEmpty(), "rerun with -Dtests.seed=" + seed);
      for (int k = 0; k < length; k++) {
        assertEquals(chosen[from + k], rejected[to + k], "rerun with -Dtests.seed=" + seed);
      }
      if (!last) {
        from = spans.get(i).chosenEnd();
        to = spans.get(i).rejectedEnd();
      }
    }
  }

  @RepeatedTest(200)
  void puttingTheRejectedSidesInPlaceGivesTheRejectedText() {
    long seed = Long.getLong("tests.seed", System.nanoTime());
    Random random = new Random(seed);
    String chosen = Texts.random(random, random.nextInt(40));
    String rejected =
        random.nextBoolean() ? Texts.random(random, random.nextInt(40)) : edited(chosen, random);
    String message = "rerun with -Dtests.seed=" + seed;
    StringBuilder rebuilt = new StringBuilder();
    int chosenEnd = 0;
    int rejectedEnd = 0;
    for (Span span : ChangeSpans.between(chosen, rejected)) {
      String kept = chosen.substring(chosenEnd, span.chosenStart());
      assertEquals(rejected.substring(rejectedEnd, span.rejectedStart()), kept, message);
      assertTrue(chosenEnd == 0 || !kept.isBlank(), message);
      rebuilt.append(kept).append(rejected, span.rejectedStart(), span.rejectedEnd());
      chosenEnd = span.chosenEnd();
      rejectedEnd = span.rejectedEnd();
    }
    rebuilt.append(chosen.substring(chosenEnd));
    assertEquals(rejected, rebuilt.toString(), message);
    assertFalse(
        !chosen.equals(rejected) && ChangeSpans.between(chosen, rejected).isEmpty(), message);
  }

  private static String edited(String text, Random random) {
    int cut = random.nextInt(text.length() + 1);
    if (cut < text.length() && Character.isLowSurrogate(text.charAt(cut))) {
      cut--;
    }
    return text.substring(0, cut) + Texts.random(random, 2) + text.substring(cut);
  }
}

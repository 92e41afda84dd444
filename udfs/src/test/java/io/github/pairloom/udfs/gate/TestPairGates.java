package io.github.pairloom.udfs.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.udfs.gate.PairGates.Candidate;
import io.github.pairloom.udfs.gate.PairGates.Failure;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TestPairGates {
  private static final Set<String> CONTROL = Set.of("</s>", "<image>", "[INST]");
  private static final String CHOSEN = "We can see a beach. There is a red boat on the left.";
  private static final PairGates ALL =
      new PairGates(
          true, true, List.of("^i'm sorry", "\\bi cannot see"), 0.2, true, true, 0.99, 0.1, 2);
  private static final PairGates NONE =
      new PairGates(false, false, List.of(), 1, false, false, 1, -1, 0);

  @Test
  void aGoodPairPassesAll() {
    assertEquals(List.of(), failed("We can see a beach. There is a big white boat on the right."));
    assertEquals(List.of(), failed("I had had a look... It is 3.5 m long, e.g. this, on YouTube."));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "  ", "\n\t"})
  void nothingIsEmpty(String rejected) {
    assertEquals(List.of("empty"), failed(rejected));
    assertEquals(List.of("empty"), names(NONE, new Candidate(CHOSEN, rejected, 0.5, false)));
  }

  @Test
  void theSameButForWhitespaceIsIdentical() {
    assertEquals(List.of("identical"), failed("  " + CHOSEN.replace(" ", "  ") + "\n"));
    assertEquals(List.of("identical"), names(NONE, new Candidate(CHOSEN, CHOSEN, 1, true)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "We can see a beach. There is a red boat<image>.~control-token",
        "We can see a beach. There is a red cat.</s>~control-token",
        "<|im_end|>We can see a beach with one cat.~control-token",
        "I'm sorry, but this image shows nothing at all.~refusal",
        "Well, I cannot see the image that you speak of.~refusal",
        "\u6211\u4eec\u770b\u5230\u4e00\u4e2a\u6d77\u6ee9\u548c\u4e00\u8258\u8239\u5728\u5de6\u8fb9"
            + "\u6211\u4eec\u770b\u5230\u4e00\u4e2a\u6d77\u6ee9\u548c\u4e00\u8258\u8239~wrong-language",
        "We can see a beach.There is a red cat on the left.~nonsense-join",
        "We can see a beach. There is a red red boat on the left.~nonsense-join",
        "We can see a beachThere is a red boat on the left.~nonsense-join",
        "We can see a beach . There is a cat on the left.~nonsense-join",
        "We can see a beach,. There is a cat on the left.~nonsense-join",
        "There is a red boat on the left.~entailed",
        "We can see a big cat.~length-ratio",
      })
  void eachGateStopsWhatItIsNamedAfter(String rejected, String gate) {
    assertEquals(List.of(gate), failed(rejected));
    assertEquals(List.of(), names(NONE, new Candidate(CHOSEN, rejected, 0.5, false)));
  }

  @Test
  void whatTheChosenTextHasTooIsNoFault() {
    Candidate pair =
        new Candidate(
            "I cannot see it <image>. Ha.Bad joins all over the the place .",
            "I cannot see it <image>. No.Bad joins all over the the town .",
            0.5,
            false);
    assertEquals(List.of(), names(ALL, pair));
  }

  @Test
  void japaneseIsWrittenInThreeScripts() {
    PairGates gates = new PairGates(false, false, List.of(), 0.2, false, false, 1, -1, 0);
    String ideographs = "\u8D64\u8239";
    String kana = "\u306F\u9752\u3044\u30DC\u30FC\u30C8\u3067\u3059";
    String hangul = "\uBC30\uAC00 \uC788\uB2E4";
    assertEquals(List.of(), names(gates, new Candidate(ideographs, kana, 0.5, false)));
    assertEquals(List.of(), names(gates, new Candidate(kana, ideographs, 0.5, false)));
    for (String[] texts :
        new String[][] {{ideographs, "a ship"}, {"a ship", kana}, {kana, hangul}, {hangul, kana}}) {
      assertEquals(
          List.of("wrong-language"),
          names(gates, new Candidate(texts[0], texts[1], 0.5, false)),
          String.join(", ", texts));
    }
  }

  @Test
  void itemsOfAListAreSentencesOfTheirOwn() {
    String list = "I see:\n- a boat\n- a red  cat\n- two trees";
    assertEquals(
        List.of("entailed"),
        names(ALL, new Candidate(list, "I see:\n- a boat\n- two trees", 0.5, false)));
    assertEquals(
        List.of("entailed"), names(ALL, new Candidate(list, "- a red cat\n- a boat", 0.5, false)));
    assertEquals(
        List.of(),
        names(ALL, new Candidate(list, "I see:\n- a boat\n- a red dog\n- two trees", 0.5, false)));
  }

  @Test
  void aPatternThatIsTooMuchForATextIsNamed() {
    PairGates gates = new PairGates(false, false, List.of("^(?:a|b)*c"), 1, false, false, 1, -1, 0);
    Candidate pair = new Candidate(CHOSEN, "ab".repeat(1 << 17), 0.5, false);
    String message =
        assertThrows(IllegalStateException.class, () -> gates.failures(pair, CONTROL)).getMessage();
    assertTrue(message.contains("'^(?:a|b)*c' in a text of 262144 characters"), message);
  }

  @Test
  void similarityAndTheTokenLimitHaveGatesOfTheirOwn() {
    String rejected = "We can see a beach. There is a blue boat on the left.";
    assertEquals(List.of("too-similar"), names(ALL, new Candidate(CHOSEN, rejected, 0.995, false)));
    assertEquals(
        List.of("too-dissimilar"), names(ALL, new Candidate(CHOSEN, rejected, 0.05, false)));
    assertEquals(List.of("cut-off"), names(ALL, new Candidate(CHOSEN, rejected, 0.5, true)));
    assertEquals(List.of(), names(NONE, new Candidate(CHOSEN, rejected, 1.00001, true)));
  }

  @Test
  void allFailuresAreToldInOrderWithWhatWasFound() {
    List<Failure> failures =
        ALL.failures(new Candidate(CHOSEN, "I'm sorry sorry.", 0.05, true), CONTROL);
    assertEquals(
        List.of("cut-off", "refusal", "nonsense-join", "too-dissimilar", "length-ratio"),
        failures.stream().map(Failure::gate).toList());
    assertEquals("0.0500 cosine (limit 0.1)", failures.get(3).found());
  }

  @Test
  void settingsOutOfRangeAreRefused() {
    for (String message :
        List.of(
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new PairGates(true, true, List.of("("), 1, true, true, 1, -1, 0))
                .getMessage(),
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new PairGates(true, true, List.of(), 1, true, true, 1, -1, 0.5))
                .getMessage(),
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new PairGates(true, true, List.of(), Double.NaN, true, true, 1, -1, 0))
                .getMessage())) {
      assertTrue(message.startsWith("Invalid "), message);
    }
  }

  private static List<String> failed(String rejected) {
    return names(ALL, new Candidate(CHOSEN, rejected, 0.5, false));
  }

  private static List<String> names(PairGates gates, Candidate pair) {
    return gates.failures(pair, CONTROL).stream().map(Failure::gate).toList();
  }
}

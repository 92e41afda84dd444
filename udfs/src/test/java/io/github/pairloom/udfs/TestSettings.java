package io.github.pairloom.udfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.github.pairloom.udfs.remote.ChatEndpoint;
import io.github.pairloom.udfs.similarity.SimilaritySettings;
import io.github.pairloom.udfs.strategy.Bdhs;
import io.github.pairloom.udfs.strategy.BdhsNoise;
import io.github.pairloom.udfs.vlm.Sampling;
import java.util.List;
import org.junit.jupiter.api.Test;

class TestSettings {
  @Test
  void canonicalFormHasSortedKebabCaseKeysAndNamesTheAlternative() {
    BdhsNoise noise = new BdhsNoise(500, new Bdhs(5, 0.97, 0.5, new Sampling(0.7, 1, 256)));
    assertEquals(
        "[{\"bdhs\":{\"iterations\":5,\"sampling\":{\"max-new-tokens\":256,\"temperature\":0.7,"
            + "\"top-p\":1.0},\"similarity-threshold\":0.97,\"yes-no-swap-probability\":0.5},"
            + "\"noise-steps\":500,\"type\":\"bdhs-noise\"}]",
        Settings.canonical(List.of(noise)));
  }

  @Test
  void textsAreEscapedAndConstantsAreInKebabCase() {
    assertEquals(
        "{\"model\":\"a \\\"b\\\"\",\"scope\":\"sentence\"}",
        Settings.canonical(new SimilaritySettings("a \"b\"", SimilaritySettings.Scope.SENTENCE)));
  }

  @Test
  void whatShapesNothingIsNotInTheShapingForm() {
    ChatEndpoint slow = new ChatEndpoint("http://h/v1", "m", 0.5, 9, "", 600, 0, 1, 0, 0);
    ChatEndpoint priced = new ChatEndpoint("http://h/v1", "m", 0.5, 9, "KEY", 1, 2, 3, 4, 5);
    assertEquals(
        "{\"max-tokens\":9,\"model\":\"m\",\"temperature\":0.5,\"url\":\"http://h/v1\"}",
        Settings.shaping(slow));
    assertEquals(Settings.shaping(slow), Settings.shaping(priced));
    assertNotEquals(Settings.canonical(slow), Settings.canonical(priced));
  }
}

package io.github.pairloom.schemas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TestProvenance {
  private static final String ID = "0123456789abcdef".repeat(4);

  @Test
  void whatTheSourceGivesNoModelWroteOrSaw() {
    Provenance made =
        new Provenance(
            ID,
            7,
            Map.of("offline-share", "0.5"),
            "models/demo",
            ID,
            ID,
            Map.of("temperature", "0.7"),
            new Transform(Transform.NONE, Map.of(), ID, List.of(3, 9)),
            "minilm",
            ID,
            Map.of("pairloom", "0.1"));
    Provenance given = made.ofSource();
    assertEquals("source", given.modelId());
    assertEquals(ContentId.of(new byte[0]), given.modelRevision());
    assertEquals(ContentId.of(new byte[0]), given.promptTemplateSha256());
    assertEquals(Map.of(), given.sampling());
    assertNull(given.transform());
    assertEquals(made.recipeId(), given.recipeId());
    assertEquals(made.strategyParameters(), given.strategyParameters());
    assertEquals(made.embedderId(), given.embedderId());
  }
}

package io.github.pairloom.jobs.notebooks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.ingest.IngestStep;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecipeReader;
import io.github.pairloom.jobs.reference.ReferenceStep;
import io.github.pairloom.jobs.reject.RejectStep;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.jobs.select.SelectStep;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;
import jdk.jshell.execution.LocalExecutionControlProvider;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs the notebooks' cells in JShell, on tables that the quickstart's recipe made. */
class TestNotebooks {
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"));

  @TempDir static Path folder;

  @Test
  void theQuickstartNotebookShowsThreePairsAndTheirPictures() throws IOException {
    SparkSession spark = Pairs.startSpark();
    PrintStream terminal = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setProperty("pairloom.warehouse", folder.toString());
    try (JShell shell =
        JShell.builder().executionEngine(new LocalExecutionControlProvider(), null).build()) {
      makeTables(spark);
      shell.addToClasspath(System.getProperty("java.class.path"));
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      String last = "";
      int pictures = 0;
      for (String cell : cells("quickstart.ipynb")) {
        last = run(shell, cell);
        pictures += last.startsWith("BufferedImage") ? 1 : 0;
      }
      assertEquals(3, pictures);
      String text = printed.toString(StandardCharsets.UTF_8);
      assertEquals(3, text.lines().filter(line -> line.startsWith("chosen ")).count(), text);
      assertTrue(text.contains("{+"), text);
    } finally {
      System.setOut(terminal);
      System.clearProperty("pairloom.warehouse");
      spark.stop();
    }
  }

  private static void makeTables(SparkSession spark) {
    // Fewer scenes than the quickstart's shards have.
    Path scenes = ROOT.resolve("models/demo-data/llava_instruct.json");
    Recipe recipe =
        RecipeReader.read(
            ROOT.resolve("conf/recipes/quickstart.yaml"),
            List.of(
                "source.format=llava",
                "source.path=" + scenes,
                "model.path=" + ROOT.resolve("models/demo")));
    Warehouse warehouse = new Warehouse(spark, folder.toString());
    StepContext context = new StepContext(spark, warehouse, recipe);
    List<Step> steps =
        List.of(new IngestStep(), new ReferenceStep(), new RejectStep(), new SelectStep());
    steps.forEach(step -> step.run(context));
  }

  private static List<String> cells(String notebook) throws IOException {
    JsonNode cells =
        new ObjectMapper()
            .readTree(ROOT.resolve("notebooks").resolve(notebook).toFile())
            .get("cells");
    return StreamSupport.stream(cells.spliterator(), false)
        .filter(cell -> cell.get("cell_type").asText().equals("code"))
        .map(
            cell -> {
              StringBuilder source = new StringBuilder();
              cell.get("source").forEach(line -> source.append(line.asText()));
              return source.toString();
            })
        .toList();
  }

  /** Runs the snippets of a cell; returns the value of the last, as JShell prints it. */
  private static String run(JShell shell, String cell) {
    SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
    String value = "";
    String rest = cell;
    while (!rest.isBlank()) {
      CompletionInfo next = analysis.analyzeCompletion(rest);
      assertTrue(next.completeness().isComplete(), () -> next.completeness() + ": " + cell);
      for (SnippetEvent event : shell.eval(next.source())) {
        String errors =
            shell
                .diagnostics(event.snippet())
                .map(problem -> problem.getMessage(null))
                .toList()
                .toString();
        assertEquals(Snippet.Status.VALID, event.status(), () -> errors + " in " + cell);
        assertNull(event.exception(), () -> event.exception() + " in " + cell);
        value = event.value() == null ? "" : event.value();
      }
      rest = next.remaining();
    }
    return value;
  }
}

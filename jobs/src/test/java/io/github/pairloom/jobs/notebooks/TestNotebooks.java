package io.github.pairloom.jobs.notebooks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.dedup.DedupStep;
import io.github.pairloom.jobs.ingest.IngestStep;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecipeReader;
import io.github.pairloom.jobs.reference.ReferenceStep;
import io.github.pairloom.jobs.reject.RejectStep;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.jobs.select.SelectStep;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.imageio.ImageIO;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;
import jdk.jshell.VarSnippet;
import jdk.jshell.execution.LocalExecutionControlProvider;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the notebooks' cells in JShell, on tables that the quickstart's recipe made. What they print
 * and draw is kept in the notebook, for those who only read it, with
 *
 * <pre>
 * mvn -pl jobs -am test -Dtest=TestNotebooks -Dsurefire.failIfNoSpecifiedTests=false \\
 *   -Dpairloom.notebooks.write=true
 * </pre>
 */
class TestNotebooks {
  private static final boolean WRITE = Boolean.getBoolean("pairloom.notebooks.write");
  private static final Path ROOT = Path.of(System.getProperty("pairloom.root"));
  private static final Path NOTEBOOK = ROOT.resolve("notebooks/quickstart.ipynb");
  private static final ObjectMapper JSON = new ObjectMapper();

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
      ObjectNode notebook = read();
      int pictures = 0;
      int number = 0;
      for (JsonNode cell : notebook.get("cells")) {
        if (!cell.get("cell_type").asText().equals("code")) {
          continue;
        }
        number++;
        int before = printed.size();
        Result result = run(shell, source(cell));
        Optional<byte[]> picture = picture(shell, result);
        pictures += picture.isPresent() ? 1 : 0;
        String own =
            new String(
                printed.toByteArray(), before, printed.size() - before, StandardCharsets.UTF_8);
        keep((ObjectNode) cell, number, own, picture);
      }
      assertEquals(3, pictures);
      String text = printed.toString(StandardCharsets.UTF_8);
      assertEquals(3, text.lines().filter(line -> line.startsWith("chosen ")).count(), text);
      assertTrue(text.contains("{+"), text);
      if (WRITE) {
        write(notebook);
      }
    } finally {
      System.setOut(terminal);
      System.clearProperty("pairloom.warehouse");
      spark.stop();
    }
  }

  @Test
  void theQuickstartNotebookKeepsWhatItPrintedAndDrew() throws IOException {
    int pictures = 0;
    for (JsonNode cell : read().get("cells")) {
      for (JsonNode output : cell.path("outputs")) {
        JsonNode png = output.path("data").path("image/png");
        if (png.isTextual()) {
          pictures++;
          byte[] bytes = Base64.getMimeDecoder().decode(png.asText());
          assertNotNull(ImageIO.read(new ByteArrayInputStream(bytes)));
        }
      }
    }
    assertEquals(3, pictures);
  }

  private static void makeTables(SparkSession spark) {
    Path data = ROOT.resolve("models/demo-data");
    // Fewer scenes than the quickstart's shards have, unless a reader is to see the quickstart.
    List<String> source =
        WRITE
            ? List.of("source.path=" + data.resolve("shards"))
            : List.of("source.format=llava", "source.path=" + data.resolve("llava_instruct.json"));
    List<String> settings = new ArrayList<>(source);
    settings.add("model.path=" + ROOT.resolve("models/demo"));
    Recipe recipe = RecipeReader.read(ROOT.resolve("conf/recipes/quickstart.yaml"), settings);
    Warehouse warehouse = new Warehouse(spark, folder.toString());
    StepContext context = new StepContext(spark, warehouse, recipe);
    List<Step> steps =
        List.of(
            new IngestStep(),
            new ReferenceStep(),
            new RejectStep(),
            new DedupStep(),
            new SelectStep());
    steps.forEach(step -> step.run(context));
  }

  private static ObjectNode read() throws IOException {
    return (ObjectNode) JSON.readTree(NOTEBOOK.toFile());
  }

  private static void write(ObjectNode notebook) throws IOException {
    DefaultIndenter lines = new DefaultIndenter(" ", "\n");
    DefaultPrettyPrinter printer = new JupyterPrinter();
    printer.indentArraysWith(lines);
    printer.indentObjectsWith(lines);
    Files.writeString(NOTEBOOK, JSON.writer(printer).writeValueAsString(notebook) + "\n");
  }

  private static String source(JsonNode cell) {
    StringBuilder source = new StringBuilder();
    cell.get("source").forEach(line -> source.append(line.asText()));
    return source.toString();
  }

  /** Puts into a cell what came of it, as Jupyter does. */
  private static void keep(ObjectNode cell, int number, String printed, Optional<byte[]> picture) {
    cell.put("execution_count", number);
    ArrayNode outputs = cell.putArray("outputs");
    if (!printed.isEmpty()) {
      ArrayNode text =
          outputs.addObject().put("name", "stdout").put("output_type", "stream").putArray("text");
      for (String line : printed.split("(?<=\n)", -1)) {
        if (!line.isEmpty()) {
          text.add(line);
        }
      }
    }
    picture.ifPresent(
        png -> {
          ObjectNode output = outputs.addObject();
          output.putObject("data").put("image/png", Base64.getEncoder().encodeToString(png));
          output.put("execution_count", number).putObject("metadata");
          output.put("output_type", "execute_result");
        });
  }

  /** Returns the picture that is the value of a cell, as a PNG file. */
  private static Optional<byte[]> picture(JShell shell, Result result) throws IOException {
    if (!result.value().startsWith("BufferedImage")) {
      return Optional.empty();
    }
    // The value itself stays in JShell, under the name that it gave the last expression.
    Path file = folder.resolve("picture.png");
    run(
        shell,
        "javax.imageio.ImageIO.write(%s, \"png\", new java.io.File(\"%s\"))"
            .formatted(result.name(), file));
    return Optional.of(Files.readAllBytes(file));
  }

  /** The value of a cell, as JShell prints it, and the variable that holds it; empty: none. */
  private record Result(String name, String value) {}

  /** Runs the snippets of a cell; returns the value of the last. */
  private static Result run(JShell shell, String cell) {
    SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
    Result last = new Result("", "");
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
        String name = event.snippet() instanceof VarSnippet variable ? variable.name() : "";
        last = new Result(name, event.value() == null ? "" : event.value());
      }
      rest = next.remaining();
    }
    return last;
  }

  /** Spaces and empty lists as Jupyter writes them, so that a new run changes outputs alone. */
  private static final class JupyterPrinter extends DefaultPrettyPrinter {
    private static final long serialVersionUID = 1L;

    @Override
    public DefaultPrettyPrinter createInstance() {
      JupyterPrinter copy = new JupyterPrinter();
      copy.indentArraysWith(_arrayIndenter);
      copy.indentObjectsWith(_objectIndenter);
      return copy;
    }

    @Override
    public void writeObjectFieldValueSeparator(JsonGenerator json) throws IOException {
      json.writeRaw(": ");
    }

    @Override
    public void writeEndObject(JsonGenerator json, int entries) throws IOException {
      if (entries > 0) {
        super.writeEndObject(json, entries);
      } else {
        _nesting--;
        json.writeRaw('}');
      }
    }

    @Override
    public void writeEndArray(JsonGenerator json, int values) throws IOException {
      if (values > 0) {
        super.writeEndArray(json, values);
      } else {
        _nesting--;
        json.writeRaw(']');
      }
    }
  }
}

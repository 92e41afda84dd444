package io.github.pairloom.udfs.vlm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import io.github.pairloom.udfs.text.ChatTemplate;
import io.github.pairloom.udfs.text.TextTokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The files of a model folder in the Hugging Face ONNX layout. */
public final class ModelFiles {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ModelSpec spec;
  private final Path folder;

  public ModelFiles(ModelSpec spec) {
    this.spec = spec;
    this.folder = Path.of(spec.path());
  }

  /** Returns the folder. */
  public Path folder() {
    return folder;
  }

  /** Returns the graph that turns pixels into image features. */
  public Path visionEncoder() {
    return graph("vision_encoder");
  }

  /** Returns the graph that turns token ids into embeddings. */
  public Path embedTokens() {
    return graph("embed_tokens");
  }

  /** Returns the graph of the language model. */
  public Path decoder() {
    return graph("decoder_model_merged");
  }

  /** Returns the files that must be there and are not. */
  public List<Path> missing() {
    return Stream.of(
            visionEncoder(),
            embedTokens(),
            decoder(),
            file("config.json"),
            file("preprocessor_config.json"),
            file("tokenizer.json"))
        .filter(path -> !Files.isRegularFile(path))
        .toList();
  }

  /**
   * Returns the SHA-256 over the names and bytes of everything that decides what the model writes:
   * graphs, external weights, tokenizer, configurations.
   *
   * @throws ModelException if files are missing, or the SHA-256 is not the one that the model must
   *     have
   */
  public ModelIdentity identity() {
    requireComplete();
    ModelIdentity identity = read();
    if (!spec.sha256().isEmpty() && !spec.sha256().equals(identity.revision())) {
      throw new ModelException(
          "Cannot use model %s: its files have SHA-256 %s, not %s. Restore them, on every machine alike; if they are meant, correct model.sha256"
              .formatted(spec.path(), identity.revision(), spec.sha256()));
    }
    return identity;
  }

  private ModelIdentity read() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 20];
      for (Path file : files()) {
        digest.update(folder.relativize(file).toString().getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
        try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
          while (in.read(buffer) >= 0) {
            // The stream feeds the digest.
          }
        }
      }
      return new ModelIdentity(
          spec.path(), HexFormat.of().formatHex(digest.digest()), chatTemplate().sha256());
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read model folder " + folder, e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Returns the SHA-256 (hex) of the tokenizer's file. */
  public String tokenizerSha256() {
    try {
      return ContentId.of(Files.readAllBytes(file("tokenizer.json")));
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read the tokenizer of " + folder, e);
    }
  }

  /**
   * Returns how the model takes a picture.
   *
   * @throws ModelException if the folder does not say
   */
  public ImagePreprocessor preprocessor() {
    try {
      return ImagePreprocessor.read(file("preprocessor_config.json"));
    } catch (IOException e) {
      throw new ModelException("Cannot read how model " + spec.path() + " takes images: " + e, e);
    }
  }

  /** Fails if files are missing, naming them. */
  void requireComplete() {
    List<Path> missing = missing();
    if (!missing.isEmpty()) {
      throw new ModelException(
          "Cannot load model "
              + spec.path()
              + ": missing "
              + missing.stream().map(path -> folder.relativize(path).toString()).toList()
              + ". Set model.path to a folder in the Hugging Face ONNX layout, and model.suffix if"
              + " its graphs have one");
    }
  }

  ChatTemplate chatTemplate() throws IOException {
    return spec.chatTemplate().isEmpty()
        ? ChatTemplate.load(folder)
        : ChatTemplate.of(spec.chatTemplate(), folder);
  }

  /** Returns a JSON file of the folder; an empty object if it is not there. */
  JsonNode json(String name) throws IOException {
    Path path = file(name);
    return Files.exists(path) ? JSON.readTree(path.toFile()) : JSON.createObjectNode();
  }

  /**
   * Returns the ids that end a response: all that the model's files name. Configurations may name
   * the end of a document alone, where the end of a turn is what the tokenizer calls its end.
   *
   * @param template with the tokens' spellings
   */
  Set<Integer> endTokens(ChatTemplate template, TextTokenizer tokenizer) throws IOException {
    Set<Integer> ends = new TreeSet<>();
    addIds(ends, json("generation_config.json").path("eos_token_id"));
    addIds(ends, json("config.json").path("eos_token_id"));
    addIds(ends, json("config.json").path("text_config").path("eos_token_id"));
    template.token("eos_token").ifPresent(end -> tokenizer.idOf(end).ifPresent(ends::add));
    return ends;
  }

  /** Returns the number of positions that the model was made for; unbounded if no file says. */
  long context() throws IOException {
    JsonNode config = json("config.json");
    return config
        .path("text_config")
        .path("max_position_embeddings")
        .asLong(config.path("max_position_embeddings").asLong(Long.MAX_VALUE));
  }

  private static void addIds(Set<Integer> ids, JsonNode node) {
    if (node.isInt()) {
      ids.add(node.intValue());
    }
    node.forEach(element -> ids.add(element.intValue()));
  }

  /** Returns the spelling of the token that stands for an image. */
  String imageToken() throws IOException {
    return json("processor_config.json").path("image_token").asText("<image>");
  }

  private List<Path> files() throws IOException {
    List<Path> files = new ArrayList<>(OnnxEngine.files(visionEncoder(), embedTokens(), decoder()));
    try (Stream<Path> top = Files.list(folder)) {
      top.filter(path -> path.toString().endsWith(".json") || path.toString().endsWith(".jinja"))
          .sorted()
          .forEach(files::add);
    }
    return files;
  }

  private Path graph(String name) {
    return file("onnx/" + name + spec.suffix() + ".onnx");
  }

  private Path file(String name) {
    return folder.resolve(name);
  }
}

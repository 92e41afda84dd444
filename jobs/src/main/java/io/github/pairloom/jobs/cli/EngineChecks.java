package io.github.pairloom.jobs.cli;

import ai.djl.engine.Engine;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.delta.tables.DeltaTable;
import io.github.pairloom.udfs.onnx.OnnxEngine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.hadoop.fs.FileUtil;
import org.apache.spark.sql.SparkSession;

/** Starts the engines and lets each do a little work. */
final class EngineChecks {
  private static final String MINILM = "/all-minilm-l6-v2-q.onnx";
  private static final String MINILM_TOKENIZER = "/all-minilm-l6-v2-q-tokenizer.json";
  private static final String BROKEN_JAR =
      "Build the jar again: delete the folder jobs/target and start ./pairloom";

  private EngineChecks() {}

  /** Loads the embedding model of the class path; DJL starts ONNX Runtime, as it does in a run. */
  static Finding onnxRuntime() {
    try (InputStream model = EngineChecks.class.getResourceAsStream(MINILM)) {
      Engine engine = Engine.getEngine("OnnxRuntime");
      OrtEnvironment environment = OrtEnvironment.getEnvironment();
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions();
          OrtSession session = environment.createSession(model.readAllBytes(), options)) {
        return Finding.ok(
            "ONNX Runtime",
            String.format(
                "%s through DJL %s on %s; MiniLM loads (%d inputs)",
                environment.getVersion(),
                Engine.getDjlVersion(),
                engine.defaultDevice(),
                session.getNumInputs()));
      }
    } catch (IOException | OrtException | RuntimeException | LinkageError e) {
      return broken("ONNX Runtime", e);
    }
  }

  static Finding tokenizers() {
    OnnxEngine.goOffline();
    try (InputStream vocabulary = EngineChecks.class.getResourceAsStream(MINILM_TOKENIZER);
        HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.newInstance(vocabulary, Map.of())) {
      int tokens = tokenizer.encode("A preference pair.").getIds().length;
      return Finding.ok("tokenizers", "the native library reads a text as " + tokens + " tokens");
    } catch (IOException | RuntimeException | LinkageError e) {
      return broken("tokenizers", e);
    }
  }

  static Finding images() {
    List<String> missing =
        Stream.of("jpeg", "png", "gif", "bmp", "webp")
            .filter(format -> !ImageIO.getImageReadersByFormatName(format).hasNext())
            .toList();
    return missing.isEmpty()
        ? Finding.ok("image formats", "JPEG, PNG, GIF, BMP and WebP can be read")
        : new Finding("image formats", "no reader for " + String.join(", ", missing), BROKEN_JAR);
  }

  /** Writes and reads a Delta table. */
  static Finding spark() {
    Path folder = null;
    try (Sessions session = Sessions.open("doctor")) {
      SparkSession spark = session.spark();
      long start = System.nanoTime();
      folder = Files.createTempDirectory("pairloom-doctor");
      String table = folder.resolve("table").toString();
      spark.range(3).write().format("delta").save(table);
      long rows = DeltaTable.forPath(spark, table).toDF().count();
      String found =
          String.format(
              "Spark %s on %s and Delta %s wrote and read a table of %d rows in %s",
              spark.version(),
              spark.sparkContext().master(),
              DeltaTable.class.getPackage().getImplementationVersion(),
              rows,
              Texts.duration((System.nanoTime() - start) / 1e9));
      return line(spark.version()).equals(line(Versions.of("spark")))
          ? Finding.ok("Spark", found)
          : new Finding(
              "Spark",
              found + "; this build is for Spark " + Versions.of("spark"),
              "Build for that line with PAIRLOOM_MAVEN_ARGS=-Pspark-3.5, or unset SPARK_HOME");
    } catch (IOException | RuntimeException | LinkageError e) {
      return new Finding(
          "Spark",
          String.valueOf(e),
          "Start through ./pairloom, or look with --verbose at what ./pairloom run says");
    } finally {
      if (folder != null) {
        FileUtil.fullyDelete(folder.toFile());
      }
    }
  }

  /** Returns major and minor version, which are what a build is for. */
  private static String line(String version) {
    return version.replaceFirst("^([0-9]+\\.[0-9]+).*$", "$1");
  }

  private static Finding broken(String subject, Throwable e) {
    return new Finding(subject, String.valueOf(e), BROKEN_JAR);
  }
}

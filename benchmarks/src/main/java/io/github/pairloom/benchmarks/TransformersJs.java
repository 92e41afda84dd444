package io.github.pairloom.benchmarks;

import io.github.pairloom.udfs.image.RgbImage;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/**
 * transformers.js, an independent runtime for the same model files, run by Node.js. It is installed
 * with npm when first asked for, under {@code benchmarks/target/transformers-js}; its scripts are
 * those of {@code benchmarks/transformers-js}.
 */
final class TransformersJs {
  private static final Path BENCHMARKS =
      Path.of(System.getProperty("pairloom.root", "."), "benchmarks").toAbsolutePath().normalize();
  private static final Path SOURCE = BENCHMARKS.resolve("transformers-js");
  private static final Path PROJECT = BENCHMARKS.resolve("target").resolve("transformers-js");
  private static final Duration INSTALLATION = Duration.ofMinutes(5);

  private TransformersJs() {}

  /** Installs transformers.js if it is not there yet; empty if npm does not answer. */
  static Optional<TransformersJs> install() throws IOException, InterruptedException {
    Files.createDirectories(PROJECT);
    Path wanted = SOURCE.resolve("package.json");
    Path installed = PROJECT.resolve("package.json");
    // What npm writes last.
    Path done = PROJECT.resolve("node_modules").resolve(".package-lock.json");
    boolean current =
        Files.exists(done) && Files.exists(installed) && Files.mismatch(wanted, installed) < 0;
    if (!current) {
      Files.deleteIfExists(done);
    }
    try (Stream<Path> files = Files.list(SOURCE)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.write(PROJECT.resolve(file.getFileName()), Files.readAllBytes(file));
      }
    }
    boolean there =
        current
            || succeeds(
                INSTALLATION,
                logOf("npm"),
                List.of(
                    "npm",
                    "install",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--fetch-retries=1",
                    "--fetch-timeout=20000"));
    return there ? Optional.of(new TransformersJs()) : Optional.empty();
  }

  /** Returns a folder for the files of a script, which the next build's clean removes. */
  Path folder(String script) throws IOException {
    return Files.createDirectories(PROJECT.resolve(script));
  }

  /**
   * Runs a script.
   *
   * @param script its file name without {@code .mjs}
   * @throws IllegalStateException if it fails or takes longer than {@code limit}
   */
  void run(String script, Duration limit, String... arguments) throws InterruptedException {
    List<String> command =
        Stream.concat(Stream.of("node", script + ".mjs"), Arrays.stream(arguments)).toList();
    if (!succeeds(limit, logOf(script), command)) {
      throw new IllegalStateException(
          "%s.mjs failed or took longer than %s; see %s".formatted(script, limit, logOf(script)));
    }
  }

  /** Writes an image as a PNG file, whose pixels are exactly those of {@code image}. */
  static void writePng(RgbImage image, Path file) throws IOException {
    BufferedImage picture =
        new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        picture.setRGB(
            x, y, image.sample(x, y, 0) << 16 | image.sample(x, y, 1) << 8 | image.sample(x, y, 2));
      }
    }
    ImageIO.write(picture, "png", file.toFile());
  }

  private static Path logOf(String command) {
    return PROJECT.resolve(command + ".log");
  }

  private static boolean succeeds(Duration limit, Path log, List<String> command)
      throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(command)
              .directory(PROJECT.toFile())
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      if (process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
        return process.exitValue() == 0;
      }
      process.destroyForcibly();
      return false;
    } catch (IOException e) {
      // There is no such program.
      return false;
    }
  }
}

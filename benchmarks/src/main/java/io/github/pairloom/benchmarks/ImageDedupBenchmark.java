package io.github.pairloom.benchmarks;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.dedup.DedupStep;
import io.github.pairloom.jobs.recipe.DedupSettings;
import io.github.pairloom.jobs.recipe.ErrorBudget;
import io.github.pairloom.jobs.recipe.Recipe;
import io.github.pairloom.jobs.recipe.RecoverySettings;
import io.github.pairloom.jobs.recipe.RemoteSettings;
import io.github.pairloom.jobs.recipe.ScoreSettings;
import io.github.pairloom.jobs.recipe.SemanticDedup;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.dedup.ImageDedup;
import io.github.pairloom.udfs.dedup.TextDedup;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PerceptualHash;
import io.github.pairloom.udfs.image.RgbImage;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Which copies of images step {@code dedup} finds, how many others it takes for copies, and how
 * fast. Originals are the scenes of the demo set and, with {@code --photos}, the images of a
 * folder.
 *
 * <p>{@code ./pairloom bench images-dedup --photos DIR --json FILE}
 */
final class ImageDedupBenchmark implements Benchmark {
  private static final ImageDedup SETTINGS = new ImageDedup(24, ImageDedup.Keep.LARGEST);
  private static final int DRAWN = 20_000;
  private static final int MILLION = 1_000_000;
  private static final KeyedRandom ROOT = KeyedRandom.of(2407).with("drawn images");
  private static final ImageDecoder DECODER = new ImageDecoder(ImageLimits.DEFAULTS);

  private final Path photos;

  /**
   * @param photos folder of images; null for none
   */
  ImageDedupBenchmark(Path photos) {
    this.photos = photos;
  }

  @Override
  public String name() {
    return "images-dedup";
  }

  @Override
  public String summary() {
    return "which copies of images are found, false ones, images/s";
  }

  /** An image file. */
  private static final class File {
    private final String set;
    private final byte[] bytes;

    File(String set, byte[] bytes) {
      this.set = set;
      this.bytes = bytes;
    }
  }

  @Override
  public void run(int limit, Figures figures) {
    try {
      List<File> originals = originals(limit);
      Path folder = Files.createTempDirectory("pairloom-bench-images");
      try (SparkSession spark = DedupBenchmark.session("local[2]")) {
        Exchanges exchanges = Exchanges.of(spark);
        kinds(spark, folder, originals, figures);
        falsePairs(spark, folder, figures);
        million(spark, folder, figures);
        exchanges.addTo(figures);
      } finally {
        DedupBenchmark.delete(folder);
      }
      speed(figures);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private List<File> originals(int limit) throws IOException {
    List<File> files = new ArrayList<>();
    for (RgbImage scene :
        DemoSet.samples(limit).stream().map(DemoSet.Sample::image).distinct().toList()) {
      files.add(new File("drawn", ImageVariants.png(ImageVariants.buffered(scene))));
    }
    if (photos != null) {
      try (Stream<Path> paths = Files.list(photos)) {
        for (Path path : paths.filter(Files::isRegularFile).sorted().toList()) {
          files.add(new File("photograph", Files.readAllBytes(path)));
        }
      }
    }
    return files;
  }

  private static void kinds(SparkSession spark, Path folder, List<File> originals, Figures figures)
      throws IOException {
    Map<String, ImageVariants.Variant> variants = new java.util.LinkedHashMap<>();
    variants.put("exact copy", null);
    variants.putAll(ImageVariants.all());
    List<List<Object>> lines = new ArrayList<>();
    int number = 0;
    for (Map.Entry<String, ImageVariants.Variant> kind : variants.entrySet()) {
      List<Image> images = new ArrayList<>();
      Map<String, Integer> of = new HashMap<>();
      Map<String, String> sets = new HashMap<>();
      List<String> copies = new ArrayList<>();
      List<String> firsts = new ArrayList<>();
      for (int i = 0; i < originals.size(); i++) {
        byte[] bytes = originals.get(i).bytes;
        byte[] copy =
            kind.getValue() == null
                ? bytes
                : kind.getValue().of(ImageVariants.buffered(DECODER.decode(bytes).image()));
        for (byte[] file : List.of(bytes, copy)) {
          Image image = describe(file);
          if (of.putIfAbsent(image.imageId(), i) == null) {
            images.add(image);
          }
          sets.put(image.imageId(), originals.get(i).set);
        }
        firsts.add(ContentId.of(bytes));
        copies.add(ContentId.of(copy));
      }
      for (int radius : new int[] {-1, SETTINGS.radius()}) {
        Warehouse warehouse = new Warehouse(spark, folder.resolve("kind" + number++).toString());
        warehouse.append(Table.IMAGES, Image.CODEC, images);
        Map<String, String> clusters = clusters(spark, warehouse, radius);
        for (String set : List.of("drawn", "photograph")) {
          long all = 0;
          long byBytes = 0;
          long found = 0;
          for (int i = 0; i < originals.size(); i++) {
            if (originals.get(i).set.equals(set)) {
              all++;
              boolean same = firsts.get(i).equals(copies.get(i));
              byBytes += same ? 1 : 0;
              String cluster = clusters.get(firsts.get(i));
              found +=
                  same || (cluster != null && cluster.equals(clusters.get(copies.get(i)))) ? 1 : 0;
            }
          }
          long wrong =
              clusters.entrySet().stream()
                  .filter(e -> sets.get(e.getKey()).equals(set))
                  .filter(e -> !of.get(e.getKey()).equals(of.get(e.getValue())))
                  .count();
          if (all > 0) {
            lines.add(
                List.of(
                    kind.getKey(),
                    set,
                    radius < 0 ? "pixels" : "pixels and hash",
                    all,
                    (double) byBytes / all,
                    (double) found / all,
                    found == 0 ? "-" : (double) found / (found + wrong)));
          }
        }
      }
    }
    figures.add(
        "Copies that are found, by kind and method (radius %s of %s bits)"
            .formatted(SETTINGS.radius(), PerceptualHash.BITS),
        List.of("kind", "images", "method", "copies", "recall by bytes", "recall", "precision"),
        lines);
  }

  private static Map<String, String> clusters(SparkSession spark, Warehouse warehouse, int radius) {
    dedup(spark, warehouse, radius);
    Map<String, String> clusters = new HashMap<>();
    warehouse
        .read(Table.DUPLICATES)
        .where("kind = 'image'")
        .select("id", "cluster_id")
        .collectAsList()
        .forEach(row -> clusters.put(row.getString(0), row.getString(1)));
    return clusters;
  }

  private static StepResult dedup(SparkSession spark, Warehouse warehouse, int radius) {
    if (warehouse.read(Table.PAIRS).isEmpty()) {
      warehouse.append(Table.PAIRS, PlantedPairs.rows(spark, 0, 1, true));
    }
    Recipe recipe =
        new Recipe(
            "bench-images",
            2407,
            null,
            null,
            null,
            null,
            new ScoreSettings(List.of(), ScoreSettings.Blind.ABSENT, 500, false, 0, false),
            new DedupSettings(
                new ImageDedup(radius, ImageDedup.Keep.LARGEST),
                new TextDedup(List.of("chosen"), List.of(), TextDedup.Unit.WORD, 3, false, 1, 0.95),
                new SemanticDedup(0),
                List.of()),
            null,
            null,
            new ErrorBudget(0, 0),
            new RecoverySettings(20000, 900, List.of()),
            RemoteSettings.DEFAULTS);
    return new DedupStep().run(new StepContext(spark, warehouse, recipe));
  }

  private static Image describe(byte[] file) {
    var decoded = DECODER.decode(file);
    return row(ContentId.of(file), file.length, decoded.image());
  }

  private static Image row(String id, int length, RgbImage image) {
    return new Image(
        id,
        "memory:/" + id,
        0,
        length,
        "png",
        image.width(),
        image.height(),
        "benchmark",
        image.sha256(),
        PerceptualHash.toHex(PerceptualHash.of(image)));
  }

  /** Pictures that have nothing to do with each other but how they are drawn. */
  private static void falsePairs(SparkSession spark, Path folder, Figures figures) {
    Warehouse warehouse = new Warehouse(spark, folder.resolve("drawn").toString());
    MapPartitionsFunction<Long, Row> draw =
        numbers -> {
          Iterable<Long> all = () -> numbers;
          return java.util.stream.StreamSupport.stream(all.spliterator(), false)
              .map(i -> Image.CODEC.toRow(row(ContentId.of("drawn " + i), 1, drawn(i))))
              .iterator();
        };
    warehouse.append(
        Table.IMAGES,
        spark
            .range(0, DRAWN, 1, 8)
            .as(Encoders.LONG())
            .mapPartitions(draw, Encoders.row(Image.CODEC.schema())));
    StepResult result = dedup(spark, warehouse, SETTINGS.radius());
    double inClusters = result.metrics().get("images-in-clusters");
    double clusters = result.metrics().get("image-clusters");
    double share = (inClusters - clusters) / DRAWN;
    figures.add(
        "False duplicates among %s distinct drawn pictures at the default radius".formatted(DRAWN),
        List.of(
            "pictures",
            "falsely labelled",
            "clusters",
            "false pairs per million pictures (by the square)"),
        List.of(
            List.of(
                DRAWN,
                inClusters - clusters,
                clusters,
                share * DRAWN * ((double) MILLION / DRAWN) * ((double) MILLION / DRAWN))));
  }

  /** Shapes of many colours on a shaded ground. */
  private static RgbImage drawn(long number) {
    KeyedRandom random = ROOT.with(number);
    int side = 128;
    BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    int index = 0;
    graphics.setPaint(
        new java.awt.GradientPaint(
            0,
            0,
            colour(random, index++),
            random.below(side, index++),
            side,
            colour(random, index++)));
    graphics.fillRect(0, 0, side, side);
    int shapes = 3 + random.below(5, index++);
    for (int i = 0; i < shapes; i++) {
      graphics.setColor(colour(random, index++));
      int size = 12 + random.below(48, index++);
      int x = random.below(side - size / 2, index++);
      int y = random.below(side - size / 2, index++);
      if (random.below(2, index++) == 0) {
        graphics.fillOval(x, y, size, size);
      } else {
        graphics.fillRect(x, y, size, size);
      }
    }
    graphics.dispose();
    byte[] rgb = new byte[side * side * RgbImage.CHANNELS];
    for (int i = 0; i < side * side; i++) {
      int pixel = image.getRGB(i % side, i / side);
      rgb[3 * i] = (byte) (pixel >> 16);
      rgb[3 * i + 1] = (byte) (pixel >> 8);
      rgb[3 * i + 2] = (byte) pixel;
    }
    return RgbImage.copyOf(side, side, rgb);
  }

  private static Color colour(KeyedRandom random, int index) {
    return new Color((int) (random.bits(1000L + index) & 0xFFFFFF));
  }

  /** The join alone: hashes of a million images, a tenth of them near another one. */
  private static void million(SparkSession spark, Path folder, Figures figures) {
    Warehouse warehouse = new Warehouse(spark, folder.resolve("million").toString());
    MapPartitionsFunction<Long, Row> make =
        numbers -> {
          Iterable<Long> all = () -> numbers;
          return java.util.stream.StreamSupport.stream(all.spliterator(), false)
              .map(ImageDedupBenchmark::made)
              .iterator();
        };
    warehouse.append(
        Table.IMAGES,
        spark
            .range(0, MILLION, 1, 8)
            .as(Encoders.LONG())
            .mapPartitions(make, Encoders.row(Image.CODEC.schema())));
    long start = System.nanoTime();
    StepResult result = dedup(spark, warehouse, SETTINGS.radius());
    double seconds = (System.nanoTime() - start) / 1e9;
    figures.add(
        "Step dedup over a million rows of images, every tenth 0 to 7 bits from the one before",
        List.of("images", "seconds", "images/s", "clusters found", "clusters planted"),
        List.of(
            List.of(
                MILLION,
                seconds,
                MILLION / seconds,
                result.metrics().get("image-clusters"),
                MILLION / 10)));
  }

  private static Row made(long number) {
    boolean near = number % 10 == 9;
    KeyedRandom random = ROOT.with("hash").with(near ? number - 1 : number);
    long[] hash = {random.bits(0), random.bits(1), random.bits(2), random.bits(3)};
    for (int flip = near ? (int) (number / 10 % 8) : 0; flip > 0; flip--) {
      hash[0] ^= 1L << random.below(Long.SIZE, 10 + flip);
    }
    String id = ContentId.of("made " + number);
    return Image.CODEC.toRow(
        new Image(
            id, "memory:/" + id, 0, 1, "png", 1, 1, "benchmark", id, PerceptualHash.toHex(hash)));
  }

  private static void speed(Figures figures) {
    int width = 640;
    int height = 480;
    byte[] rgb = new byte[width * height * RgbImage.CHANNELS];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = (byte) ROOT.bits(i / 100);
    }
    RgbImage image = RgbImage.copyOf(width, height, rgb);
    long bits = 0;
    double best = 0;
    for (int round = 0; round < 5; round++) {
      int count = 1000;
      long start = System.nanoTime();
      for (int i = 0; i < count; i++) {
        bits ^= PerceptualHash.of(image)[0];
      }
      best = Math.max(best, count / ((System.nanoTime() - start) / 1e9));
    }
    figures.add(
        "Hashing decoded pixels of 640 x 480 on one core",
        List.of("images/s", "check"),
        List.of(List.of(best, String.format(Locale.ROOT, "%x", bits))));
  }
}

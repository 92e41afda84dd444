package io.github.pairloom.jobs.dedup;

import static io.github.pairloom.jobs.select.Pairs.id;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.schemas.Image;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.dedup.ImageDedup;
import io.github.pairloom.udfs.image.PerceptualHash;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TestImageDuplicates {
  private static final long SEED = Long.getLong("tests.seed", 2407);
  private static final int RADIUS = 24;

  private static SparkSession spark;

  @TempDir Path folder;
  private Warehouse warehouse;

  @BeforeAll
  static void startSpark() {
    spark = Pairs.startSpark();
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @BeforeEach
  void openWarehouse() {
    warehouse = Pairs.warehouse(spark, folder);
  }

  @Test
  void allThatLookAlikeAreFoundAndNoOthers() {
    Random random = new Random(SEED);
    List<Image> images = new ArrayList<>();
    List<long[]> hashes = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      long[] hash = random.longs(PerceptualHash.LONGS).toArray();
      if (i > 0 && i % 2 == 0) {
        hash = hashes.get(random.nextInt(i)).clone();
        for (int flip = random.nextInt(2 * RADIUS); flip > 0; flip--) {
          hash[random.nextInt(PerceptualHash.LONGS)] ^= 1L << random.nextInt(Long.SIZE);
        }
      }
      if (i % 10 == 9) {
        // Has the pixels of the one before it, and so its hash.
        hash = hashes.get(i - 1);
      }
      hashes.add(hash);
      images.add(image("i" + i, "pixels" + (i % 10 == 9 ? i - 1 : i), hash, 10 + i, "s"));
    }
    String[] labels = images.stream().map(Image::imageId).toArray(String[]::new);
    for (int i = 0; i < images.size(); i++) {
      for (int j = 0; j < i; j++) {
        boolean near =
            Long.bitCount(hashes.get(i)[0] ^ hashes.get(j)[0]) <= ImageDuplicates.LOWEST_RADIUS
                && PerceptualHash.distance(hashes.get(i), 0, hashes.get(j), 0) <= RADIUS;
        if (near || images.get(i).pixelsSha256().equals(images.get(j).pixelsSha256())) {
          String a = labels[i];
          String b = labels[j];
          String least = a.compareTo(b) < 0 ? a : b;
          Arrays.setAll(
              labels, k -> labels[k].equals(a) || labels[k].equals(b) ? least : labels[k]);
        }
      }
    }
    Map<String, String> expected = new TreeMap<>();
    for (int i = 0; i < labels.length; i++) {
      String label = labels[i];
      if (Arrays.stream(labels).filter(label::equals).count() > 1) {
        expected.put(images.get(i).imageId(), label);
      }
    }
    assertTrue(expected.size() > 100);

    write(images, RADIUS, ImageDedup.Keep.LARGEST);

    List<Row> rows = rows();
    Map<String, String> found = new TreeMap<>();
    rows.forEach(row -> found.put(row.getString(1), row.getString(2)));
    assertEquals(expected, found, "rerun with -Dtests.seed=" + SEED);
    // The largest of each is the one that came last.
    for (Row row : rows) {
      if (row.isNullAt(3)) {
        int size = widthOf(images, row.getString(1));
        rows.stream()
            .filter(other -> other.getString(2).equals(row.getString(2)))
            .forEach(other -> assertTrue(widthOf(images, other.getString(1)) <= size));
      }
    }
  }

  @Test
  void theKeptOneIsTheLargestOrOfTheFirstSource() {
    long[] hash = new Random(SEED).longs(PerceptualHash.LONGS).toArray();
    List<Image> images =
        List.of(
            image("large", "a", hash, 900, "z"),
            image("small", "b", hash, 30, "a"),
            image("middle", "b", hash, 90, "b"));
    write(images, RADIUS, ImageDedup.Keep.LARGEST);
    assertEquals(Map.of("small", "large", "middle", "large"), duplicates());

    long version = warehouse.version(Table.DUPLICATES);
    label(RADIUS, ImageDedup.Keep.LARGEST);
    assertEquals(version, warehouse.version(Table.DUPLICATES), "nothing new, nothing written");

    label(RADIUS, ImageDedup.Keep.SOURCE);
    assertEquals(Map.of("large", "small", "middle", "small"), duplicates());
    label(-1, ImageDedup.Keep.LARGEST);
    assertEquals(Map.of("small", "middle"), duplicates());
  }

  @Test
  void blankPicturesAreComparedByTheirPixels() {
    long[] blank = new long[PerceptualHash.LONGS];
    write(
        List.of(
            image("small", "white", blank, 10, "s"),
            image("large", "black", blank, 20, "s"),
            image("middle", "white", blank, 30, "s")),
        RADIUS,
        ImageDedup.Keep.LARGEST);
    assertEquals(Map.of("small", "middle"), duplicates());
  }

  @Test
  void anImageIsTiedToItsLastNeighbourAsToItsFirst() {
    long[] hash = new Random(SEED).longs(PerceptualHash.LONGS).toArray();
    List<Row> images = new ArrayList<>();
    for (int i = 0; i < 17; i++) {
      long[] near = hash.clone();
      near[1] ^= 1L << i;
      images.add(row(i, near));
    }
    // As far from the last one as may be, and farther from all others.
    long[] edge = hash.clone();
    edge[2] ^= (1L << RADIUS) - 1;
    images.add(row(17, edge));
    images.add(row(18, hash));
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Components components = new Components();
    new ImageDuplicates(context, RADIUS)
        .edges(context.parallelize(images, 2), images.size())
        .collect()
        .forEach(components::joinAll);
    assertEquals(images.size(), components.size());
    assertEquals(1, components.count());
  }

  /** Returns what is compared of the image whose id is the {@code i}th. */
  private static Row row(int i, long[] hash) {
    return RowFactory.create(
        "%02x".formatted(i).repeat(32), id("pixels" + i), PerceptualHash.toHex(hash));
  }

  @Test
  void lookupsAmongTooManyAreCountedAndEdgesOfEqualImagesSpread() {
    Random random = new Random(SEED);
    List<Row> images = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      long[] hash = random.longs(PerceptualHash.LONGS).toArray();
      hash[0] &= -1L << Short.SIZE;
      String hex = PerceptualHash.toHex(hash);
      images.add(RowFactory.create(id("i" + i), id("p" + i), hex));
      if (i % 100 == 0) {
        images.add(RowFactory.create(id("copy" + i), id("p" + i), hex));
        images.add(RowFactory.create(id("alike" + i), id("q" + i), hex));
      }
    }
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    ImageDuplicates duplicates = new ImageDuplicates(context, RADIUS);
    List<Integer> edges =
        duplicates
            .edges(context.parallelize(images, 2), images.size())
            .mapPartitions(
                blocks -> {
                  int longs = 0;
                  while (blocks.hasNext()) {
                    longs += Blocks.longs(blocks.next()).length;
                  }
                  return List.of(longs / TextDuplicates.EDGE).iterator();
                })
            .collect();
    assertEquals(100, edges.stream().mapToInt(n -> n).sum(), edges.toString());
    assertTrue(edges.stream().allMatch(n -> n > 5), edges.toString());
    // All have one value of the lowest quarter in common.
    assertEquals(5000, duplicates.cutLookups());
  }

  private static Image image(String name, String pixels, long[] hash, int width, String source) {
    return new Image(
        id(name),
        "file:/" + name,
        0,
        1,
        "png",
        width,
        1,
        source,
        id(pixels),
        PerceptualHash.toHex(hash));
  }

  private static int widthOf(List<Image> images, String imageId) {
    return images.stream()
        .filter(image -> image.imageId().equals(imageId))
        .findFirst()
        .orElseThrow()
        .width();
  }

  private void write(List<Image> images, int radius, ImageDedup.Keep keep) {
    warehouse.append(Table.IMAGES, Image.CODEC, images);
    label(radius, keep);
  }

  private void label(int radius, ImageDedup.Keep keep) {
    StepContext context = Pairs.context(spark, warehouse, new ExportSettings(List.of(), "", 0));
    ImageLabels.write(context, new ImageDedup(radius, keep));
  }

  private List<Row> rows() {
    return warehouse.read(Table.DUPLICATES).where("kind = 'image'").collectAsList();
  }

  private Map<String, String> duplicates() {
    Map<String, String> names = new TreeMap<>();
    List.of("small", "middle", "large").forEach(name -> names.put(id(name), name));
    Map<String, String> duplicates = new TreeMap<>();
    for (Row row : rows()) {
      if (!row.isNullAt(3)) {
        duplicates.put(names.get(row.getString(1)), names.get(row.getString(3)));
      }
    }
    return duplicates;
  }
}

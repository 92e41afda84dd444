package io.github.pairloom.jobs.reject;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.select.Pairs;
import io.github.pairloom.udfs.KeyedRandom;
import io.github.pairloom.udfs.strategy.Neighbourhood;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TestNearestVectors {
  private static final int VECTORS = 500;
  private static final int WIDTH = 12;
  private static final Neighbourhood FIVE = new Neighbourhood(5, 0.999);

  private static SparkSession spark;
  private static final Map<String, float[]> BY_ID = new TreeMap<>();
  private static Dataset<Row> all;

  @BeforeAll
  static void makeVectors() {
    spark = Pairs.startSpark();
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < VECTORS; i++) {
      // Every tenth is the one before it, nearly.
      float[] vector = vector(i % 10 == 9 ? i - 1 : i, i % 10 == 9 ? 1e-4 : 0);
      BY_ID.put("v" + i, vector);
      Float[] boxed = IntStream.range(0, WIDTH).mapToObj(k -> vector[k]).toArray(Float[]::new);
      rows.add(RowFactory.create("v" + i, boxed));
    }
    all = spark.createDataFrame(rows, StructType.fromDDL("id STRING, vector ARRAY<FLOAT>"));
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  private static float[] vector(int seed, double shift) {
    KeyedRandom draws = KeyedRandom.of(3).with(seed);
    double[] values = new double[WIDTH];
    double length = 0;
    for (int k = 0; k < WIDTH; k++) {
      values[k] = draws.gaussian(k) + (k == seed % WIDTH ? 2 : 0) + shift;
      length += values[k] * values[k];
    }
    float[] vector = new float[WIDTH];
    for (int k = 0; k < WIDTH; k++) {
      vector[k] = (float) (values[k] / Math.sqrt(length));
    }
    return vector;
  }

  @Test
  void withAllCellsProbedTheNearestAreFoundExactly() {
    Map<String, List<String>> found = found(new NearestVectors(64, 16), all);
    assertEquals(VECTORS, found.size());
    found.forEach((id, near) -> assertEquals(nearest(id), near, id));
  }

  @Test
  void whatIsFoundDoesNotDependOnThePartitions() {
    Dataset<Row> few = all.where("id LIKE '%7'");
    Map<String, List<String>> found = found(new NearestVectors(64, 3), few);
    assertEquals(VECTORS / 10, found.size());
    spark.conf().set("spark.sql.shuffle.partitions", 7);
    assertEquals(found, found(new NearestVectors(64, 3), few.repartition(5)));
    spark.conf().set("spark.sql.shuffle.partitions", 3);
    long right =
        found.entrySet().stream()
            .flatMap(entry -> entry.getValue().stream().filter(nearest(entry.getKey())::contains))
            .count();
    double recall = right / (5.0 * found.size());
    assertTrue(recall > 0.6, "recall with 3 of 8 cells probed: " + recall);
  }

  @Test
  void theSamePictureIsNotItsOwnNeighbour() {
    Map<String, List<String>> found =
        found(new NearestVectors(1000, 1), all.where("id IN ('v8', 'v9')"));
    assertFalse(found.get("v8").contains("v8"));
    assertFalse(found.get("v8").contains("v9"), "a near-duplicate");
    assertFalse(found.get("v9").contains("v8"), "a near-duplicate");
  }

  private static Map<String, List<String>> found(NearestVectors search, Dataset<Row> asking) {
    Map<String, List<String>> found = new HashMap<>();
    for (Row row : search.of(asking, all, FIVE).collectAsList()) {
      List<Row> near = row.getList(1);
      assertTrue(
          found.put(row.getString(0), near.stream().map(n -> n.getString(0)).toList()) == null);
    }
    return found;
  }

  /** Compares with all. */
  private static List<String> nearest(String id) {
    Map<String, Double> cosines = new HashMap<>();
    BY_ID.forEach((other, vector) -> cosines.put(other, cosine(BY_ID.get(id), vector)));
    cosines.remove(id);
    return cosines.entrySet().stream()
        .filter(entry -> entry.getValue() < FIVE.nearDuplicate())
        .sorted(
            Comparator.comparingDouble((Map.Entry<String, Double> e) -> -e.getValue())
                .thenComparing(Map.Entry::getKey))
        .limit(FIVE.count())
        .map(Map.Entry::getKey)
        .toList();
  }

  private static double cosine(float[] a, float[] b) {
    return IntStream.range(0, WIDTH).mapToDouble(i -> a[i] * b[i]).sum();
  }
}

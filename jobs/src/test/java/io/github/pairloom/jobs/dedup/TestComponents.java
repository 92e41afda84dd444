package io.github.pairloom.jobs.dedup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pairloom.jobs.select.Pairs;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;

class TestComponents {
  private static final long SEED = Long.getLong("tests.seed", 2407);
  private static final String RERUN = "rerun with -Dtests.seed=" + SEED;

  @Test
  void nodesAreJoinedAsASearchOfTheGraphFindsThem() {
    Random random = new Random(SEED);
    for (int nodes : new int[] {2, 10, 300, 5000}) {
      for (double degree : new double[] {0.3, 1, 2}) {
        List<int[]> edges = new ArrayList<>();
        for (int i = 0; i < nodes * degree; i++) {
          edges.add(new int[] {random.nextInt(nodes), random.nextInt(nodes)});
        }
        assertEquals(searched(nodes, edges), joined(nodes, edges), RERUN);
        Collections.shuffle(edges, random);
        assertEquals(searched(nodes, edges), joined(nodes, edges), RERUN);
      }
    }
  }

  /** With {@code -Dtests.edges=10000000} a large graph takes the place of a small one. */
  @Test
  void manyEdgesGiveWhatAPlainUnionFindGives() {
    int edges = Integer.getInteger("tests.edges", 200_000);
    Random random = new Random(SEED);
    int[] plain = IntStream.range(0, edges).toArray();
    Components components = new Components();
    for (int i = 0; i < edges; i++) {
      int a = random.nextInt(edges);
      int b = random.nextInt(edges);
      components.join(node(components, a), node(components, b), 1);
      int rootOfA = plainRoot(plain, a);
      int rootOfB = plainRoot(plain, b);
      plain[Math.max(rootOfA, rootOfB)] = Math.min(rootOfA, rootOfB);
    }
    for (int i = 0; i < components.size(); i++) {
      assertEquals(
          plainRoot(plain, (int) components.low(i)), components.low(components.root(i)), RERUN);
    }
  }

  private static int plainRoot(int[] parents, int node) {
    int root = node;
    while (parents[root] != root) {
      parents[root] = parents[parents[root]];
      root = parents[root];
    }
    return root;
  }

  @Test
  void aLongChainIsOneComponent() {
    Components components = new Components();
    for (int i = 1; i < 200_000; i++) {
      components.join(components.node(i, 0), components.node(i - 1, 0), 1);
    }
    assertEquals(1, components.count());
    int first = components.node(0, 0);
    for (int i = 0; i < components.size(); i++) {
      assertEquals(first, components.root(i));
    }
  }

  @Test
  void aNodeKnowsItsStrongestEdge() {
    Components components = new Components();
    components.join(components.node(1, 1), components.node(2, 2), 0.8);
    components.join(components.node(2, 2), components.node(3, 3), 0.9);
    assertEquals(0.8, components.strongest(components.node(1, 1)));
    assertEquals(0.9, components.strongest(components.node(2, 2)));
    assertTrue(components.root(0) == components.root(2));
  }

  @Test
  void executorsFindTheComponentsThatTheDriverFinds() throws IOException {
    Random random = new Random(SEED);
    List<byte[]> blocks = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      // A chain, as it takes stars the most rounds, and random edges.
      long a = i < 9 ? i : 100 + random.nextInt(150);
      long b = i < 9 ? i + 1 : 100 + random.nextInt(150);
      double similarity = random.nextInt(100) / 100.0;
      blocks.add(
          Blocks.bytes(new long[] {2 * a, -a, 2 * b, -b, Double.doubleToLongBits(similarity)}, 5));
    }
    try (SparkSession spark = Pairs.startSpark()) {
      JavaRDD<byte[]> edges =
          JavaSparkContext.fromSparkContext(spark.sparkContext()).parallelize(blocks, 3);
      Clusters driver = Clusters.of(spark, edges, blocks.size());
      Clusters executors = Clusters.of(spark, edges, 0);
      assertEquals(driver.nodes(), executors.nodes());
      assertEquals(driver.components(), executors.components());
      assertEquals(driver.edges(), executors.edges());
      assertEquals(driver.lows(), executors.lows());
      Dataset<Row> ids =
          spark
              .createDataset(
                  LongStream.range(0, 300)
                      .mapToObj(i -> "%016x%016x".formatted(2 * i, -i))
                      .toList(),
                  Encoders.STRING())
              .toDF("id");
      Set<Set<String>> found = partition(driver.addedTo(ids));
      assertEquals(driver.nodes(), found.stream().mapToLong(Set::size).sum(), RERUN);
      assertEquals(found, partition(executors.addedTo(ids)), RERUN);
    }
  }

  /** Returns the nodes with their strongest edges, by component. */
  private static Set<Set<String>> partition(Dataset<Row> nodes) {
    Map<Object, Set<String>> byRoot = new HashMap<>();
    for (Row row : nodes.select("id", "root", "similarity").collectAsList()) {
      byRoot
          .computeIfAbsent(row.get(1), root -> new HashSet<>())
          .add(row.get(0) + " " + row.get(2));
    }
    return new HashSet<>(byRoot.values());
  }

  /** Returns for each node the smallest one of its component, ids being numbers times a factor. */
  private static List<Integer> joined(int nodes, List<int[]> edges) {
    Components components = new Components();
    for (int[] edge : edges) {
      components.join(node(components, edge[0]), node(components, edge[1]), 1);
    }
    List<Integer> roots = new ArrayList<>();
    for (int i = 0; i < nodes; i++) {
      roots.add((int) components.low(components.root(node(components, i))));
    }
    return roots;
  }

  private static int node(Components components, int i) {
    return components.node(i, i);
  }

  private static List<Integer> searched(int nodes, List<int[]> edges) {
    List<List<Integer>> neighbours = new ArrayList<>();
    for (int i = 0; i < nodes; i++) {
      neighbours.add(new ArrayList<>());
    }
    for (int[] edge : edges) {
      neighbours.get(edge[0]).add(edge[1]);
      neighbours.get(edge[1]).add(edge[0]);
    }
    Integer[] labels = new Integer[nodes];
    for (int i = 0; i < nodes; i++) {
      if (labels[i] == null) {
        ArrayDeque<Integer> open = new ArrayDeque<>(List.of(i));
        labels[i] = i;
        while (!open.isEmpty()) {
          for (int next : neighbours.get(open.remove())) {
            if (labels[next] == null) {
              labels[next] = i;
              open.add(next);
            }
          }
        }
      }
    }
    return Arrays.asList(labels);
  }
}

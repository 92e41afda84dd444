package io.github.pairloom.udfs.dedup;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class TestTextDedup {
  private static final long SEED = Long.getLong("tests.seed", 2407);
  private static final String RERUN = "rerun with -Dtests.seed=" + SEED;

  @Test
  void caseSpacePunctuationAndWidthDoNotCount() {
    long[] plain = grams("a red cube, left of a ball");
    assertArrayEquals(plain, grams("  A RED   cube: left-of a (ball)! "));
    assertArrayEquals(plain, grams("ａ ｒｅｄ cube left of a ball"));
    assertArrayEquals(content("A red cube."), content("a red\ncube"));
  }

  @Test
  void anNgramIsWholeWordsInTheirOrder() {
    assertEquals(4, grams("one two three four five six").length);
    assertEquals(1, grams("one two").length);
    assertFalse(Arrays.equals(grams("one two"), grams("two one")));
    assertFalse(Arrays.equals(grams("one two"), grams("onetwo")));
    assertEquals(2, grams("one one one one", "one one one").length);
  }

  @Test
  void scriptsWithoutSpacesAreCutIntoLetters() {
    assertEquals(4, grams("猫在垫子上面").length);
    assertEquals(2, grams("ねこです").length);
    assertTrue(Jaccard.of(grams("一只黑猫坐在红色的垫子上面"), grams("一只黑猫坐在红色的垫子上边")) > 0.8);
  }

  @Test
  void aTextWithoutWordsStandsForItself() {
    assertEquals(1, grams("!").length);
    assertFalse(Arrays.equals(grams("!"), grams("?")));
    assertFalse(Arrays.equals(grams("\uD83D\uDE00"), grams("\uD83D\uDE01")));
    assertFalse(Arrays.equals(grams(""), grams("a")));
    assertEquals(1, grams((String) null).length);
  }

  @Test
  void aPairWithItsSidesSwappedIsAnotherOne() {
    assertEquals(0, Jaccard.of(grams("a cat", "a dog"), grams("a dog", "a cat")));
    assertFalse(Arrays.equals(content("a cat", "a dog"), content("a dog", "a cat")));
    assertFalse(Arrays.equals(content("a cat", "dog"), content("a", "cat dog")));
  }

  @Test
  void charactersAreComparedAcrossOneSpace() {
    Shingles shingles = new Shingles(TextDedup.Unit.CHARACTER, 5);
    shingles.read("Red  cubes!");
    assertEquals("red cubes".length() - 4, shingles.distinct().length);
  }

  @Test
  void similarityIsThatOfPlainSets() {
    Random random = new Random(SEED);
    for (int i = 0; i < 200; i++) {
      long[] a = set(random, 40);
      long[] b = set(random, 40);
      Set<Long> union = new HashSet<>(boxed(a));
      Set<Long> common = new HashSet<>(boxed(a));
      union.addAll(boxed(b));
      common.retainAll(boxed(b));
      assertEquals((double) common.size() / union.size(), Jaccard.of(a, b), 1e-12, RERUN);
      double least =
          LongStream.range(-4, 4)
              .mapToDouble(column -> Jaccard.of(column(a, column), column(b, column)))
              .min()
              .getAsDouble();
      assertEquals(least, Jaccard.ofLeastAlikeColumn(a, b), 1e-12, RERUN);
      assertTrue(least <= Jaccard.of(a, b) + 1e-12, RERUN);
    }
  }

  private static long[] set(Random random, int size) {
    return random.longs(size).map(x -> (x & 7) << 61 | (x >>> 8 & 7)).sorted().distinct().toArray();
  }

  private static long[] column(long[] set, long column) {
    return Arrays.stream(set).filter(x -> x >> 61 == column).toArray();
  }

  private static List<Long> boxed(long[] set) {
    return Arrays.stream(set).boxed().toList();
  }

  @Test
  void bandsReachTheRecallWithAsManyRowsAsThereAreHashesFor() {
    for (double threshold : new double[] {0.5, 0.6, 0.7, 0.8, 0.9, 0.95}) {
      for (double recall : new double[] {0.5, 0.9, 0.95, 0.99}) {
        Banding cut = Banding.of(threshold, recall);
        assertTrue(cut.recallAt(threshold) >= recall, cut + " at " + threshold);
        if (cut.bands() > 1) {
          Banding fewer = new Banding(cut.bands() - 1, cut.rows());
          assertTrue(fewer.recallAt(threshold) < recall, cut + " has a band too many");
        }
      }
    }
    assertEquals(new Banding(13, 7), Banding.of(0.8, 0.95));
    assertEquals(new Banding(1, MinHash.HASHES), Banding.of(1, 0.95));
  }

  @Test
  void signaturesAgreeAsOftenAsSetsAreAlike() {
    Random random = new Random(SEED);
    int[] a = new int[MinHash.HASHES];
    int[] b = new int[MinHash.HASHES];
    int rounds = 400;
    for (int percent : new int[] {20, 50, 80, 95}) {
      double similarity = percent / 100.0;
      double agreed = 0;
      double bits = 0;
      for (int round = 0; round < rounds; round++) {
        String common = words(random, percent);
        Shingles row = new Shingles(TextDedup.Unit.WORD, 1);
        row.read(common + words(random, (100 - percent) / 2));
        MinHash.sign(row, a);
        row.read(common + words(random, 100 - percent - (100 - percent) / 2));
        MinHash.sign(row, b);
        long[] sketches = new long[2 * MinHash.SKETCH_LONGS];
        MinHash.sketch(a, sketches, 0);
        MinHash.sketch(b, sketches, MinHash.SKETCH_LONGS);
        for (int i = 0; i < MinHash.HASHES; i++) {
          agreed += a[i] == b[i] ? 1 : 0;
        }
        for (int i = 0; i < MinHash.SKETCH_LONGS; i++) {
          bits += 64 - Long.bitCount(sketches[i] ^ sketches[MinHash.SKETCH_LONGS + i]);
        }
      }
      int n = rounds * MinHash.HASHES;
      // Five standard deviations of as many independent hashes.
      double slack = 5 * Math.sqrt(similarity * (1 - similarity) / n);
      assertEquals(similarity, agreed / n, slack, RERUN);
      assertEquals((1 + similarity) / 2, bits / n, 2 * slack, RERUN);
    }
  }

  private static String words(Random random, int count) {
    StringBuilder text = new StringBuilder(" ");
    for (int i = 0; i < count; i++) {
      text.append(Long.toString(random.nextLong() >>> 1, 36)).append(' ');
    }
    return text.toString();
  }

  @Test
  void aSmallBucketGivesEveryPairThatMayBeAlike() {
    Bucket bucket = new Bucket(0.8);
    long[] sketches = {0, 0, 0b111, 0, -1L, -1L};
    for (int i = 0; i < 3; i++) {
      bucket.add(10 * i + 1, sketches, 2 * i);
    }
    assertEquals(Set.of("1 11"), pairs(bucket));
  }

  @Test
  void pairsOfEarlierRunsAreNotGivenAgain() {
    Bucket bucket = new Bucket(0.8);
    for (long handle : new long[] {2, 4, 7}) {
      bucket.add(handle, new long[2], 0);
    }
    assertEquals(Set.of("2 7", "4 7"), pairs(bucket));
  }

  @Test
  void aHotBucketGivesAFewPairsForEachRowWhateverTheOrder() {
    int rows = 100_000;
    Random random = new Random(SEED);
    long[] kinds = random.longs(2 * 10).toArray();
    Bucket up = new Bucket(0.8);
    Bucket down = new Bucket(0.8);
    for (int i = 0; i < rows; i++) {
      up.add(2L * i + 1, kinds, 2 * (i % 10));
      down.add(2L * (rows - 1 - i) + 1, kinds, 2 * ((rows - 1 - i) % 10));
    }
    Set<String> pairs = pairs(up);
    // Each row is tied to the first one of its kind.
    assertEquals(rows - 10, pairs.size());
    assertEquals(pairs, pairs(down));
  }

  @Test
  void aRowOfAHotBucketIsPairedWithTheLeadersMostLikeIt() {
    // At 0.8 sketches that differ in 22 bits are worth a look, and a row that differs in more than
    // 12 from all leaders is one. Kinds differ in 14, the last row in 1, 13 and 15.
    int kinds = 7;
    Bucket bucket = new Bucket(0.8);
    for (int i = 0; i < Bucket.ALL_PAIRS; i++) {
      bucket.add(2L * i + 1, new long[] {0b111_1111L << (7 * (i % kinds)), 0}, 0);
    }
    long[] last = {(0b111_1111L << (7 * (kinds - 1))) | 1, 0};
    bucket.add(2L * Bucket.ALL_PAIRS + 1, last, 0);

    Set<String> pairs = new HashSet<>();
    assertTrue(bucket.pairs((a, b) -> pairs.add(a + " " + b)), "more are like it than it may have");

    List<String> ofLast = pairs.stream().filter(pair -> pair.endsWith(" 257")).toList();
    assertEquals(Bucket.STARS, ofLast.size());
    assertTrue(ofLast.contains((2 * (kinds - 1) + 1) + " 257"), ofLast.toString());
  }

  private static Set<String> pairs(Bucket bucket) {
    Set<String> pairs = new HashSet<>();
    assertFalse(bucket.pairs((a, b) -> assertTrue(pairs.add(a + " " + b))));
    return pairs;
  }

  @Test
  void settingsSayWhatIsWrong() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                new TextDedup(
                    List.of("chosen"), List.of(), TextDedup.Unit.WORD, 3, true, 80, 0.95));
    assertEquals("Invalid threshold: 80.0 (must be in (0, 1])", e.getMessage());
  }

  private static long[] grams(String... texts) {
    Shingles shingles = new Shingles(TextDedup.Unit.WORD, 3);
    shingles.read(texts);
    return shingles.distinct();
  }

  private static long[] content(String... texts) {
    Shingles shingles = new Shingles(TextDedup.Unit.WORD, 3);
    shingles.read(texts);
    return new long[] {shingles.contentHigh(), shingles.contentLow()};
  }
}

package io.github.pairloom.benchmarks;

import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Provenance;
import io.github.pairloom.udfs.KeyedRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import org.apache.spark.api.java.function.FilterFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Pairs of made-up text with planted duplicates, each a function of the seed and its number. Of ten
 * rows the first is a text, the second a copy of it in other case and punctuation (in every other
 * ten), the third has words of it exchanged so that the similarity is between 0.5 and 1, and the
 * others are texts of their own. Every tenth ten is the same row ten times: the hot bucket.
 */
final class PlantedPairs {
  static final int GROUP = 10;

  /** Days of {@link #rowsOfDay}. */
  static final int DAYS = GROUP;

  /** Which of ten groups comes over all days; it has a copy in other case. */
  private static final int SPREAD = 4;

  private static final KeyedRandom ROOT = KeyedRandom.of(2407).with("planted pairs");
  private static final int VOCABULARY = 20_000;
  private static final int PROMPTS = 50;
  private static final int WORDS = 46;
  private static final String HOT = "hot";

  private PlantedPairs() {}

  /** Prompt, chosen and rejected, each as words. */
  record Texts(List<String> prompt, List<String> chosen, List<String> rejected, boolean shout) {
    /** Returns the three as they stand in a table. */
    String[] written() {
      return new String[] {write(prompt), write(chosen), write(rejected)};
    }

    private String write(List<String> words) {
      String text = String.join(shout ? ",  " : " ", words) + ".";
      return shout ? text.toUpperCase(java.util.Locale.ROOT) : text;
    }

    /** Returns the word 3-grams by column: what similarity means, without any hashing. */
    Set<String> grams() {
      Set<String> grams = new LinkedHashSet<>();
      int column = 0;
      for (List<String> words : List.of(prompt, chosen, rejected)) {
        for (int i = 0; i + 3 <= words.size(); i++) {
          grams.add(column + " " + String.join(" ", words.subList(i, i + 3)));
        }
        column++;
      }
      return grams;
    }
  }

  /** Returns whether row {@code i} is in the hot bucket. */
  static boolean hot(long i) {
    return i / GROUP % GROUP == 0;
  }

  /** Returns the texts of row {@code i}. */
  static Texts texts(long i) {
    if (hot(i)) {
      return fresh(ROOT.with(HOT), false);
    }
    long first = i - i % GROUP;
    return switch ((int) (i % GROUP)) {
      case 1 -> fresh(ROOT.with(i / GROUP % 2 == 0 ? first : i), i / GROUP % 2 == 0);
      case 2 -> exchanged(fresh(ROOT.with(first), false), ROOT.with(i));
      default -> fresh(ROOT.with(i), false);
    };
  }

  /** Returns the id of row {@code i}. */
  static String id(long i) {
    return ContentId.of("pair " + i);
  }

  private static Texts fresh(KeyedRandom key, boolean shout) {
    List<String> chosen = words(key.with("chosen"), WORDS);
    List<String> rejected = new ArrayList<>(chosen);
    KeyedRandom change = key.with("rejected");
    for (int i = 0; i < WORDS; i++) {
      if (change.uniform(i) < 0.15) {
        rejected.set(i, word(change.with("word"), i));
      }
    }
    // No word of the vocabulary, so that the sides always differ.
    rejected.set(0, "never");
    KeyedRandom prompt = ROOT.with("prompt").with(key.below(PROMPTS, 0));
    return new Texts(words(prompt, 6), chosen, rejected, shout);
  }

  /**
   * Exchanges words at the rate at which, of 3-grams, as many stay as sets of a similarity between
   * 0.5 and 1 have in common.
   */
  private static Texts exchanged(Texts texts, KeyedRandom key) {
    double similarity = 0.5 + 0.5 * key.uniform(0);
    double stay = 2 * similarity / (1 + similarity);
    double rate = 1 - Math.cbrt(stay);
    return new Texts(
        texts.prompt(),
        exchanged(texts.chosen(), rate, key.with("chosen")),
        exchanged(texts.rejected(), rate, key.with("rejected")),
        false);
  }

  private static List<String> exchanged(List<String> words, double rate, KeyedRandom key) {
    List<String> changed = new ArrayList<>(words);
    for (int i = 1; i < changed.size(); i++) {
      if (key.uniform(i) < rate) {
        changed.set(i, word(key.with("word"), i));
      }
    }
    return changed;
  }

  private static List<String> words(KeyedRandom key, int count) {
    List<String> words = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      words.add(word(key, i));
    }
    return words;
  }

  /** Words are as unequally common as in a language: the rank's logarithm is uniform (Zipf). */
  private static String word(KeyedRandom key, int index) {
    long rank = (long) Math.exp(key.uniform(index) * Math.log(VOCABULARY));
    StringBuilder word = new StringBuilder();
    for (long bits = KeyedRandom.of(rank).bits(0), n = 2 + (bits & 3); n >= 0; n--) {
      bits = bits >>> 7;
      word.append("bdfgklmnprstvz".charAt((int) (bits % 14)))
          .append("aeiou".charAt((int) (bits % 5)));
    }
    return word.toString();
  }

  /** Returns rows {@code from} to {@code to - 1} as rows of table pairs. */
  static Dataset<Row> rows(SparkSession spark, long from, long to, boolean withHot) {
    return rows(numbers(spark, from, to), withHot);
  }

  /**
   * Returns the rows of one day: those of {@code count} that come on it if as many come on each of
   * {@value #DAYS} days. Most groups come on one day, but of every tenth a row comes on each.
   *
   * @param day from 0
   */
  static Dataset<Row> rowsOfDay(SparkSession spark, long count, int day) {
    FilterFunction<Long> ofDay =
        i -> {
          long group = i / GROUP;
          // Turned from group to group, so that copies come on every day.
          return day == (group % GROUP == SPREAD ? (i + group / GROUP) % DAYS : i * DAYS / count);
        };
    Dataset<Long> numbers = numbers(spark, 0, count);
    // In files of equal size, as executors write them.
    return rows(numbers.filter(ofDay).repartition(numbers.rdd().getNumPartitions()), true);
  }

  private static Dataset<Long> numbers(SparkSession spark, long from, long to) {
    return spark
        .range(from, to, 1, 2 * spark.sparkContext().defaultParallelism())
        .map((MapFunction<Long, Long>) i -> i, Encoders.LONG());
  }

  private static Dataset<Row> rows(Dataset<Long> of, boolean withHot) {
    MapPartitionsFunction<Long, Row> make =
        numbers -> {
          Provenance provenance = provenance();
          return stream(numbers)
              .filter(i -> withHot || !hot(i))
              .mapToObj(i -> CandidatePair.CODEC.toRow(pair(i, provenance)))
              .iterator();
        };
    return of.mapPartitions(make, Encoders.row(CandidatePair.CODEC.schema()));
  }

  private static LongStream stream(Iterator<Long> numbers) {
    Iterable<Long> all = () -> numbers;
    return java.util.stream.StreamSupport.stream(all.spliterator(), false).mapToLong(i -> i);
  }

  private static CandidatePair pair(long i, Provenance provenance) {
    String[] texts = texts(i).written();
    String image = ContentId.of("image " + i / 3);
    return new CandidatePair(
        id(i),
        image,
        image,
        image,
        List.of(),
        texts[0],
        null,
        texts[1],
        texts[2],
        "bdhs-attention",
        1,
        0.5,
        List.of(),
        List.of(),
        1,
        id(i),
        0,
        CandidatePair.TEXT,
        CandidatePair.REFERENCE,
        null,
        List.of(),
        null,
        null,
        provenance);
  }

  private static Provenance provenance() {
    String id = ContentId.of("benchmark");
    return new Provenance(id, 1, Map.of(), "none", id, id, Map.of(), null, null, null, Map.of());
  }

  /** Returns the share of grams that two rows have in common. */
  static double similarity(Set<String> a, Set<String> b) {
    long common = a.stream().filter(b::contains).count();
    return (double) common / (a.size() + b.size() - common);
  }

  /** Returns the characters of a row's texts. */
  static long characters(long i) {
    return Arrays.stream(texts(i).written()).mapToLong(String::length).sum();
  }
}

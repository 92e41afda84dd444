package io.github.pairloom.jobs.dedup;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class TestKeyFilter {
  private static final long SEED = Long.getLong("tests.seed", 2407);
  private static final String RERUN = "rerun with -Dtests.seed=" + SEED;

  @Test
  void whatOneOfTwoFiltersHoldsTheirSumHoldsAndOfOthersFew() {
    SplittableRandom random = new SplittableRandom(SEED);
    for (int count : new int[] {0, 1, 7, 1000, 100_000}) {
      KeyFilter one = KeyFilter.of(count);
      KeyFilter other = KeyFilter.of(count);
      // As ids, whose last bit is 0.
      long[] keys = random.longs(count).map(key -> key & ~1L).toArray();
      for (int i = 0; i < count; i++) {
        (i % 2 == 0 ? one : other).add(keys[i]);
      }
      KeyFilter both = one.merge(other);
      assertTrue(LongStream.of(keys).allMatch(both::mayContain), RERUN);
      long wrong = random.longs(100_000).filter(key -> both.mayContain(key & ~1L)).count();
      // The few words of a small filter may be unequally full.
      assertTrue(count < 1000 || wrong < 1000, "%s of 100,000 others; %s".formatted(wrong, RERUN));
    }
  }

  @Test
  void keysThatAreConsecutiveNumbersAreToldApart() {
    KeyFilter filter = KeyFilter.of(10_000);
    LongStream.range(0, 10_000).forEach(filter::add);
    long wrong = LongStream.range(10_000, 110_000).filter(filter::mayContain).count();
    assertTrue(wrong < 1000, wrong + " of 100,000 others");
  }

  @Test
  void moreKeysThanItIsMadeForAreHeldAllTheSame() {
    KeyFilter filter = KeyFilter.of(1);
    LongStream.range(0, 1000).forEach(filter::add);
    assertTrue(LongStream.range(0, 1000).allMatch(filter::mayContain));
  }

  @Test
  void filtersOfDifferentSizesAreNotMerged() {
    assertThrows(
        IllegalArgumentException.class, () -> KeyFilter.of(100).merge(KeyFilter.of(100_000)));
  }
}

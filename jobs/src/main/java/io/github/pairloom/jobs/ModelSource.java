package io.github.pairloom.jobs;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import io.github.pairloom.udfs.vlm.ModelMetrics.Figure;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.metrics.source.Source;
import org.apache.spark.util.LongAccumulator;
import scala.Option;

/**
 * What the models of an application did on all executors, in Spark's metrics system: a gauge for
 * each figure, counted up from the application's start as tasks end, named as in {@code
 * pairloom.tokens-decoded}. Whatever sink Spark is set to has them.
 */
final class ModelSource implements Source {
  private static ModelSource current;

  private final String application;
  private final EnumMap<Figure, LongAccumulator> sums = new EnumMap<>(Figure.class);
  private final MetricRegistry registry = new MetricRegistry();

  private ModelSource(SparkContext spark) {
    this.application = spark.applicationId();
    for (Figure figure : Figure.values()) {
      String words = figure.name().toLowerCase(Locale.ROOT);
      LongAccumulator sum = new LongAccumulator();
      // What a task did before it failed was done, and paid for.
      sum.register(spark, Option.apply("pairloom " + words.replace('_', ' ')), true);
      sums.put(figure, sum);
      registry.register(words.replace('_', '-'), (Gauge<Long>) sum::value);
    }
  }

  /** Returns the source of this application, known to its metrics system. */
  static synchronized ModelSource of(SparkContext spark) {
    if (current == null || !current.application.equals(spark.applicationId())) {
      current = new ModelSource(spark);
      SparkEnv.get().metricsSystem().registerSource(current);
    }
    return current;
  }

  /** Returns the sums by figure; executors add to them. */
  Map<Figure, LongAccumulator> sums() {
    return sums;
  }

  @Override
  public String sourceName() {
    return "pairloom";
  }

  @Override
  public MetricRegistry metricRegistry() {
    return registry;
  }
}

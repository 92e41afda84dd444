package io.github.pairloom.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.QueryExecution;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import org.apache.spark.sql.execution.exchange.Exchange;
import org.apache.spark.sql.util.QueryExecutionListener;

/**
 * Which columns Spark sends between executors: those of every exchange in the plans of all queries
 * ({@code explain} shows the same, a plan at a time).
 */
final class Exchanges implements QueryExecutionListener {
  private final Map<String, Integer> queries = new TreeMap<>();

  private Exchanges() {}

  /** Listens from now on. */
  static Exchanges of(SparkSession spark) {
    Exchanges exchanges = new Exchanges();
    spark.listenerManager().register(exchanges);
    return exchanges;
  }

  /** Adds what was seen so far. */
  synchronized void addTo(Figures figures) {
    figures.add(
        "Columns that exchanges of the plans send, no other",
        List.of("column", "exchanges with it"),
        queries.entrySet().stream().map(e -> List.<Object>of(e.getKey(), e.getValue())).toList());
  }

  @Override
  public void onSuccess(String function, QueryExecution query, long nanoseconds) {
    visit(query.executedPlan());
  }

  @Override
  public void onFailure(String function, QueryExecution query, Exception failure) {}

  private synchronized void visit(SparkPlan plan) {
    if (plan instanceof Exchange) {
      for (String column :
          asJava(plan.output()).stream()
              .map(column -> column.name() + " " + column.dataType().simpleString())
              .collect(Collectors.toSet())) {
        queries.merge(column, 1, Integer::sum);
      }
    }
    if (plan instanceof InMemoryTableScanExec scan) {
      visit(scan.relation().cachedPlan());
    }
    asJava(plan.children()).forEach(this::visit);
  }

  @SuppressWarnings("deprecation") // What Scala 2.12 and 2.13 have in common.
  private static <T> List<T> asJava(scala.collection.Seq<T> seq) {
    return scala.collection.JavaConverters.seqAsJavaListConverter(seq).asJava();
  }
}

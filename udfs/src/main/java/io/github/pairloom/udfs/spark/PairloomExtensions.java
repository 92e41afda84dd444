package io.github.pairloom.udfs.spark;

import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.expressions.ApplyFunctionExpression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import scala.Tuple3;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Registers this project's SQL functions with a session. Set {@code spark.sql.extensions} to this
 * class's name, after a comma if other extensions stand there; {@code DESCRIBE FUNCTION
 * bdhs_reject} says how each is called.
 *
 * <p>The functions that ask a model do so row by row. Over many rows the transformers of this
 * package, which work on many at a time, are faster, and so are the pipeline's steps.
 */
public final class PairloomExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    for (Functions.Entry entry : Functions.all()) {
      SqlFunction.Signature signature = entry.signature();
      extensions.injectFunction(
          new Tuple3<>(
              new FunctionIdentifier(signature.name()),
              new ExpressionInfo(
                  getClass().getName(),
                  null,
                  signature.name(),
                  signature.call() + " - " + signature.usage(),
                  "",
                  "",
                  "",
                  "",
                  "",
                  "",
                  "java_udf"),
              children -> new ApplyFunctionExpression(entry.of(children.size()), children)));
    }
    return BoxedUnit.UNIT;
  }
}

package io.github.pairloom.udfs.spark;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * A SQL function of this project. Gives NULL for a NULL argument; the last argument may be left out
 * where there is a default.
 */
abstract class SqlFunction implements ScalarFunction<Object> {
  private static final long serialVersionUID = 1L;

  /** Options by their recipe keys, values as texts. */
  static final MapType OPTIONS =
      DataTypes.createMapType(DataTypes.StringType, DataTypes.StringType, true);

  private final Signature signature;
  private final int given;

  /** Builds a function for a number of arguments that its signature allows. */
  interface Maker {
    SqlFunction of(Signature signature, int given);
  }

  /**
   * How a function is called.
   *
   * @param name in SQL
   * @param arguments names of the arguments, for the usage text
   * @param inputs their types
   * @param needed how many of them must be given
   * @param result type of the result
   * @param usage what it does, in one sentence
   */
  record Signature(
      String name,
      List<String> arguments,
      List<DataType> inputs,
      int needed,
      DataType result,
      String usage)
      implements java.io.Serializable {
    /** Returns the call as it is written, optional arguments in brackets. */
    String call() {
      StringBuilder call = new StringBuilder(name).append('(');
      for (int i = 0; i < arguments.size(); i++) {
        call.append(i == needed ? "[" : "").append(i == 0 ? "" : ", ").append(arguments.get(i));
      }
      return call.append(needed < arguments.size() ? "])" : ")").toString();
    }

    /**
     * @throws IllegalArgumentException if the function cannot be called with so many arguments
     */
    void check(int given) {
      io.github.pairloom.schemas.Check.check(
          given >= needed && given <= arguments.size(),
          "Cannot call %s with %s arguments (must be %s)",
          name,
          given,
          call());
    }
  }

  SqlFunction(Signature signature, int given) {
    signature.check(given);
    this.signature = signature;
    this.given = given;
  }

  /**
   * Returns the result.
   *
   * @param arguments as plain Java objects, none of them null; null for one that was left out
   * @return a plain Java object, a {@link Row} for a struct, an array for an array; may be null
   */
  abstract Object apply(Object... arguments);

  @Override
  public final String name() {
    return signature.name;
  }

  @Override
  public final String canonicalName() {
    return "pairloom." + signature.name + "/" + given;
  }

  @Override
  public final DataType[] inputTypes() {
    return signature.inputs.subList(0, given).toArray(DataType[]::new);
  }

  @Override
  public final DataType resultType() {
    return signature.result;
  }

  @Override
  public final Object produceResult(InternalRow row) {
    Object[] arguments = new Object[signature.inputs.size()];
    for (int i = 0; i < given; i++) {
      DataType type = signature.inputs.get(i);
      if (row.isNullAt(i)) {
        return null;
      }
      arguments[i] = plain(row.get(i, type), type);
    }
    Object result = apply(arguments);
    return result == null
        ? null
        : CatalystTypeConverters.createToCatalystConverter(signature.result).apply(result);
  }

  private static Object plain(Object value, DataType type) {
    if (value instanceof UTF8String text) {
      return text.toString();
    }
    if (value instanceof MapData map && type instanceof MapType) {
      ArrayData keys = map.keyArray();
      ArrayData values = map.valueArray();
      Map<String, String> plain = new HashMap<>();
      for (int i = 0; i < map.numElements(); i++) {
        if (!values.isNullAt(i)) {
          plain.put(keys.getUTF8String(i).toString(), values.getUTF8String(i).toString());
        }
      }
      return plain;
    }
    return value;
  }

  @Override
  public final boolean equals(Object other) {
    return other instanceof SqlFunction that
        && signature.equals(that.signature)
        && given == that.given;
  }

  @Override
  public final int hashCode() {
    return Arrays.asList(signature.name, given).hashCode();
  }

  @Override
  public final String toString() {
    return signature.name
        + signature.inputs.stream().map(DataType::sql).collect(Collectors.joining(", ", "(", ")"));
  }
}

package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Turns records of a table into Spark rows and back. Components stand for columns by name
 * (camelCase for snake_case) and order; that they fit the table's DDL is checked once, when the
 * codec is made. A nullable column is a component that may be {@code null}, and the record says so.
 *
 * @param <T> the record
 */
public final class RecordCodec<T extends Record> {
  private final StructType schema;
  private final Constructor<T> constructor;
  private final Method[] accessors;
  private final List<UnaryOperator<Object>> writers;
  private final List<UnaryOperator<Object>> readers;

  private RecordCodec(Class<T> type, StructType schema) {
    this.schema = schema;
    RecordComponent[] components = type.getRecordComponents();
    check(
        components.length == schema.length(),
        "Record %s has %s components, its columns are %s",
        type.getSimpleName(),
        components.length,
        Arrays.toString(schema.fieldNames()));
    this.accessors =
        Arrays.stream(components).map(RecordComponent::getAccessor).toArray(Method[]::new);
    for (int i = 0; i < components.length; i++) {
      String column = snakeCase(components[i].getName());
      check(
          column.equals(schema.fields()[i].name()),
          "Record %s, component %s: the column is called %s",
          type.getSimpleName(),
          components[i].getName(),
          schema.fields()[i].name());
    }
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      this.constructor = type.getDeclaredConstructor(types);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException("A record has its canonical constructor", e);
    }
    // A step's own records need not be public.
    constructor.setAccessible(true);
    for (Method accessor : accessors) {
      accessor.setAccessible(true);
    }
    this.writers = mapFields(components, RecordCodec::writer);
    this.readers = mapFields(components, RecordCodec::reader);
  }

  /** Returns the codec of {@code table}'s rows. */
  public static <T extends Record> RecordCodec<T> of(Table table, Class<T> type) {
    return new RecordCodec<>(type, table.schema());
  }

  /** Returns the codec of rows that travel between the stages of a step and lie in no table. */
  public static <T extends Record> RecordCodec<T> of(StructType schema, Class<T> type) {
    return new RecordCodec<>(type, schema);
  }

  /** Returns the columns. */
  public StructType schema() {
    return schema;
  }

  /** Returns {@code row} as a Spark row with this codec's schema. */
  public Row toRow(T row) {
    Object[] values = new Object[accessors.length];
    for (int i = 0; i < values.length; i++) {
      Object value = call(accessors[i], row);
      values[i] = value == null ? null : writers.get(i).apply(value);
    }
    return RowFactory.create(values);
  }

  /**
   * Returns the record in {@code row}. Columns are taken by name where the row has a schema, so
   * that joins may add or reorder columns.
   */
  public T fromRow(Row row) {
    Object[] values = new Object[accessors.length];
    for (int i = 0; i < values.length; i++) {
      int index = row.schema() == null ? i : row.fieldIndex(schema.fields()[i].name());
      values[i] = row.isNullAt(index) ? null : readers.get(i).apply(row.get(index));
    }
    try {
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Records of this package can be constructed", e);
    }
  }

  private interface FieldFunction {
    UnaryOperator<Object> of(Type javaType, DataType sqlType);
  }

  private List<UnaryOperator<Object>> mapFields(
      RecordComponent[] components, FieldFunction function) {
    StructField[] fields = schema.fields();
    return IntStream.range(0, components.length)
        .mapToObj(i -> function.of(components[i].getGenericType(), fields[i].dataType()))
        .toList();
  }

  private static UnaryOperator<Object> writer(Type type, DataType sql) {
    if (sql instanceof ArrayType array) {
      UnaryOperator<Object> element = writer(argument(type, List.class, 0), array.elementType());
      return value -> ((List<?>) value).stream().map(element).toArray();
    }
    if (sql instanceof MapType map) {
      UnaryOperator<Object> element = writer(argument(type, Map.class, 1), map.valueType());
      return value -> {
        // In order of the keys: a Map.of has another order in each Java machine, and equal records
        // are to be equal bytes.
        Map<Object, Object> copy = new TreeMap<>();
        ((Map<?, ?>) value).forEach((k, v) -> copy.put(k, element.apply(v)));
        return asScala(copy);
      };
    }
    if (sql instanceof StructType struct) {
      RecordCodec<Record> nested = nested(type, struct);
      return value -> nested.toRow((Record) value);
    }
    checkScalar(type, sql);
    return value -> value instanceof Instant instant ? Timestamp.from(instant) : value;
  }

  private static UnaryOperator<Object> reader(Type type, DataType sql) {
    if (sql instanceof ArrayType array) {
      UnaryOperator<Object> element = reader(argument(type, List.class, 0), array.elementType());
      return value -> elements(value).stream().map(element).toList();
    }
    if (sql instanceof MapType map) {
      UnaryOperator<Object> element = reader(argument(type, Map.class, 1), map.valueType());
      return value -> {
        Map<Object, Object> copy = new LinkedHashMap<>();
        asJava((scala.collection.Map<?, ?>) value).forEach((k, v) -> copy.put(k, element.apply(v)));
        return copy;
      };
    }
    if (sql instanceof StructType struct) {
      RecordCodec<Record> nested = nested(type, struct);
      return value -> nested.fromRow((Row) value);
    }
    checkScalar(type, sql);
    return value -> value instanceof Timestamp timestamp ? timestamp.toInstant() : value;
  }

  private static void checkScalar(Type type, DataType sql) {
    Map<Type, DataType> scalars =
        Map.of(
            String.class, DataTypes.StringType,
            int.class, DataTypes.IntegerType,
            Integer.class, DataTypes.IntegerType,
            long.class, DataTypes.LongType,
            Long.class, DataTypes.LongType,
            Float.class, DataTypes.FloatType,
            double.class, DataTypes.DoubleType,
            Double.class, DataTypes.DoubleType,
            boolean.class, DataTypes.BooleanType,
            Instant.class, DataTypes.TimestampType);
    check(
        sql.equals(scalars.get(type)),
        "Java type %s does not fit the column's type %s",
        type.getTypeName(),
        sql.sql());
  }

  @SuppressWarnings("unchecked")
  private static RecordCodec<Record> nested(Type type, StructType struct) {
    check(type instanceof Class<?> c && c.isRecord(), "%s must be a record for %s", type, struct);
    return new RecordCodec<>((Class<Record>) type, struct);
  }

  private static Type argument(Type type, Class<?> raw, int index) {
    check(
        type instanceof ParameterizedType p && p.getRawType() == raw,
        "%s must be a %s",
        type,
        raw.getSimpleName());
    return ((ParameterizedType) type).getActualTypeArguments()[index];
  }

  private static Object call(Method accessor, Record row) {
    try {
      return accessor.invoke(row);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Accessors of records of this package can be called", e);
    }
  }

  private static String snakeCase(String camelCase) {
    return camelCase.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  // JavaConverters is what Scala 2.12 and 2.13 have in common.
  @SuppressWarnings("deprecation")
  private static Object asScala(Map<?, ?> map) {
    return scala.collection.JavaConverters.mapAsScalaMapConverter(map).asScala();
  }

  /** A row that {@link #toRow} made holds an array, one that comes from Spark a Seq. */
  private static List<?> elements(Object value) {
    return value instanceof Object[] array
        ? Arrays.asList(array)
        : asJava((scala.collection.Seq<?>) value);
  }

  @SuppressWarnings("deprecation")
  private static List<?> asJava(scala.collection.Seq<?> seq) {
    return scala.collection.JavaConverters.seqAsJavaListConverter(seq).asJava();
  }

  @SuppressWarnings("deprecation")
  private static Map<?, ?> asJava(scala.collection.Map<?, ?> map) {
    return scala.collection.JavaConverters.mapAsJavaMapConverter(map).asJava();
  }
}

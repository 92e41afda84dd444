package io.github.pairloom.udfs.spark;

import io.github.pairloom.udfs.RowsUnderWay;
import io.github.pairloom.udfs.TaskScope;
import io.github.pairloom.udfs.vlm.Batching;
import io.github.pairloom.udfs.vlm.ModelSpec;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * A transformer that asks a vision-language model about each row and adds a column with what it
 * says, a struct. Rows without an image or a text get NULL; where an image is broken or the model
 * fails, the struct's {@code error} says why. A task works on many rows at once.
 *
 * @param <T> the transformer itself, for its setters
 */
// Public, for Spark calls the methods that give parameters.
public abstract class ModelTransformer<T extends ModelTransformer<T>> extends Transformer
    implements DefaultParamsWritable {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final Param<String> model;
  private final Param<String> device;
  private final IntParam threads;
  private final Param<String> imageCol;
  private final Param<String> promptCol;
  private final Param<String> outputCol;

  ModelTransformer(String uid, String output) {
    this.uid = uid;
    // Parameters read the uid as they are made.
    model = text("model", "folder of the model in the Hugging Face ONNX layout");
    device = text("device", "cpu, or gpu: the one Spark assigned");
    threads =
        new IntParam(this, "threads", "threads of a model run on the CPU; 0: spark.task.cpus");
    imageCol = text("imageCol", "column with the bytes of image files");
    promptCol = text("promptCol", "column with prompts");
    outputCol = text("outputCol", "column that is added");
    setDefault(device, "cpu");
    setDefault(threads, 0);
    setDefault(imageCol, "image");
    setDefault(promptCol, "prompt");
    setDefault(outputCol, output);
  }

  static String newUid(Class<?> type) {
    return Identifiable.randomUID(type.getSimpleName().toLowerCase(Locale.ROOT));
  }

  final Param<String> text(String name, String doc) {
    return new Param<>(this, name, doc);
  }

  @SuppressWarnings("unchecked") // T is this.
  final <V> T with(Param<V> param, V value) {
    set(param, value);
    return (T) this;
  }

  /** Sets the folder of the model. Required. */
  public final T setModel(String value) {
    return with(model, value);
  }

  /** Sets where the model runs: cpu (the default) or gpu. */
  public final T setDevice(String value) {
    return with(device, value);
  }

  /** Sets the threads of a model run on the CPU; 0, the default: as many as Spark gives a task. */
  public final T setThreads(int value) {
    return with(threads, value);
  }

  /** Sets the column with the bytes of image files; image by default. */
  public final T setImageCol(String value) {
    return with(imageCol, value);
  }

  /** Sets the column with prompts; prompt by default. */
  public final T setPromptCol(String value) {
    return with(promptCol, value);
  }

  /** Sets the column that is added. */
  public final T setOutputCol(String value) {
    return with(outputCol, value);
  }

  public final String getModel() {
    return $(model);
  }

  public final String getImageCol() {
    return $(imageCol);
  }

  public final String getPromptCol() {
    return $(promptCol);
  }

  public final String getOutputCol() {
    return $(outputCol);
  }

  // Spark finds parameters by the public methods that return them.

  public final Param<String> model() {
    return model;
  }

  public final Param<String> device() {
    return device;
  }

  public final IntParam threads() {
    return threads;
  }

  public final Param<String> imageCol() {
    return imageCol;
  }

  public final Param<String> promptCol() {
    return promptCol;
  }

  public final Param<String> outputCol() {
    return outputCol;
  }

  @Override
  public final String uid() {
    return uid;
  }

  /** Returns the column with the text that the call is about, or null if it needs none. */
  abstract String textCol();

  abstract ModelCall call(ModelSpec spec);

  private ModelSpec spec() {
    ModelSpec.Device where = ModelSpec.Device.valueOf($(device).toUpperCase(Locale.ROOT));
    return new ModelSpec($(model), "", "", "", where, (Integer) $(threads), Batching.DEFAULTS);
  }

  @Override
  public final StructType transformSchema(StructType schema) {
    check(schema, $(imageCol), DataTypes.BinaryType);
    check(schema, $(promptCol), DataTypes.StringType);
    if (textCol() != null) {
      check(schema, textCol(), DataTypes.StringType);
    }
    if (List.of(schema.fieldNames()).contains($(outputCol))) {
      throw new IllegalArgumentException("Column " + $(outputCol) + " is there already");
    }
    return schema.add($(outputCol), call(spec()).schema());
  }

  private static void check(StructType schema, String column, DataType type) {
    if (!List.of(schema.fieldNames()).contains(column)) {
      throw new IllegalArgumentException(
          "There is no column %s among %s"
              .formatted(column, String.join(", ", schema.fieldNames())));
    }
    DataType found = schema.apply(column).dataType();
    if (!found.equals(type)) {
      throw new IllegalArgumentException(
          "Column %s must be %s, but is %s".formatted(column, type.sql(), found.sql()));
    }
  }

  @Override
  public final Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = transformSchema(dataset.schema());
    return dataset.toDF().mapPartitions(work(dataset.schema()), Encoders.row(schema));
  }

  private MapPartitionsFunction<Row, Row> work(StructType input) {
    ModelCall call = call(spec());
    int image = input.fieldIndex($(imageCol));
    int prompt = input.fieldIndex($(promptCol));
    int text = textCol() == null ? -1 : input.fieldIndex(textCol());
    int ahead = Batching.DEFAULTS.aheadMegabytes();
    return rows -> {
      if (!rows.hasNext()) {
        return rows;
      }
      TaskScope scope = TaskScope.open();
      ModelCall.Session session = scope.keep(call.open());
      return new RowsUnderWay<Row, Row>(
          rows,
          row ->
              new RowsUnderWay.Begun<>(
                  answer(session, row, image, prompt, text).thenApply(result -> with(row, result)),
                  session.bytes()),
          session::await,
          scope::close,
          ahead);
    };
  }

  private static CompletableFuture<Row> answer(
      ModelCall.Session session, Row row, int image, int prompt, int text) {
    if (row.isNullAt(image) || row.isNullAt(prompt) || (text >= 0 && row.isNullAt(text))) {
      return CompletableFuture.completedFuture(null);
    }
    return session.call(
        new ModelCall.Arguments(
            (byte[]) row.get(image), row.getString(prompt), text < 0 ? null : row.getString(text)));
  }

  private static Row with(Row row, Row result) {
    Object[] values = new Object[row.size() + 1];
    for (int i = 0; i < row.size(); i++) {
      values[i] = row.get(i);
    }
    values[row.size()] = result;
    return RowFactory.create(values);
  }

  @Override
  public final Transformer copy(ParamMap extra) {
    return defaultCopy(extra);
  }
}

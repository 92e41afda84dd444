package io.github.pairloom.udfs.spark;

import io.github.pairloom.schemas.Printable;
import io.github.pairloom.schemas.RecordCodec;
import io.github.pairloom.udfs.image.BadImageException;
import io.github.pairloom.udfs.image.ImageDecoder;
import io.github.pairloom.udfs.image.ImageLimits;
import io.github.pairloom.udfs.image.PixelTensor;
import io.github.pairloom.udfs.image.RgbImage;
import io.github.pairloom.udfs.vlm.ExecutorModels;
import io.github.pairloom.udfs.vlm.ImageFeatures;
import io.github.pairloom.udfs.vlm.ModelSpec;
import io.github.pairloom.udfs.vlm.VisionLanguageModel;
import java.io.Serializable;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/**
 * What a model is asked about a row, by a SQL function or a transformer. Small: it travels to
 * executors.
 */
abstract class ModelCall implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Why a row has no result, where it is not the image. */
  static final String FAILED = "model-failed";

  final ModelSpec spec;

  ModelCall(ModelSpec spec) {
    this.spec = spec;
  }

  /** Returns the columns of a result, {@code error} among them. */
  abstract StructType schema();

  /** Loads what is needed; for one task, which closes it. */
  abstract Session open();

  /**
   * Returns a model for the calling task; outside of Spark one that works on the calling thread.
   */
  final VisionLanguageModel openModel() {
    return org.apache.spark.TaskContext.get() == null
        ? ExecutorModels.openInline(spec)
        : ExecutorModels.open(spec);
  }

  /** A row's arguments, as far as the call has them. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Arguments(byte[] image, String prompt, String text) {}

  /** A picture with what a model makes of it. */
  record Seen(RgbImage picture, PixelTensor pixels, CompletableFuture<ImageFeatures> features) {}

  /** A call under way in a task. Used by one thread. */
  abstract static class Session implements AutoCloseable {
    private static final ImageDecoder DECODER = new ImageDecoder(ImageLimits.DEFAULTS);

    final VisionLanguageModel model;
    private byte[] bytes;
    private Seen seen;

    Session(VisionLanguageModel model) {
      this.model = model;
    }

    /** Returns the result once it is there; fails if there is none. */
    abstract CompletableFuture<Row> result(Arguments arguments, Seen seen);

    /** Returns a result that says why there is none. */
    abstract Row failed(String error);

    /** Returns what {@code result} comes to. */
    <T> T await(CompletableFuture<T> result) {
      return model.await(result);
    }

    /** Returns the result of a row; never fails. */
    final CompletableFuture<Row> call(Arguments arguments) {
      CompletableFuture<Row> result;
      try {
        result = result(arguments, see(arguments.image));
      } catch (RuntimeException e) {
        result = CompletableFuture.failedFuture(e);
      }
      return result.exceptionally(failure -> failed(reasonOf(failure)));
    }

    /** Returns the memory that the last image takes. */
    final long bytes() {
      return seen == null ? 0 : seen.pixels.bytes();
    }

    /** Rows about one image often follow each other: it is encoded once. */
    private Seen see(byte[] image) {
      if (!Arrays.equals(image, bytes)) {
        RgbImage picture = DECODER.decode(image).image();
        PixelTensor pixels = model.preprocess(picture);
        seen = new Seen(picture, pixels, model.encode(pixels));
        bytes = image;
      }
      return seen;
    }

    private static String reasonOf(Throwable failure) {
      Throwable cause =
          failure instanceof CompletionException && failure.getCause() != null
              ? failure.getCause()
              : failure;
      return cause instanceof BadImageException bad
          ? bad.defect().code()
          : FAILED + ": " + Printable.cut(String.valueOf(cause.getMessage()), Printable.DETAIL);
    }

    @Override
    public void close() {
      model.close();
    }
  }

  /** Returns the codec of result records. */
  static <R extends Record> RecordCodec<R> codec(String ddl, Class<R> type) {
    return RecordCodec.of(StructType.fromDDL(ddl), type);
  }
}

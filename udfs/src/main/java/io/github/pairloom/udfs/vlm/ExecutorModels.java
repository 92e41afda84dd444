package io.github.pairloom.udfs.vlm;

import ai.djl.Device;
import io.github.pairloom.udfs.ModelException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/**
 * The models of this JVM: each is loaded once per device, by the first task that asks, and stays
 * for the tasks that come after. All are closed when the JVM ends.
 */
public final class ExecutorModels {
  private record Key(ModelSpec spec, String device) {}

  private static final Map<Key, Loaded> LOADED = new ConcurrentHashMap<>();
  private static final LongAdder LOADS = new LongAdder();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(ExecutorModels::closeAll, "pairloom-models"));
  }

  private ExecutorModels() {}

  /** Weights and the number of tasks that use them; guarded by itself. */
  private static final class Loaded {
    private final OnnxWeights weights;
    private int users;
    private boolean condemned;

    Loaded(OnnxWeights weights) {
      this.weights = weights;
    }

    synchronized boolean enter() {
      if (!condemned) {
        users++;
      }
      return !condemned;
    }

    synchronized void leave() {
      users--;
      closeIfUnused();
    }

    /** Closes the weights as soon as no task runs on them: under a running task it would crash. */
    synchronized void condemn() {
      condemned = true;
      closeIfUnused();
    }

    private void closeIfUnused() {
      if (condemned && users == 0) {
        weights.close();
      }
    }
  }

  /**
   * Opens a model for the calling task, which must close it.
   *
   * @throws ModelException if it cannot be loaded, or wants a GPU and the task was given none
   */
  public static VisionLanguageModel open(ModelSpec spec) {
    Device device = device(spec);
    Key key = new Key(spec, device.toString());
    while (true) {
      Loaded loaded =
          LOADED.computeIfAbsent(
              key,
              k -> {
                LOADS.increment();
                return new Loaded(OnnxWeights.load(spec, device));
              });
      if (loaded.enter()) {
        return new OnnxVisionLanguageModel(loaded.weights, loaded::leave);
      }
    }
  }

  /** Returns how many models this JVM has loaded so far. */
  public static long loads() {
    return LOADS.sum();
  }

  /** Closes all models; each one as soon as the last task that uses it is done. */
  public static void closeAll() {
    LOADED
        .keySet()
        .forEach(
            key -> {
              Loaded loaded = LOADED.remove(key);
              if (loaded != null) {
                loaded.condemn();
              }
            });
  }

  /** Returns the CPU, or the GPU that Spark's scheduler gave to the calling task. */
  private static Device device(ModelSpec spec) {
    if (spec.device() == ModelSpec.Device.CPU) {
      return Device.cpu();
    }
    TaskContext task = TaskContext.get();
    ResourceInformation gpu = task == null ? null : task.resourcesJMap().get("gpu");
    if (gpu == null || gpu.addresses().length == 0) {
      throw new ModelException(
          "Cannot run model "
              + spec.path()
              + " on a GPU: Spark assigned none to this task. Set spark.executor.resource.gpu.amount"
              + " and spark.task.resource.gpu.amount, or model.device: cpu in the recipe");
    }
    return Device.gpu(Integer.parseInt(gpu.addresses()[0]));
  }
}

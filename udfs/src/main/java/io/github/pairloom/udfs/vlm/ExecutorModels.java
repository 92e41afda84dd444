package io.github.pairloom.udfs.vlm;

import ai.djl.Device;
import io.github.pairloom.udfs.ModelException;
import io.github.pairloom.udfs.Users;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/**
 * The models of this JVM: each is loaded once per device, by the first task that asks, and stays
 * for the tasks that come after, until the device is to hold another one and no task uses it. All
 * are closed when the JVM ends.
 *
 * <p>A GPU has one {@link Lane}, which all tasks share: it does one thing at a time, and the fuller
 * its batches the better. On the CPU each task has a lane of its own, as each has cores of its own,
 * on weights that all share.
 */
public final class ExecutorModels {
  private record Key(ModelSpec spec, int threads, String device) {}

  /**
   * Whether models that belong on a GPU are opened on the CPU, lanes and all else following the
   * GPUs' addresses: for trying a cluster's scheduling where no GPU is.
   */
  private static final boolean GPU_ON_CPU = Boolean.getBoolean("pairloom.gpu-on-cpu");

  private static final Map<Key, Loaded> LOADED = new ConcurrentHashMap<>();
  private static final LongAdder LOADS = new LongAdder();
  private static final ModelMetrics METRICS = new ModelMetrics();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(ExecutorModels::closeAll, "pairloom-models"));
  }

  private ExecutorModels() {}

  /** Weights and who uses them. */
  private static final class Loaded {
    private final OnnxWeights weights;
    private final Users users = new Users(this::close);

    /** Of all tasks, on a GPU; null before the first and on the CPU. */
    private Lane shared;

    /** How {@link #shared} fills its batches, and how many models are open on such a lane. */
    private Batching sharedBatching;

    private int sharers;

    Loaded(OnnxWeights weights) {
      this.weights = weights;
    }

    synchronized VisionLanguageModel open(ModelSpec spec, Device device) {
      if (device.isGpu()) {
        // A device has one lane: another recipe's batching holds once nobody uses it any more.
        boolean another = sharers == 0 && !spec.batch().equals(sharedBatching);
        if (shared == null || shared.isDead() || another) {
          closeShared();
          shared = lane(spec, device);
          sharedBatching = spec.batch();
        }
        sharers++;
        return OnnxVisionLanguageModel.on(shared, weights, this::leaveShared);
      }
      Lane own = lane(spec, device);
      return OnnxVisionLanguageModel.on(
          own,
          weights,
          () -> {
            own.close();
            users.leave();
          });
    }

    private Lane lane(ModelSpec spec, Device device) {
      return new Lane(new Engine(weights, spec.batch(), METRICS), METRICS, device.toString());
    }

    private void leaveShared() {
      synchronized (this) {
        sharers--;
      }
      users.leave();
    }

    private void closeShared() {
      if (shared != null) {
        shared.close();
        // Not for who comes next, should another one not be made.
        shared = null;
      }
    }

    private synchronized void close() {
      closeShared();
      weights.close();
    }
  }

  /**
   * Opens a model for the calling task, which must close it.
   *
   * @throws ModelException if it cannot be loaded, or wants a GPU and the task was given none
   */
  public static VisionLanguageModel open(ModelSpec spec) {
    Device device = device(spec);
    Loaded loaded = enter(spec, device);
    try {
      return loaded.open(spec, device);
    } catch (RuntimeException | Error e) {
      loaded.users.leave();
      throw e;
    }
  }

  /**
   * Opens a model that the thread which waits for it works for, so that one thread does everything:
   * for measurements, and for programs without Spark.
   *
   * @throws ModelException if it cannot be loaded
   */
  public static VisionLanguageModel openInline(ModelSpec spec) {
    return openInline(spec, Masking.DROP);
  }

  /**
   * Opens a model that the thread which waits for it works for.
   *
   * @param masking how to hide image tokens where the model can do it both ways
   * @throws ModelException if it cannot be loaded
   */
  public static VisionLanguageModel openInline(ModelSpec spec, Masking masking) {
    Loaded loaded = enter(spec, device(spec));
    Capabilities all = loaded.weights.capabilities;
    Engine engine =
        new Engine(
            loaded.weights,
            loaded.weights.decoder,
            masking == Masking.ATTENTION ? all.withoutGaps() : all,
            spec.batch(),
            METRICS);
    return OnnxVisionLanguageModel.inline(engine, loaded.weights, loaded.users::leave);
  }

  private static Loaded enter(ModelSpec spec, Device device) {
    // Weights are the same however they are batched.
    Key key = new Key(spec.with(Batching.DEFAULTS), spec.threadsOfTask(), device.toString());
    if (!LOADED.containsKey(key)) {
      closeIdle(key.device);
    }
    while (true) {
      Loaded loaded =
          LOADED.computeIfAbsent(
              key,
              k -> {
                LOADS.increment();
                METRICS.add(ModelMetrics.Figure.MODEL_LOADS, 1);
                return new Loaded(
                    OnnxWeights.load(spec, GPU_ON_CPU ? Device.cpu() : device, k.threads));
              });
      if (loaded.users.enter()) {
        return loaded;
      }
    }
  }

  /** Closes the models of a device that no task uses: another one is to have their memory. */
  private static void closeIdle(String device) {
    LOADED.forEach(
        (key, loaded) -> {
          if (key.device.equals(device) && loaded.users.condemnIfUnused()) {
            LOADED.remove(key, loaded);
          }
        });
  }

  /** Returns what the models of this JVM have done. */
  public static ModelMetrics metrics() {
    return METRICS;
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
                loaded.users.condemn();
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
    String address = gpu.addresses()[0];
    if (!address.matches("\\d{1,4}")) {
      throw new ModelException(
          "Cannot run model "
              + spec.path()
              + " on GPU '"
              + address
              + "', which Spark assigned to this task: ONNX Runtime opens GPUs by their index. Let the"
              + " discovery script name indices, as conf/cluster/gpu-discovery.sh does");
    }
    return Device.gpu(Integer.parseInt(address));
  }
}

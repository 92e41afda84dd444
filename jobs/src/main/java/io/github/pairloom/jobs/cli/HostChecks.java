package io.github.pairloom.jobs.cli;

import ai.djl.util.Utils;
import com.sun.management.OperatingSystemMXBean;
import io.github.pairloom.jobs.recipe.SourceSettings;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Looks at the machine and its Java. */
final class HostChecks {
  /** Packages that Spark opens on Java 17 (its JavaModuleOptions) and uses early. */
  private static final List<String> OPENED =
      List.of("java.lang", "java.lang.invoke", "java.net", "java.nio", "java.util", "sun.nio.ch");

  private static final double MIB = 1 << 20;
  private static final double LEAST_HEAP_MIB = 1500;

  /** What the model and ONNX Runtime take outside of Java's heap. */
  private static final double NATIVE_MIB = 1024;

  private HostChecks() {}

  static Finding java() {
    String found =
        System.getProperty("java.version")
            + ", "
            + System.getProperty("java.vm.name")
            + " from "
            + System.getProperty("java.home");
    return Runtime.version().feature() >= 17
        ? Finding.ok("Java", found)
        : new Finding("Java", found, "Install Java 17 or later and set JAVA_HOME to it");
  }

  static Finding modules() {
    Module base = Object.class.getModule();
    Module ours = HostChecks.class.getModule();
    List<String> closed = OPENED.stream().filter(name -> !base.isOpen(name, ours)).toList();
    return closed.isEmpty()
        ? Finding.ok("module flags", "Java's packages are open to Spark")
        : new Finding(
            "module flags",
            "closed to Spark: " + String.join(", ", closed),
            "Start through ./pairloom or spark-submit, which pass --add-opens");
  }

  static Finding processor() {
    int cores = Runtime.getRuntime().availableProcessors();
    String found =
        cores
            + (cores == 1 ? " core, " : " cores, ")
            + System.getProperty("os.name")
            + " "
            + System.getProperty("os.arch");
    return Finding.ok("processor", found);
  }

  static Finding memory() {
    double heap = Runtime.getRuntime().maxMemory() / MIB;
    double machine = Double.POSITIVE_INFINITY;
    if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
      machine = system.getTotalMemorySize() / MIB;
    }
    String found =
        String.format(Locale.ROOT, "heap %.0f MiB of the machine's %.0f MiB", heap, machine);
    // Under spark-submit the heap is Spark's to set; its launcher does not look at our variable.
    boolean submitted = System.getProperty("spark.submit.deployMode") != null;
    String setting = submitted ? "--driver-memory " : "PAIRLOOM_MEMORY=";
    if (heap < LEAST_HEAP_MIB) {
      return new Finding("memory", found, "Give more heap: " + setting + "4g");
    }
    return heap + NATIVE_MIB <= machine
        ? Finding.ok("memory", found)
        : new Finding(
            "memory",
            found,
            "Leave 1 GiB for the model: give less heap, such as " + setting + "2g");
  }

  /** Looks whether files can be made in a folder, or in the nearest one that is there. */
  static Finding writable(String subject, String folder) {
    if (RecipeOptions.isUri(folder) && !folder.startsWith("file:")) {
      return Finding.ok(subject, folder + " (not on this machine: not checked)");
    }
    Path wanted = Path.of(folder.replaceFirst("^file:/*", "/")).toAbsolutePath();
    Path there = wanted;
    while (!Files.exists(there)) {
      there = there.getParent();
    }
    try {
      Files.delete(Files.createTempFile(there, ".pairloom", ".tmp"));
      double free = Files.getFileStore(there).getUsableSpace() / MIB;
      return Finding.ok(
          subject, String.format(Locale.ROOT, "%s can be written, %.0f MiB free", wanted, free));
    } catch (IOException e) {
      return new Finding(
          subject,
          wanted + " cannot be written: " + e,
          "Grant write access to " + there + " or choose another folder");
    }
  }

  static Finding djlCache() {
    Finding finding = writable("DJL cache", Utils.getCacheDir().toString());
    return finding.ok()
        ? finding
        : new Finding(
            finding.subject(),
            finding.found(),
            "Native libraries are unpacked there; set DJL_CACHE_DIR to a folder you can write");
  }

  static Finding source(SourceSettings source) {
    List<String> missing =
        source.paths().stream()
            .filter(path -> !RecipeOptions.isUri(path) && !Files.exists(beforeGlob(path)))
            .toList();
    return missing.isEmpty()
        ? Finding.ok("source", source.path())
        : new Finding(
            "source",
            "there is no "
                + String.join(", ", missing)
                + " seen from "
                + new File("").getAbsolutePath(),
            "Set source.path (--set source.path=FILE); relative paths start at the current folder");
  }

  /** Returns the part of a path that stands before the first wildcard. */
  private static Path beforeGlob(String path) {
    String plain = path.replaceFirst("[*?\\[{].*$", "");
    return Path.of(plain.equals(path) ? path : plain.replaceFirst("[^/]*$", "") + ".");
  }
}

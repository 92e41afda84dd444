package io.github.pairloom.jobs;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** Where a recipe may have files read from. */
public final class FileAddresses {
  /** File systems and stores whose files stay where they are. */
  private static final Set<String> SCHEMES =
      new TreeSet<>(
          List.of(
              "abfs", "abfss", "cosn", "dbfs", "file", "gs", "hdfs", "obs", "oss", "s3", "s3a",
              "viewfs", "wasb", "wasbs"));

  /** Of an authority; what stands before an @ alone may be a container's name. */
  private static final Pattern PASSWORD = Pattern.compile("[^@]*:[^@]*@.*");

  private FileAddresses() {}

  /**
   * Refuses what is fetched from anywhere: Hadoop reads http and ftp addresses too, follows what
   * they redirect to, and user and password of an address would stand in every row's URI.
   *
   * @param key the recipe's, that names the path
   * @throws JobException if it is such an address
   */
  public static void check(String key, Path path, Configuration hadoop) {
    String scheme = path.toUri().getScheme();
    if (scheme != null
        && !SCHEMES.contains(scheme.toLowerCase(Locale.ROOT))
        && !isSetHere("fs." + scheme + ".impl", hadoop)) {
      throw new JobException(
          "Cannot read files by '%s:' (%s). Known are %s; Hadoop's setting fs.%s.impl allows another"
              .formatted(scheme, key, String.join(", ", SCHEMES), scheme));
    }
    if (PASSWORD.matcher(String.valueOf(path.toUri().getRawAuthority())).matches()) {
      throw new JobException(
          key
              + " holds a user and password. Take them out, and set them where Hadoop takes them from the environment");
    }
  }

  /** Returns whether a setting is more than Hadoop's default, which knows ftp. */
  private static boolean isSetHere(String setting, Configuration hadoop) {
    String[] sources = hadoop.getPropertySources(setting);
    return sources != null && !List.of(sources).contains("core-default.xml");
  }
}

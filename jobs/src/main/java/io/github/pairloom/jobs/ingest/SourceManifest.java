package io.github.pairloom.jobs.ingest;

import io.github.pairloom.jobs.FileAddresses;
import io.github.pairloom.jobs.JobException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * What a source is said to hold: a file as {@code sha256sum} writes it, a hash and a name on each
 * line. Names start at the manifest's folder.
 */
final class SourceManifest {
  private static final Pattern LINE = Pattern.compile("([0-9a-fA-F]{64}) [ *](.+)");
  private static final int NAMED = 3;

  private final String file;
  private final Map<String, String> hashes = new TreeMap<>();

  private SourceManifest(String file) {
    this.file = file;
  }

  /**
   * Reads {@code file}.
   *
   * @throws JobException if it cannot be read, or a line is none
   */
  static SourceManifest read(String file, Configuration hadoop) {
    SourceManifest manifest = new SourceManifest(file);
    Path path = new Path(file);
    FileAddresses.check("source.manifest", path, hadoop);
    int number = 0;
    try {
      FileSystem files = path.getFileSystem(hadoop);
      Path folder = files.makeQualified(path).getParent();
      try (BufferedReader lines =
          new BufferedReader(new InputStreamReader(files.open(path), StandardCharsets.UTF_8))) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          number++;
          if (line.isBlank() || line.startsWith("#")) {
            continue;
          }
          Matcher parts = LINE.matcher(line);
          if (!parts.matches()) {
            throw new JobException(
                "Line %s of source.manifest '%s' is not as sha256sum writes it: 64 hex digits, two spaces, a file name. Make it with: sha256sum *.tar > SHA256SUMS"
                    .formatted(number, file));
          }
          Path listed = files.makeQualified(new Path(folder, parts.group(2)));
          manifest.hashes.put(listed.toString(), parts.group(1).toLowerCase(Locale.ROOT));
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new JobException(
          "Cannot read source.manifest '%s'%s: %s. Correct the path or the file, or leave the setting out"
              .formatted(file, number == 0 ? "" : ", line " + number, e.getMessage()),
          e);
    }
    return manifest;
  }

  /**
   * Checks that the source has the listed files and no others.
   *
   * @param uris the files that there are
   * @throws JobException if not
   */
  void checkNames(Collection<String> uris) {
    List<String> missing = new ArrayList<>(hashes.keySet());
    missing.removeAll(uris);
    if (!missing.isEmpty()) {
      throw new JobException(
          "%s of %s files that source.manifest '%s' lists are not among the files of source.path: %s. Restore them, correct source.path, or take them out of the manifest"
              .formatted(missing.size(), hashes.size(), file, some(missing)));
    }
    List<String> unlisted = new ArrayList<>(uris);
    unlisted.removeAll(hashes.keySet());
    if (!unlisted.isEmpty()) {
      throw new JobException(
          "%s files of source.path are not in source.manifest '%s': %s. Add them to it, or leave them out of source.path"
              .formatted(unlisted.size(), file, some(unlisted)));
    }
  }

  /**
   * Checks the content of a file.
   *
   * @param sha256 of all its bytes, in hex
   * @throws JobException if the manifest lists another
   */
  void checkContent(String uri, String sha256) {
    String listed = hashes.get(uri);
    if (!sha256.equals(listed)) {
      throw new JobException(
          "Source file %s is not as source.manifest '%s' lists it (SHA-256 is %s, listed is %s). Nothing is written. Fetch the file again, or correct the manifest"
              .formatted(uri, file, sha256, listed));
    }
  }

  /** Returns the first few of {@code uris}, and how many more there are. */
  static String some(List<String> uris) {
    String first = String.join(", ", uris.subList(0, Math.min(NAMED, uris.size())));
    return uris.size() <= NAMED ? first : first + " and %s more".formatted(uris.size() - NAMED);
  }
}

package io.github.pairloom.jobs.ingest;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;

/** Resolves the image paths that rows name, none of which may leave the folder they start from. */
final class ImagePaths {
  private static final Pattern SCHEME =
      Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*:.*", Pattern.DOTALL);

  private final String base;
  private final String root;

  /**
   * @param root folder that relative paths start from, with its scheme
   */
  ImagePaths(Path root) {
    URI uri = root.toUri();
    this.base =
        uri.getScheme() + ":" + (uri.getAuthority() == null ? "" : "//" + uri.getAuthority());
    this.root = uri.getPath().endsWith("/") ? uri.getPath() : uri.getPath() + "/";
  }

  /**
   * Returns the path that stands in a row's image field: a text, or a list or object of one.
   *
   * @param image the field; null if the row has none
   * @throws BadRowException if it names no image, or several
   */
  static String pathIn(JsonNode image) {
    if (image != null && image.isTextual() && !image.textValue().isBlank()) {
      return image.textValue();
    }
    if (image != null && image.isArray() && image.size() > 1) {
      throw new BadRowException(RowDefect.SEVERAL_IMAGES, "the row has %s".formatted(image.size()));
    }
    if (image != null && image.isArray() && image.size() == 1) {
      return pathIn(image.get(0));
    }
    if (image != null && image.isObject() && image.has("path")) {
      return pathIn(image.get("path"));
    }
    throw new BadRowException(RowDefect.IMAGE_NOT_GIVEN, "the row names no image");
  }

  /**
   * Returns the file that {@code path} names, as a URI of the root's file system.
   *
   * @throws BadRowException if the path is a URL, or leaves the root
   */
  String resolve(String path) {
    String local = path;
    if (SCHEME.matcher(path).matches()) {
      if (!path.startsWith(base + "/")) {
        throw new BadRowException(
            RowDefect.IMAGE_IS_A_URL,
            "image '%s' is a URL; fetch it first, then name the file".formatted(path));
      }
      local = path.substring(base.length());
    }
    if (local.chars().anyMatch(Character::isISOControl)) {
      throw outside(path);
    }
    String absolute = normalise(local.startsWith("/") ? local : root + local, path);
    if (!absolute.startsWith(root)) {
      throw outside(path);
    }
    return base + absolute;
  }

  private String normalise(String absolute, String path) {
    Deque<String> steps = new ArrayDeque<>();
    for (String step : absolute.split("/+", -1)) {
      if (step.equals("..")) {
        if (steps.pollLast() == null) {
          throw outside(path);
        }
      } else if (!step.isEmpty() && !step.equals(".")) {
        steps.addLast(step);
      }
    }
    return "/" + String.join("/", steps);
  }

  private BadRowException outside(String path) {
    return new BadRowException(
        RowDefect.IMAGE_OUTSIDE_ROOT,
        "image '%s' does not lie below %s%s".formatted(path, base, root));
  }
}

package io.github.pairloom.jobs.export;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Supplier;

/**
 * {@code manifest.json} of an export: what it was made from, and what it holds.
 *
 * @param layout see {@link #LAYOUT}
 * @param recipe name of the recipe
 * @param formats recipe values of the formats, in the recipe's order
 * @param table the version of {@code preference_pairs} it was made from
 * @param contaminations the version of that table, whose pairs are left out
 * @param draw how rows were put into splits; null where all are for training
 * @param eye how the recipe's model takes pictures; null where no format shows noise on what it saw
 * @param read rows of {@code preference_pairs}
 * @param rows rows exported
 * @param splits the same by split
 * @param pairsOfImages how many of these rows reject an image, so that trl-jsonl lacks them
 * @param dropped rows left out, by reason
 * @param files every file but this one and the images
 * @param images the image files; null where no format has them
 */
record Manifest(
    int layout,
    String recipe,
    List<String> formats,
    TableVersion table,
    TableVersion contaminations,
    Draw draw,
    String eye,
    long read,
    long rows,
    SortedMap<String, Long> splits,
    long pairsOfImages,
    SortedMap<String, Long> dropped,
    List<DataFile> files,
    ImageFiles images) {
  static final String FILE = "manifest.json";

  /** Number of the layout of exports; raised when what is written for the same table changes. */
  static final int LAYOUT = 4;

  /**
   * A version of a Delta table.
   *
   * @param id Delta's id of the table: a table made anew in the same place has another
   * @param version number of its last commit
   */
  record TableVersion(String id, long version) {}

  /**
   * What decides which rows are for validation.
   *
   * @param validationShare share of the images that are drawn; fewer where they have copies
   * @param seed the recipe's
   * @param duplicates the version of {@code duplicates} that tells which images are copies
   */
  record Draw(double validationShare, long seed, TableVersion duplicates) {}

  /**
   * The image files: too many to list at scale, and each is named by the SHA-256 of the image, or
   * by the pair whose rejected side it is.
   *
   * @param folder from the export's root
   * @param count number of files
   * @param bytes their sizes, summed
   * @param redrawn how many are not the image's own bytes but its picture, upright and on white
   */
  record ImageFiles(String folder, long count, long bytes, long redrawn) {}

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  Manifest {
    requireNonNull(recipe, "recipe is null");
    requireNonNull(formats, "formats is null");
    requireNonNull(table, "table is null");
    requireNonNull(contaminations, "contaminations is null");
    requireNonNull(splits, "splits is null");
    requireNonNull(dropped, "dropped is null");
    requireNonNull(files, "files is null");
  }

  /**
   * Returns whether an export with these settings of this table would be the same as this one.
   *
   * @param eye gives how the recipe's model takes pictures; asked where that tells exports apart
   */
  boolean describes(
      String recipe,
      List<String> formats,
      TableVersion table,
      TableVersion contaminations,
      Draw draw,
      Supplier<String> eye) {
    return this.recipe.equals(recipe)
        && this.formats.equals(formats)
        && this.table.equals(table)
        && this.contaminations.equals(contaminations)
        && Objects.equals(this.draw, draw)
        && (this.eye == null || this.eye.equals(eye.get()));
  }

  String toJson() {
    try {
      return JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A manifest can be written as JSON", e);
    }
  }

  /** Returns the manifest in {@code json}; nothing if there is none of this layout in it. */
  static Optional<Manifest> fromJson(byte[] json) throws IOException {
    if (!isOurs(json) || JSON.readTree(json).get("layout").asInt() != LAYOUT) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.readValue(json, Manifest.class));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  /** Returns whether an export wrote {@code json}, in whatever layout. */
  static boolean isOurs(byte[] json) throws IOException {
    try {
      JsonNode manifest = JSON.readTree(json);
      return manifest.path("layout").isIntegralNumber() && manifest.path("recipe").isTextual();
    } catch (JsonProcessingException e) {
      return false;
    }
  }
}

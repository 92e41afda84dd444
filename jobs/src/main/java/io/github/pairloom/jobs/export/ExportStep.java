package io.github.pairloom.jobs.export;

import io.github.pairloom.jobs.JobException;
import io.github.pairloom.jobs.ModelRows;
import io.github.pairloom.jobs.Step;
import io.github.pairloom.jobs.StepContext;
import io.github.pairloom.jobs.StepResult;
import io.github.pairloom.jobs.Warehouse;
import io.github.pairloom.jobs.dedup.Contamination;
import io.github.pairloom.jobs.recipe.ExportFormat;
import io.github.pairloom.jobs.recipe.ExportSettings;
import io.github.pairloom.schemas.CandidatePair;
import io.github.pairloom.schemas.Table;
import io.github.pairloom.udfs.image.ImagePreprocessor;
import io.github.pairloom.udfs.strategy.RejectedImage;
import io.github.pairloom.udfs.vlm.ModelFiles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;

/**
 * Writes {@code preference_pairs} as files that trainers read, with a dataset card and a manifest:
 *
 * <pre>
 * README.md, manifest.json
 * parquet/train-00000.parquet ...   the table
 * trl/train-00000.jsonl ...         JSON lines for TRL's DPOTrainer
 * swift/train-00000.jsonl ...       JSON lines for ms-swift
 * images/ID.png ...                 the images, each once, upright and on white
 * images/rejected/PAIR_ID.png ...   images made of others for a rejected side
 * </pre>
 *
 * <p>With {@code export.validation-share} there are files {@code validation-00000} beside these,
 * with the pairs of images that are in no pair for training ({@link Split}).
 *
 * <p>The same rows stand in every format, but for pairs that reject an image: TRL has no place for
 * a second one. Where no format has them, they are dropped as {@value #PAIR_OF_IMAGES}. A pair with
 * the text {@value JsonLines#IMAGE_MARKER} is in no format, dropped as {@value #MARKER_IN_TEXT}:
 * trainers would take the text for the place of an image, and changing it would make it another
 * pair. Nor is a pair in any whose rejected image, with noise on what another model saw,
 * swift-jsonl wants and the recipe's model does not come to: {@value #NOISE_OF_ANOTHER_MODEL}. Nor
 * one that step {@code dedup} has labelled since it was kept, of an evaluation set that was named
 * later: {@value #CONTAMINATED}.
 *
 * <p>An export is made whole and then put in place of the one before; see {@link ExportFolder} for
 * what that is worth on object stores. It is made anew if the table or table {@code contaminations}
 * has had a commit since, or, where images are drawn for validation, table {@code duplicates}, or
 * if the recipe's model takes pictures otherwise and swift-jsonl shows noise on what one saw. The
 * same tables and seed give the same JSON lines, byte for byte, in the same files.
 */
public final class ExportStep implements Step {
  /** Reason code of a pair with the image marker in a text. */
  public static final String MARKER_IN_TEXT = "image-marker-in-text";

  /** Reason code of a pair whose sides differ in their images, where no format has such pairs. */
  public static final String PAIR_OF_IMAGES = "pair-of-images";

  /** Reason code of a pair of noise on what another model saw, which takes pictures otherwise. */
  public static final String NOISE_OF_ANOTHER_MODEL = "noise-of-another-model";

  /** Reason code of a pair that an evaluation set has an image, the prompt or a question of. */
  public static final String CONTAMINATED = "contaminated";

  /** Reason code of a pair whose two images were drawn for different splits. */
  public static final String IMAGES_ON_BOTH_SIDES = "images-on-both-sides";

  // At one to two kilobytes a row, files of 100 to 200 MB: few enough to list, small enough to
  // read.
  private static final int ROWS_PER_FILE = 100_000;

  private static final Column MODEL_REVISION = functions.col("provenance.model_revision");

  private final int rowsPerFile;

  /** Makes the step. */
  public ExportStep() {
    this(ROWS_PER_FILE);
  }

  ExportStep(int rowsPerFile) {
    this.rowsPerFile = rowsPerFile;
  }

  @Override
  public String name() {
    return "export";
  }

  @Override
  public StepResult run(StepContext context) {
    ExportSettings settings = context.recipe().export();
    if (settings.formats().isEmpty()) {
      return new StepResult(0, 0, Map.of(), Map.of(), 0, Map.of());
    }
    String path =
        settings.path().isEmpty()
            ? context.warehouse().root() + "/exports/" + context.recipe().name()
            : settings.path();
    Configuration hadoop = context.spark().sparkContext().hadoopConfiguration();
    try (ExportFolder folder = ExportFolder.open(hadoop, path)) {
      return export(context, folder);
    } catch (IOException e) {
      throw new JobException(
          "Cannot export to " + path + ": " + e + ". Check that the folder can be written.", e);
    }
  }

  private StepResult export(StepContext context, ExportFolder folder) throws IOException {
    Warehouse warehouse = context.warehouse();
    String recipe = context.recipe().name();
    List<ExportFormat> formats = context.recipe().export().formats();
    List<String> formatNames = formats.stream().map(ExportStep::recipeValue).toList();
    Manifest.TableVersion version = version(context, Table.PREFERENCE_PAIRS);
    Manifest.TableVersion contaminations = version(context, Table.CONTAMINATIONS);
    Manifest.Draw draw = draw(context);
    Supplier<ImagePreprocessor> eye = new ModelFiles(context.recipe().model())::preprocessor;
    Optional<Manifest> published =
        folder
            .published()
            .filter(
                m ->
                    m.describes(
                        recipe,
                        formatNames,
                        version,
                        contaminations,
                        draw,
                        () -> eye.get().toString()));
    if (published.isPresent()) {
      return new StepResult(0, 0, Map.of(), Map.of(), published.get().read(), Map.of());
    }
    folder.checkReplaceable();

    Dataset<Row> kept = warehouse.readAsOf(Table.PREFERENCE_PAIRS, version.version());
    long read = kept.count();
    Dataset<Row> pairs =
        apart(kept, warehouse.readAsOf(Table.CONTAMINATIONS, contaminations.version()));
    boolean ofImages = formats.stream().anyMatch(ExportFormat::hasPairsOfImages);
    Column text = functions.col("rejects").equalTo(CandidatePair.TEXT);
    Column marked = JsonLines.holdsMarker();
    List<Row> noisy =
        formats.contains(ExportFormat.SWIFT_JSONL) ? noiseOfEachModel(warehouse, pairs) : List.of();
    Column foreign =
        noisy.isEmpty() ? functions.lit(false) : foreignNoise(context, folder, noisy, eye.get());
    Column taken = functions.not(marked.or(foreign)).and(ofImages ? functions.lit(true) : text);
    Row counts =
        pairs
            .agg(
                functions.count(functions.lit(1)),
                functions.count_if(taken),
                functions.count_if(taken.and(text)),
                functions.count_if(marked.and(ofImages ? functions.lit(true) : text)),
                functions.count_if(foreign.and(functions.not(marked))))
            .first();
    long uncontaminated = counts.getLong(0);
    long chosenRows = counts.getLong(1);
    long texts = counts.getLong(2);
    checkSomethingToExport(warehouse, read, chosenRows);
    SortedMap<String, Long> dropped = new TreeMap<>();
    drop(dropped, CONTAMINATED, read - uncontaminated);
    drop(dropped, MARKER_IN_TEXT, counts.getLong(3));
    drop(dropped, NOISE_OF_ANOTHER_MODEL, counts.getLong(4));
    drop(
        dropped,
        PAIR_OF_IMAGES,
        uncontaminated - chosenRows - counts.getLong(3) - counts.getLong(4));

    Dataset<Row> chosen = pairs.where(taken);
    List<Split> splits =
        draw == null
            ? Split.none(chosen, chosenRows, rowsPerFile)
            : Split.drawn(
                chosen,
                warehouse.readAsOf(Table.DUPLICATES, draw.duplicates().version()),
                draw,
                rowsPerFile);
    long rows = splits.stream().mapToLong(Split::rows).sum();
    drop(dropped, IMAGES_ON_BOTH_SIDES, chosenRows - rows);
    Dataset<Row> exported = splits.stream().map(Split::pairs).reduce(Dataset::union).orElseThrow();
    List<Split> ofTexts = texts == rows ? splits : splits.stream().map(Split::ofTexts).toList();
    checkNoneIsEmpty(splits, draw);
    if (formats.contains(ExportFormat.TRL_JSONL)) {
      checkTexts(texts);
      checkNoneIsEmpty(ofTexts, draw);
    }
    SortedMap<String, Long> rowsOfSplits = new TreeMap<>();
    splits.forEach(split -> rowsOfSplits.put(split.name(), split.rows()));
    try (ExportWriter writer =
        new ExportWriter(context.spark(), folder.staged(), exported, splits)) {
      Manifest.ImageFiles images = null;
      if (formats.stream().anyMatch(format -> format != ExportFormat.PARQUET)) {
        images =
            writer.writeImages(
                formats.contains(ExportFormat.SWIFT_JSONL) ? exported : exported.where(text),
                warehouse,
                eye);
      }
      for (ExportFormat format : formats) {
        switch (format) {
          case PARQUET -> writer.writeParquet();
          case TRL_JSONL -> writer.writeLines(JsonLines.TRL, ofTexts);
          case SWIFT_JSONL -> writer.writeLines(JsonLines.SWIFT, splits);
        }
      }
      List<DataFile> data = writer.digests();
      DatasetCard card =
          new DatasetCard(
              recipe,
              formats,
              rowsOfSplits,
              writer.countImages(),
              images == null ? 0 : images.redrawn(),
              dropped,
              rows - texts,
              writer.origins(),
              data);
      List<DataFile> files = new ArrayList<>(data);
      files.add(writer.write(DatasetCard.FILE, card.toMarkdown()));
      Manifest manifest =
          new Manifest(
              Manifest.LAYOUT,
              recipe,
              formatNames,
              version,
              contaminations,
              draw,
              noisy.isEmpty() ? null : eye.get().toString(),
              read,
              rows,
              rowsOfSplits,
              rows - texts,
              dropped,
              files,
              images);
      writer.write(Manifest.FILE, manifest.toJson());
      folder.publish();
      return new StepResult(read, rows, dropped, Map.of(), 0, metrics(manifest));
    }
  }

  /**
   * Returns the pairs that no evaluation set has an image, the prompt or an earlier question of.
   * They were kept for good before the set was named.
   */
  private static Dataset<Row> apart(Dataset<Row> pairs, Dataset<Row> contaminations) {
    if (contaminations.isEmpty()) {
      return pairs;
    }
    return pairs.join(
        Contamination.contaminated(pairs, contaminations).distinct(),
        functions.col("pair_id").equalTo(functions.col("id")),
        "left_anti");
  }

  /** Returns a pair with noise on what a model saw, and its image, for each such model. */
  private static List<Row> noiseOfEachModel(Warehouse warehouse, Dataset<Row> pairs) {
    Dataset<Row> ofEach =
        pairs
            .where(hasNoise())
            .groupBy(MODEL_REVISION)
            .agg(functions.min("pair_id").as("of_each"))
            .select("of_each");
    return ModelRows.withImages(
            warehouse,
            pairs
                .join(ofEach, functions.col("pair_id").equalTo(functions.col("of_each")))
                .select("pair_id", "image_id", "provenance"))
        .collectAsList();
  }

  private static Column hasNoise() {
    return functions
        .col("rejects")
        .equalTo(CandidatePair.IMAGE)
        .and(functions.col("provenance.transform.name").equalTo(RejectedImage.NOISE));
  }

  /**
   * Returns which pairs have noise on what a model saw that takes pictures otherwise than {@code
   * eye}. How it does is the same for all pairs of a model, so one of each is tried.
   */
  private static Column foreignNoise(
      StepContext context, ExportFolder folder, List<Row> ofEach, ImagePreprocessor eye) {
    RejectedImageWriter writer =
        new RejectedImageWriter(context.imageBytes(), eye, folder.staged());
    Object[] foreign =
        ofEach.stream()
            .filter(row -> !writer.canMake(row))
            .map(row -> row.<Row>getAs("provenance").getAs("model_revision"))
            .toArray();
    return hasNoise().and(MODEL_REVISION.isin(foreign));
  }

  private static Manifest.TableVersion version(StepContext context, Table table) {
    Warehouse warehouse = context.warehouse();
    return new Manifest.TableVersion(warehouse.id(table), warehouse.version(table));
  }

  /** Returns what decides which rows are for validation; null where none are. */
  private static Manifest.Draw draw(StepContext context) {
    double share = context.recipe().export().validationShare();
    return share == 0
        ? null
        : new Manifest.Draw(share, context.recipe().seed(), version(context, Table.DUPLICATES));
  }

  private static void drop(Map<String, Long> dropped, String reason, long rows) {
    if (rows > 0) {
      dropped.put(reason, rows);
    }
  }

  private static void checkTexts(long texts) {
    if (texts == 0) {
      throw new JobException(
          "Cannot export for TRL: every pair rejects an image, and TRL has no place for a second"
              + " one. Take trl-jsonl out of export.formats, or add a strategy that rejects texts.");
    }
  }

  /** Fails if a split has no rows: readers of it would fail later, and say less. */
  private static void checkNoneIsEmpty(List<Split> splits, Manifest.Draw draw) {
    long rows = splits.stream().mapToLong(Split::rows).sum();
    for (Split split : splits) {
      if (split.rows() == 0) {
        throw new JobException(
            ("Cannot split %d pairs: with export.validation-share %s and seed %d the %s side gets"
                    + " none. Images are drawn, each with its copies and all of its pairs; take"
                    + " more images, or set another share (0: all pairs are for training).")
                .formatted(rows, draw.validationShare(), draw.seed(), split.name()));
      }
    }
  }

  private static void checkSomethingToExport(Warehouse warehouse, long read, long rows) {
    if (read == 0) {
      throw new JobException(
          "Cannot export pairs: table preference_pairs in "
              + warehouse.root()
              + " has no rows. Run the select step first, on the same warehouse.");
    }
    if (rows == 0) {
      throw new JobException(
          ("Cannot export pairs: all %d rows of table preference_pairs in %s are in an evaluation"
                  + " set (dedup.evaluations), or reject an image, which no format of export.formats has, or one with noise on what another model saw,"
                  + " or hold the text %s, which trainers take for the place of an image. Add the"
                  + " format swift-jsonl or a strategy that rejects texts, or take the marker out of"
                  + " the source's texts and ingest them under a new source name.")
              .formatted(read, warehouse.root(), JsonLines.IMAGE_MARKER));
    }
  }

  private static Map<String, Double> metrics(Manifest manifest) {
    Map<String, Double> metrics = new TreeMap<>();
    metrics.put("files", (double) manifest.files().size());
    if (manifest.draw() != null) {
      manifest.splits().forEach((split, rows) -> metrics.put(split + "-rows", (double) rows));
    }
    metrics.put("data-bytes", (double) manifest.files().stream().mapToLong(DataFile::bytes).sum());
    if (manifest.images() != null) {
      metrics.put("images", (double) manifest.images().count());
      metrics.put("image-bytes", (double) manifest.images().bytes());
    }
    return metrics;
  }

  private static String recipeValue(ExportFormat format) {
    return format.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}

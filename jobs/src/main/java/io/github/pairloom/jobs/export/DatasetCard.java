package io.github.pairloom.jobs.export;

import io.github.pairloom.jobs.recipe.ExportFormat;
import io.github.pairloom.schemas.ContentId;
import io.github.pairloom.schemas.Response;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * {@code README.md} of an export: a Hugging Face dataset card. Its header tells {@code
 * load_dataset} which files to read and what their columns are; the same table gives the same card.
 *
 * @param recipe name of the recipe
 * @param formats what was written
 * @param splits rows exported, by split
 * @param images distinct images among them
 * @param redrawn how many of these are written upright or on white
 * @param dropped rows left out, by reason
 * @param pairsOfImages how many of the rows exported reject an image
 * @param origins where the pairs come from
 * @param data the Parquet and JSON lines files
 */
record DatasetCard(
    String recipe,
    List<ExportFormat> formats,
    SortedMap<String, Long> splits,
    long images,
    long redrawn,
    SortedMap<String, Long> dropped,
    long pairsOfImages,
    List<Origin> origins,
    List<DataFile> data) {
  static final String FILE = "README.md";

  /**
   * Pairs made in one way.
   *
   * @param parameters every parameter of the strategy, as JSON
   */
  record Origin(
      String strategy,
      String parameters,
      String modelId,
      String modelRevision,
      String recipeId,
      long seed,
      long rows,
      double meanSimilarity) {}

  String toMarkdown() {
    return header() + intro() + sides() + files() + loading() + making() + LICENCE;
  }

  private long rows() {
    return splits.values().stream().mapToLong(Long::longValue).sum();
  }

  private boolean hasValidation() {
    return splits.containsKey(Split.VALIDATION);
  }

  private boolean hasTrl() {
    return formats.contains(ExportFormat.TRL_JSONL);
  }

  private boolean hasSwift() {
    return formats.contains(ExportFormat.SWIFT_JSONL);
  }

  /**
   * Returns a digest of all rows. {@code load_dataset} caches a local folder by its name and this
   * header, not by its files: without the digest it would go on giving the rows of an older export,
   * or of another one of the same name.
   */
  private String rowsSha256() {
    ContentId id = new ContentId();
    data.forEach(file -> id.add(file.path()).add(file.sha256()));
    return id.toHex();
  }

  private String header() {
    StringBuilder configs = new StringBuilder();
    StringBuilder columns = new StringBuilder();
    for (JsonLines lines : lines()) {
      // One of them is what load_dataset takes if it is not told which.
      String name = lines == lines().get(0) ? "default" : lines.folder();
      configs.append(
          "- config_name: %s\n  description: rows sha256 %s\n  data_files:\n"
              .formatted(name, rowsSha256()));
      for (String split : splits.keySet()) {
        configs.append(
            "  - split: %1$s\n    path: %2$s/%1$s-*.jsonl\n".formatted(split, lines.folder()));
      }
      columns
          .append("- config_name: %s\n  features:\n".formatted(name))
          .append(lines.features().indent(2));
    }
    return """
        ---
        pretty_name: %s
        task_categories:
        - image-text-to-text
        tags:
        - preference
        - dpo
        - pairloom
        %s---
        """
        .formatted(
            recipe, lines().isEmpty() ? "" : "configs:\n" + configs + "dataset_info:\n" + columns);
  }

  /** Returns the formats that {@code load_dataset} reads. */
  private List<JsonLines> lines() {
    return formats.stream()
        .flatMap(
            format ->
                switch (format) {
                  case PARQUET -> Stream.empty();
                  case TRL_JSONL -> Stream.of(JsonLines.TRL);
                  case SWIFT_JSONL -> Stream.of(JsonLines.SWIFT);
                })
        .sorted()
        .toList();
  }

  private String intro() {
    return """

        # %s

        Preference pairs made by Pairloom: %d, over %d distinct images. Each row has an image, a
        prompt, a better response (`chosen`) and a worse one (`rejected`). It is meant for
        training vision-language models to prefer what the image shows over what is merely likely.
        %s%s%s%s%s%s"""
        .formatted(
            recipe,
            rows(),
            images,
            pairsOfImages == 0
                ? ""
                : """

                In %d of them both sides are one text, and what is worse is the image.
                """
                    .formatted(pairsOfImages),
            leftOut(
                ExportStep.MARKER_IN_TEXT,
                "because one of their texts holds `%s`, which trainers take for the\nplace of an image."
                    .formatted(JsonLines.IMAGE_MARKER)),
            leftOut(
                ExportStep.CONTAMINATED,
                "because an image, the prompt or an earlier question of theirs is in an\nevaluation"
                    + " set."),
            leftOut(
                ExportStep.PAIR_OF_IMAGES,
                "because both sides are one text, and no format here has a place for the\nsecond"
                    + " image."),
            leftOut(
                ExportStep.NOISE_OF_ANOTHER_MODEL,
                "because their second image has noise on what another model saw, which cannot be\nmade"
                    + " again as this recipe's model takes pictures."),
            leftOut(
                ExportStep.IMAGES_ON_BOTH_SIDES,
                "because one of their two images is for validation and the other is not."));
  }

  private String leftOut(String reason, String why) {
    return dropped.containsKey(reason)
        ? "\nLeft out: %d, %s\n".formatted(dropped.get(reason), why)
        : "";
  }

  private String sides() {
    return hasValidation()
        ? """

        ## Splits

        | split | pairs |
        |---|---|
        %s
        Images were drawn for validation, each with all of its pairs. No image of one side is on
        the other, nor a copy of it: of images whose pixels are equal, or whose perceptual hashes
        are as near as the recipe says, all had to be drawn.
        """
            .formatted(
                splits.entrySet().stream()
                    .map(split -> "| %s | %d |\n".formatted(split.getKey(), split.getValue()))
                    .collect(Collectors.joining()))
        : "";
  }

  private String files() {
    String parquet =
        """
        - `parquet/train-*.parquet`: the table `preference_pairs`, with the spans in which both
          responses differ and, in `provenance`, how each row was made. It has no image bytes;
          `image_id` is the SHA-256 of the image file. Read it with pandas, pyarrow, DuckDB or
          Spark; `load_dataset` has no type for its map columns.
        """;
    String trl =
        """
        - `trl/train-*.jsonl`: one JSON object per line, as TRL's DPOTrainer reads them.%s
        """
            .formatted(
                pairsOfImages == 0
                    ? ""
                    : "\n  Without the %d pairs of images: TRL has no place for a second one."
                        .formatted(pairsOfImages));
    String swift =
        """
        - `swift/train-*.jsonl`: one JSON object per line, as ms-swift reads preference data; each
          side has its messages and its images.
        """;
    String images =
        """
        - `images/`: the image files, named by the SHA-256 of the source's.%s
        """
            .formatted(
                redrawn == 0
                    ? ""
                    : "\n  %d of them are not the source's bytes: they were to be turned or transparent, and are\n  written as the model saw them, upright and on white (PNG)."
                        .formatted(redrawn));
    String made =
        """
        - `images/rejected/`: the images of rejected sides that were made of others, named by
          `pair_id`. Noise lies on what the model saw, so these have its size, cut off at black and
          white.
        """;
    String validation = "- `validation-*` beside them: the same of the pairs for validation.\n";
    return "\n## Files\n\n"
        + (formats.contains(ExportFormat.PARQUET) ? parquet : "")
        + (hasTrl() ? trl : "")
        + (hasSwift() ? swift : "")
        + (lines().isEmpty() ? "" : images)
        + (hasSwift() && pairsOfImages > 0 ? made : "")
        + (hasValidation() ? validation : "")
        + "- `manifest.json`: every file with its size and SHA-256, and the table version it is"
        + " from.\n\nRows are ordered by `pair_id`.\n";
  }

  private String loading() {
    return lines().isEmpty()
        ? ""
        : "\n## Loading\n" + (hasTrl() ? LOADING_TRL : "") + (hasSwift() ? loadingSwift() : "");
  }

  private String loadingSwift() {
    return """

        For ms-swift, say where the paths start, and leave it to the shell to name all files:

        ```
        ROOT_IMAGE_DIR=/path/to/this/export swift rlhf --rlhf_type dpo \\
          --dataset /path/to/this/export/swift/train-*.jsonl%s ...
        ```
        """
        .formatted(
            hasValidation()
                ? " \\\n  --val_dataset /path/to/this/export/swift/validation-*.jsonl"
                : "");
  }

  private String making() {
    return """

        ## How it was made

        The chosen side is the response that the source gives or that the model wrote with full
        sight of the image. The rejected side was made by these strategies:

        | strategy | pairs | mean similarity | model | model revision | seed | recipe id |
        |---|---|---|---|---|---|---|
        """
        + origins.stream().map(DatasetCard::tableRow).collect(Collectors.joining())
        + """

        `bdhs-attention` and `bdhs-noise` are Bias-Driven Hallucination Sampling (arXiv
        2407.02477): the model writes again while it cannot see the image, or sees noise. The
        similarity is the cosine of the sentence embeddings of both responses or, where the
        parameter `similarity-scope` is `sentence`, of their most different sentences. Parameters:

        """
        + origins.stream()
            .map(o -> "- `%s`: `%s`\n".formatted(o.strategy(), o.parameters()))
            .distinct()
            .collect(Collectors.joining());
  }

  private static String tableRow(Origin o) {
    return String.format(
        Locale.ROOT,
        "| %s | %d | %.3f | %s | %s | %d | %s |\n",
        o.strategy(),
        o.rows(),
        o.meanSimilarity(),
        o.modelId().replace("|", "\\|"),
        // The source's own text was made by no model.
        o.modelId().equals(Response.SOURCE) ? "-" : o.modelRevision(),
        o.seed(),
        o.recipeId());
  }

  private static final String LOADING_TRL =
      """

      Paths in `images` start from this folder, so the export can be moved and copied, but
      `datasets` starts them from the folder that Python runs in. Either go there (and name the
      export by its whole path, `..` is not understood):

      ```python
      import os
      from datasets import load_dataset

      export = "/path/to/this/export"
      os.chdir(export)
      pairs = load_dataset(export, split="train")
      ```

      or, from anywhere, put the folder before them:

      ```python
      import os
      from datasets import Image, load_dataset

      export = "/path/to/this/export"
      pairs = load_dataset("json", data_files=f"{export}/trl/train-*.jsonl", split="train")
      pairs = pairs.map(lambda row: {"images": [os.path.join(export, p) for p in row["images"]]})
      pairs = pairs.cast_column("images", [Image()])
      ```

      Then train with `DPOTrainer` and `DPOConfig(max_length=None)`: cutting a sequence would cut
      image tokens.
      """;

  private static final String LICENCE =
      """

      ## Licence

      Pairloom claims no rights in these rows. Images, prompts and responses of the source stay
      under the source's licence; what the model wrote is subject to the model's licence. Check
      both before you share this folder. Rejected responses are wrong on purpose: do not train on
      them as answers.
      """;
}

package io.github.pairloom.jobs.recipe;

import static io.github.pairloom.schemas.Check.check;

import io.github.pairloom.udfs.Setting;
import java.util.List;
import java.util.Set;

/**
 * What is written for trainers.
 *
 * @param formats file formats, each once; none writes nothing
 * @param path folder to write to; empty: {@code exports/NAME} in the warehouse
 * @param validationShare share of the images that are drawn for validation, at least 0 and below 1;
 *     copies of each other are for it where all of them are drawn
 */
public record ExportSettings(
    @Setting(
            value =
                "parquet: the preference_pairs table as plain Parquet; trl-jsonl: JSON lines for"
                    + " TRL's DPOTrainer with image paths, without pairs of images; swift-jsonl:"
                    + " JSON lines for ms-swift with the images of both sides",
            defaults = "[parquet, trl-jsonl]")
        List<ExportFormat> formats,
    @Setting(
            value = "Folder to write to; empty: exports/ and the recipe's name in the warehouse",
            defaults = "")
        String path,
    @Setting(
            value =
                "Share of the images whose pairs are for validation, at least 0 and below 1; images"
                    + " that step dedup calls copies of each other are for it where all of them are"
                    + " drawn",
            defaults = "0")
        double validationShare) {
  public ExportSettings {
    formats = List.copyOf(formats);
    check(
        Set.copyOf(formats).size() == formats.size(),
        "Invalid formats: %s (one of them stands twice)",
        formats);
    check(
        validationShare >= 0 && validationShare < 1,
        "Invalid validation-share: %s (must be at least 0 and below 1)",
        validationShare);
  }
}

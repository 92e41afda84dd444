package io.github.pairloom.jobs.recipe;

import io.github.pairloom.udfs.Setting;
import java.util.List;

/**
 * What is written for trainers.
 *
 * @param formats file formats; none writes nothing
 * @param path folder to write to; empty: {@code exports/NAME} in the warehouse
 */
public record ExportSettings(
    @Setting(
            value =
                "parquet: the preference_pairs table as plain Parquet; trl-jsonl: JSON lines for"
                    + " TRL's DPOTrainer with image paths",
            defaults = "[parquet, trl-jsonl]")
        List<ExportFormat> formats,
    @Setting(
            value = "Folder to write to; empty: exports/ and the recipe's name in the warehouse",
            defaults = "")
        String path) {
  public ExportSettings {
    formats = List.copyOf(formats);
  }
}

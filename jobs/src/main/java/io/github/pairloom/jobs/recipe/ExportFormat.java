package io.github.pairloom.jobs.recipe;

/** File format of an export. */
public enum ExportFormat {
  /** The preference_pairs table as plain Parquet. */
  PARQUET,
  /** JSON lines for TRL's DPOTrainer, which has no place for pairs of images. */
  TRL_JSONL,
  /** JSON lines for ms-swift. */
  SWIFT_JSONL;

  /** Returns whether it has pairs whose sides differ in their images, too. */
  public boolean hasPairsOfImages() {
    return this != TRL_JSONL;
  }
}

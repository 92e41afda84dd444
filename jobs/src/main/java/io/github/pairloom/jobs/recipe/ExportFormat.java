package io.github.pairloom.jobs.recipe;

/** File format of an export. */
public enum ExportFormat {
  /** The preference_pairs table as plain Parquet. */
  PARQUET,
  /** JSON lines for TRL's DPOTrainer. */
  TRL_JSONL
}

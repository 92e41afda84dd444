package io.github.pairloom.jobs.recipe;

/** Layout of source files. */
public enum SourceFormat {
  /** LLaVA-Instruct JSON array or JSON lines, images in files. */
  LLAVA,
  /** Hugging Face Parquet, images in a column. */
  PARQUET,
  /** WebDataset tar shards. */
  WEBDATASET
}

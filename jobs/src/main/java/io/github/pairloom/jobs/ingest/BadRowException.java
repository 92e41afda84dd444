package io.github.pairloom.jobs.ingest;

/** A source row cannot become a sample. */
final class BadRowException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final RowDefect defect;

  BadRowException(RowDefect defect, String message) {
    super(message);
    this.defect = defect;
  }

  RowDefect defect() {
    return defect;
  }
}

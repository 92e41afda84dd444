-- One row per run of a step: what it read and what became of it.
CREATE TABLE IF NOT EXISTS {table} (
  run_id STRING NOT NULL COMMENT 'Random UUID of the run; steps of one command share it',
  step STRING NOT NULL COMMENT 'ingest, reference, reject, score, dedup, select or export',
  recipe_name STRING NOT NULL COMMENT 'The recipe\'s name',
  recipe_id STRING NOT NULL COMMENT 'SHA-256 of the recipe with all defaults filled in',
  started_at TIMESTAMP NOT NULL COMMENT 'Start of the step',
  finished_at TIMESTAMP NOT NULL COMMENT 'End of the step',
  read BIGINT NOT NULL COMMENT 'Rows of new input',
  written BIGINT NOT NULL COMMENT 'Rows that came out usable',
  dropped MAP<STRING, BIGINT> NOT NULL COMMENT 'Rows dropped, by reason',
  quarantined MAP<STRING, BIGINT> NOT NULL COMMENT 'Rows put into quarantine, by reason',
  already_done BIGINT NOT NULL COMMENT 'Rows of input that an earlier run had done; not part of read',
  metrics MAP<STRING, DOUBLE> NOT NULL COMMENT 'Figures of the step, unit in the name'
) USING delta
COMMENT 'Reconciliation of every run of every step: read = written + dropped + quarantined'
TBLPROPERTIES (
  'delta.constraints.recipe_id_is_sha256' = 'recipe_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.ends_after_its_start' = 'finished_at >= started_at',
  'delta.constraints.reconciles' = 'read = written + aggregate(map_values(dropped), 0L, (sum, n) -> sum + n) + aggregate(map_values(quarantined), 0L, (sum, n) -> sum + n)',
  'delta.constraints.counts_are_not_negative' = 'read >= 0 AND written >= 0 AND already_done >= 0'
)

-- One row per source file that has been ingested in full; the commit mark of ingest.
CREATE TABLE IF NOT EXISTS {table} (
  shard_id STRING NOT NULL COMMENT 'SHA-256 over ingest_id, uri and content_sha256, 64 hex digits; the key',
  ingest_id STRING NOT NULL COMMENT 'SHA-256 of the source settings that decide what a row becomes',
  uri STRING NOT NULL COMMENT 'The source file',
  content_sha256 STRING NOT NULL COMMENT 'SHA-256 of the file\'s bytes when it was read, 64 hex digits',
  bytes BIGINT NOT NULL COMMENT 'Size of the file in bytes',
  read BIGINT NOT NULL COMMENT 'Candidate samples found in the file (an assistant turn each, or a row that could not be read)',
  written BIGINT NOT NULL COMMENT 'Samples written for it',
  dropped BIGINT NOT NULL COMMENT 'Candidates dropped as redundant',
  quarantined BIGINT NOT NULL COMMENT 'Candidates put into quarantine'
) USING delta
COMMENT 'Source files ingested, with their reconciliation'
TBLPROPERTIES (
  'delta.constraints.shard_id_is_sha256' = 'shard_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.reconciles' = 'read = written + dropped + quarantined',
  'delta.constraints.counts_are_not_negative' = 'bytes >= 0 AND written >= 0 AND dropped >= 0 AND quarantined >= 0'
)

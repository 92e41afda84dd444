-- Rows of a source that did not become samples, each with the reason. Nothing disappears.
CREATE TABLE IF NOT EXISTS {table} (
  quarantine_id STRING NOT NULL COMMENT 'SHA-256 over source, source_row and reason, 64 hex digits; the key',
  source STRING NOT NULL COMMENT 'Name of the source (recipe key source.name)',
  source_row STRING NOT NULL COMMENT 'Where the row came from: shard file, # and row number from 0, / and number of the assistant turn where one turn is meant',
  disposition STRING NOT NULL COMMENT 'quarantined: the row is bad; dropped: the row is good but redundant',
  reason STRING NOT NULL COMMENT 'Stable reason code, such as image-truncated or broken-json',
  detail STRING NOT NULL COMMENT 'What was found, cut to 500 characters, control characters escaped',
  payload STRING COMMENT 'Start of the row as it was read, of a dropped one its further fields; cut to 2000 characters, control characters escaped; NULL where nothing could be read'
) USING delta
COMMENT 'Rows left out at ingest, with their reasons'
TBLPROPERTIES (
  'delta.constraints.quarantine_id_is_sha256' = 'quarantine_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.disposition_is_known' = 'disposition IN ("quarantined", "dropped")',
  'delta.constraints.reason_is_a_code' = 'reason RLIKE "^[a-z0-9]+(-[a-z0-9]+)*$"'
)

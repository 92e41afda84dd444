-- The selection's verdict on every candidate pair, the kept and the dropped.
CREATE TABLE IF NOT EXISTS {table} (
  pair_id STRING NOT NULL COMMENT 'Key into pairs; one row each',
  drop_reason STRING COMMENT 'Why the pair was left out: its own drop_reason, or one of the selection such as duplicate-pair; NULL where it was kept',
  duplicate_of STRING COMMENT 'pair_id of the pair that was kept in its place; NULL where it is no duplicate'
) USING delta
COMMENT 'Verdicts of the select step'
TBLPROPERTIES (
  'delta.constraints.pair_id_is_sha256' = 'pair_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.duplicates_are_dropped' = 'duplicate_of IS NULL OR drop_reason = "duplicate-pair"'
)

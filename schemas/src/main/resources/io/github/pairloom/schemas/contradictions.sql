-- Pairs that judge a text one way which another pair judges the other way round.
CREATE TABLE IF NOT EXISTS {table} (
  pair_id STRING NOT NULL COMMENT 'Key into pairs; one row each',
  kind STRING NOT NULL COMMENT 'reversed: another pair has the same two texts the other way round; mixed: a text that is chosen here is rejected elsewhere, or the reverse, as it may be in a ranking of three; near-reversed, near-mixed: the same of texts that mean the same (recipe key dedup.semantic)',
  other_id STRING NOT NULL COMMENT 'Smallest pair_id of those that it contradicts in this way'
) USING delta
COMMENT 'Labels of the dedup step as of its last run, of pairs that no scoring model refuses: the same text chosen and rejected under the same image, context, prompt and condition'
TBLPROPERTIES (
  'delta.constraints.ids_are_sha256' = 'pair_id RLIKE "^[0-9a-f]{64}$" AND other_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.kind_is_known' = 'kind IN ("reversed", "mixed", "near-reversed", "near-mixed")',
  'delta.constraints.contradicts_another' = 'other_id <> pair_id'
)

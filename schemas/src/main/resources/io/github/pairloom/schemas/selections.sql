-- The selection's verdict on every candidate pair, the kept and the dropped.
CREATE TABLE IF NOT EXISTS {table} (
  pair_id STRING NOT NULL COMMENT 'Key into pairs; one row each',
  drop_reason STRING COMMENT 'Why the pair was left out: its own drop_reason, or one of the selection such as duplicate-pair; NULL where it was kept',
  duplicate_of STRING COMMENT 'pair_id of the pair that was kept in its place; NULL where it is no duplicate',
  diversity DOUBLE COMMENT 'How far from any one domain the pair is: entropy of the domain probe over its prompt and chosen response, 0 (sure of one domain) to 1 (all equally likely); NULL where the recipe asks for none (select.diversity), or the pair had a reason before',
  spread DOUBLE COMMENT 'Score of the last k-center cut that the pair reached: distance between the embeddings of prompt and chosen response to the nearest pair that goes before it, 0 to 2; NULL where it reached none'
) USING delta
COMMENT 'Verdicts of the select step'
TBLPROPERTIES (
  'delta.constraints.pair_id_is_sha256' = 'pair_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.duplicates_are_dropped' = 'duplicate_of IS NULL OR drop_reason = "duplicate-pair"',
  'delta.constraints.diversity_is_a_share' = 'diversity IS NULL OR (diversity >= 0 AND diversity <= 1)',
  'delta.constraints.spread_is_a_distance' = 'spread IS NULL OR (spread >= 0 AND spread <= 2)'
)

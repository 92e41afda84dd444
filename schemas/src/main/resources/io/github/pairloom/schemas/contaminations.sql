-- What the evaluation sets that the recipe names have in common with the warehouse.
CREATE TABLE IF NOT EXISTS {table} (
  kind STRING NOT NULL COMMENT 'What id names: image (it looks like an image of the set) or pair (its prompt, or an earlier question of its conversation, stands in the set)',
  id STRING NOT NULL COMMENT 'Key into images or pairs',
  evaluation STRING NOT NULL COMMENT 'Name of the evaluation set (recipe key dedup.evaluations.name)'
) USING delta
COMMENT 'Images and prompts of evaluation sets, as of the last run of the dedup step'
TBLPROPERTIES (
  'delta.constraints.kind_is_known' = 'kind IN ("image", "pair")',
  'delta.constraints.id_is_sha256' = 'id RLIKE "^[0-9a-f]{64}$"'
)

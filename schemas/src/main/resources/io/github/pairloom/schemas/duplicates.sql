-- One row per image or pair that has duplicates: who they are, and which of them is kept.
CREATE TABLE IF NOT EXISTS {table} (
  kind STRING NOT NULL COMMENT 'What id names: image or pair',
  id STRING NOT NULL COMMENT 'Key into images or pairs; one row each',
  cluster_id STRING NOT NULL COMMENT 'Smallest id of those that are connected as duplicates of each other',
  duplicate_of STRING COMMENT 'id that is kept in place of this one; NULL: this one is kept',
  similarity DOUBLE NOT NULL COMMENT 'Largest similarity to another one of the cluster, 0 to 1: of pairs the Jaccard similarity of n-grams or the least cosine of the texts\' embeddings, of images the share of equal bits of the perceptual hash; 1 where contents are equal'
) USING delta
PARTITIONED BY (kind)
COMMENT 'Labels of the dedup step as of its last run; nothing is deleted'
TBLPROPERTIES (
  'delta.constraints.kind_is_known' = 'kind IN ("image", "pair")',
-- Tables pairs and images hold their ids to a pattern; here all would be held to it again in every run.
  'delta.constraints.ids_are_sha256' = 'length(id) = 64 AND length(cluster_id) = 64 AND (duplicate_of IS NULL OR length(duplicate_of) = 64)',
  'delta.constraints.is_no_duplicate_of_itself' = 'duplicate_of IS NULL OR duplicate_of <> id',
  'delta.constraints.similarity_is_a_share' = 'similarity >= 0 AND similarity <= 1'
)

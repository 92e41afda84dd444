-- One row per pair that the dedup step has compared: what finds its duplicates without its texts.
CREATE TABLE IF NOT EXISTS {table} (
  pair_id STRING NOT NULL COMMENT 'Key into pairs; one row each',
  settings_id STRING NOT NULL COMMENT 'SHA-256 of what the signature and the labels follow from: the recipe\'s settings dedup.images, dedup.text and dedup.semantic, Delta\'s ids of tables pairs and duplicates, and the sentence embedding model if dedup.semantic is on',
  pairs_version BIGINT NOT NULL COMMENT 'Version of table pairs that the run that signed this read: usable pairs that were added up to it are signed',
  image_id STRING COMMENT 'Key into images, as in pairs',
  scope BIGINT NOT NULL COMMENT 'Hash of the columns, image_id aside, in which duplicates are equal (recipe key dedup.text.within)',
  domain BIGINT NOT NULL COMMENT 'scope, and the image that was kept of image_id and its copies if images are among the columns: duplicates are equal in it',
  chosen_key BIGINT COMMENT 'Hash of context, prompt, condition and chosen text, white space aside; NULL if the pair rejects an image',
  rejected_key BIGINT COMMENT 'The same of the rejected text',
  signature BINARY NOT NULL COMMENT 'Little-endian longs: two of the content\'s hash, two of the sketch, then the key of each band\'s bucket'
) USING delta
COMMENT 'MinHash signatures of the pairs that were compared'
TBLPROPERTIES (
-- Table pairs holds its ids to a pattern.
  'delta.constraints.ids_are_sha256' = 'length(pair_id) = 64 AND length(settings_id) = 64',
  'delta.constraints.signature_is_longs' = 'length(signature) >= 40 AND length(signature) % 8 = 0',
  'delta.dataSkippingNumIndexedCols' = '1'
)

-- What images are to the vision tower of a model, and texts to a sentence embedding model. Strategies that
-- retrieve images want the first, steps that compare meanings the second.
CREATE TABLE IF NOT EXISTS {table} (
  embedding_id STRING NOT NULL COMMENT 'SHA-256 over content, model and variant of its graphs, 64 hex digits; the key',
  kind STRING NOT NULL COMMENT 'What is embedded: image or text',
  content_id STRING NOT NULL COMMENT 'Of an image its key into images, of a text the SHA-256 of its UTF-8 bytes',
  model_id STRING NOT NULL COMMENT 'Model as the recipe names it',
  model_revision STRING NOT NULL COMMENT 'SHA-256 over the model\'s files',
  embedding ARRAY<FLOAT> COMMENT 'Mean of the image\'s tokens as the language model gets them, or of the text\'s token states, scaled to length 1; NULL where there is none',
  drop_reason STRING COMMENT 'Why there is no embedding: a reason code; NULL where there is one',
  drop_detail STRING COMMENT 'What was found, where drop_reason alone does not say; cut to 500 characters, control characters escaped'
) USING delta
COMMENT 'Embeddings of images by the model\'s own vision tower, and of texts'
TBLPROPERTIES (
  'delta.constraints.kind_is_known' = 'kind IN ("image", "text")',
  'delta.constraints.ids_are_sha256' = 'embedding_id RLIKE "^[0-9a-f]{64}$" AND content_id RLIKE "^[0-9a-f]{64}$" AND model_revision RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.embedded_or_dropped' = '(embedding IS NULL) = (drop_reason IS NOT NULL)'
)

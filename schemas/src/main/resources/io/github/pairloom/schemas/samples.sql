-- One row per assistant turn of a source conversation, or per prompt that has no answer yet.
CREATE TABLE IF NOT EXISTS {table} (
  sample_id STRING NOT NULL COMMENT 'SHA-256 over image, context, prompt, condition and response, 64 hex digits; the key',
  image_id STRING NOT NULL COMMENT 'Key into images',
  context ARRAY<STRUCT<role: STRING, content: STRING>> NOT NULL COMMENT 'Turns before the prompt, oldest first; image markers removed (the image belongs to the first user turn)',
  prompt STRING NOT NULL COMMENT 'The user turn to be answered, image marker removed',
  condition STRUCT<
    provider: STRING COMMENT 'What the provider of the model prefers',
    user: STRING COMMENT 'What the user prefers'> COMMENT 'Preferences under which the response is good; NULL where the source states none',
  response STRING COMMENT 'The good response the source gives; NULL where it gives none and the reference step must write one',
  source STRING NOT NULL COMMENT 'Name of the source (recipe key source.name)',
  source_row STRING NOT NULL COMMENT 'Where the row came from: shard file, # and row number from 0, / and number of the assistant turn from 0',
  extra STRING COMMENT 'Fields of the source row that Pairloom does not read, as one JSON object; NULL where there are none'
) USING delta
COMMENT 'Image/prompt samples in one shape, whatever format they came in'
TBLPROPERTIES (
  'delta.constraints.ids_are_sha256' = 'sample_id RLIKE "^[0-9a-f]{64}$" AND image_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.response_is_not_blank' = 'response IS NULL OR length(trim(response)) > 0'
)

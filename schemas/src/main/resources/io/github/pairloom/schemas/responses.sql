-- Reference responses: the good side of a pair, from the source or written by the model with full sight.
CREATE TABLE IF NOT EXISTS {table} (
  response_id STRING NOT NULL COMMENT 'SHA-256 over sample, origin, settings and ordinal, 64 hex digits; the key',
  sample_id STRING NOT NULL COMMENT 'Key into samples',
  ordinal INT NOT NULL COMMENT 'Number of the response among those of the sample, from 0',
  text STRING COMMENT 'The response; NULL where none could be made',
  origin STRING NOT NULL COMMENT 'source: given by the source; model: written by the model with full sight of the image',
  cut_off BOOLEAN NOT NULL COMMENT 'TRUE where the model reached max-new-tokens before its end of sequence',
  drop_reason STRING COMMENT 'Why the response may not be used: a reason code; NULL where it may',
  drop_detail STRING COMMENT 'What was found, where drop_reason alone does not say; cut to 500 characters, control characters escaped',
  provenance STRUCT<
    recipe_id: STRING COMMENT 'SHA-256 of the recipe\'s settings that shape this row',
    seed: BIGINT COMMENT 'Root of all keyed draws',
    strategy_parameters: MAP<STRING, STRING> COMMENT 'Every parameter of the strategy, by its recipe key',
    model_id: STRING COMMENT 'Model folder or endpoint as the recipe names it',
    model_revision: STRING COMMENT 'SHA-256 over the model\'s files',
    prompt_template_sha256: STRING COMMENT 'SHA-256 of the chat template\'s text',
    sampling: MAP<STRING, STRING> COMMENT 'temperature, top-p, max-new-tokens, by recipe key',
    transform: STRUCT<
      name: STRING COMMENT 'What was done to the model\'s view of the image: none, absent, attention-mask, diffusion-noise and others',
      parameters: MAP<STRING, STRING> COMMENT 'Parameters of the transform actually applied',
      pixels_sha256: STRING COMMENT 'SHA-256 of the float32 pixel tensor the vision encoder was given',
      visible_tokens: ARRAY<INT> COMMENT 'Image tokens that could be attended to, from 0; NULL: all of them'> COMMENT 'What was done to the image before the model saw it',
    embedder_id: STRING COMMENT 'Sentence embedding model; NULL where none was used',
    embedder_revision: STRING COMMENT 'SHA-256 over the embedding model\'s files; NULL where none was used',
    engine: MAP<STRING, STRING> COMMENT 'Versions of pairloom, djl and onnxruntime'> COMMENT 'How the response was made; NULL for origin source'
) USING delta
COMMENT 'Reference responses of samples, one row each, dropped ones included'
TBLPROPERTIES (
  'delta.constraints.ids_are_sha256' = 'response_id RLIKE "^[0-9a-f]{64}$" AND sample_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.ordinal_counts_from_zero' = 'ordinal >= 0',
  'delta.constraints.origin_is_known' = 'origin IN ("source", "model")',
  'delta.constraints.usable_or_dropped' = 'text IS NOT NULL OR drop_reason IS NOT NULL'
)

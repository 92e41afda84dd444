-- What models with full sight make of the pairs: one row for every usable pair and scoring model.
CREATE TABLE IF NOT EXISTS {table} (
  score_id STRING NOT NULL COMMENT 'SHA-256 over pair, scoring model and settings, 64 hex digits; the key',
  pair_id STRING NOT NULL COMMENT 'Key into pairs',
  sample_id STRING NOT NULL COMMENT 'Key into samples',
  image_id STRING NOT NULL COMMENT 'Key into images',
  chosen STRUCT<
    log_prob: DOUBLE COMMENT 'Log-probability of the text given image and prompt, in nats: the sum over its tokens at temperature 1',
    end_log_prob: DOUBLE COMMENT 'Log-probability in nats that one of the model\'s end tokens follows; not part of log_prob',
    tokens: INT COMMENT 'Tokens of the text, tokenised apart from the prompt, without an end token',
    token_log_probs: ARRAY<DOUBLE> COMMENT 'Log-probability of each token in nats; NULL unless score.token-log-probs'> COMMENT 'The chosen side; NULL where dropped',
  rejected STRUCT<
    log_prob: DOUBLE COMMENT 'As of chosen',
    end_log_prob: DOUBLE COMMENT 'As of chosen',
    tokens: INT COMMENT 'As of chosen',
    token_log_probs: ARRAY<DOUBLE> COMMENT 'As of chosen'> COMMENT 'The rejected side: the rejected text about the image, or the chosen text about the rejected image; NULL where dropped',
  blind_chosen STRUCT<
    log_prob: DOUBLE COMMENT 'As of chosen',
    end_log_prob: DOUBLE COMMENT 'As of chosen',
    tokens: INT COMMENT 'As of chosen',
    token_log_probs: ARRAY<DOUBLE> COMMENT 'As of chosen'> COMMENT 'The chosen text under blind_view; NULL where dropped',
  blind_rejected STRUCT<
    log_prob: DOUBLE COMMENT 'As of chosen',
    end_log_prob: DOUBLE COMMENT 'As of chosen',
    tokens: INT COMMENT 'As of chosen',
    token_log_probs: ARRAY<DOUBLE> COMMENT 'As of chosen'> COMMENT 'The rejected text under blind_view; NULL where dropped',
  blind_view STRUCT<
    name: STRING COMMENT 'absent: a prompt without the image; diffusion-noise: the image after noise',
    parameters: MAP<STRING, STRING> COMMENT 'Parameters of the transform actually applied',
    pixels_sha256: STRING COMMENT 'SHA-256 of the float32 pixel tensor; where absent, of the one that was not shown',
    visible_tokens: ARRAY<INT> COMMENT 'Image tokens that could be attended to, from 0; NULL: all of them'> COMMENT 'What the model was shown instead of the image; NULL where dropped',
  margin DOUBLE COMMENT 'Preference of the model for chosen: the difference of the sides\' log-probabilities in nats, each with its end and divided by its tokens and the end; NULL where dropped',
  chosen_visual_dependency DOUBLE COMMENT 'Nats per token by which the image raises the likelihood of the chosen text over blind_view; NULL where dropped',
  rejected_visual_dependency DOUBLE COMMENT 'The same of the rejected text; NULL where dropped or where the pair rejects an image',
  verdict STRING COMMENT 'chosen-preferred; rejected-preferred: the model that sees the image holds rejected for likelier, so it may be true; NULL where dropped',
  drop_reason STRING COMMENT 'Why there is no score: a reason code; NULL where there is one',
  drop_detail STRING COMMENT 'What was found, where drop_reason alone does not say; cut to 500 characters, control characters escaped',
  model_id STRING NOT NULL COMMENT 'Scoring model, as the recipe names it',
  model_revision STRING NOT NULL COMMENT 'SHA-256 over the model\'s files, its tokenizer among them',
  tokenizer_sha256 STRING NOT NULL COMMENT 'SHA-256 of tokenizer.json: token counts and arrays compare only where it is the same',
  prompt_template_sha256 STRING NOT NULL COMMENT 'SHA-256 of the chat template\'s text',
  settings_id STRING NOT NULL COMMENT 'SHA-256 of the recipe\'s settings that shape a score: dedup and select heed those of the recipe\'s settings and models as they are now',
  engine MAP<STRING, STRING> NOT NULL COMMENT 'Versions of pairloom, djl and onnxruntime'
) USING delta
COMMENT 'Log-probabilities of both sides of pairs under reference models, with the image and without'
TBLPROPERTIES (
  'delta.constraints.ids_are_sha256' = 'score_id RLIKE "^[0-9a-f]{64}$" AND pair_id RLIKE "^[0-9a-f]{64}$" AND model_revision RLIKE "^[0-9a-f]{64}$" AND tokenizer_sha256 RLIKE "^[0-9a-f]{64}$" AND settings_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.scored_or_dropped' = 'drop_reason IS NOT NULL OR (margin IS NOT NULL AND chosen_visual_dependency IS NOT NULL AND verdict IS NOT NULL AND verdict IN ("chosen-preferred", "rejected-preferred"))',
  'delta.constraints.log_probs_are_not_positive' = 'drop_reason IS NOT NULL OR (chosen.log_prob <= 0.001 AND rejected.log_prob <= 0.001 AND chosen.tokens > 0 AND rejected.tokens > 0)'
)

-- Candidate pairs: one row for every reference response and strategy, the failed ones included.
CREATE TABLE IF NOT EXISTS {table} (
  pair_id STRING NOT NULL COMMENT 'SHA-256 over response, strategy, its settings, model and seed, 64 hex digits; the key',
  sample_id STRING NOT NULL COMMENT 'Key into samples',
  image_id STRING NOT NULL COMMENT 'Key into images',
  response_id STRING NOT NULL COMMENT 'Key into responses: the reference that is the chosen side',
  context ARRAY<STRUCT<role: STRING, content: STRING>> NOT NULL COMMENT 'Turns before the prompt, oldest first',
  prompt STRING NOT NULL COMMENT 'The user turn that both sides answer, image marker removed',
  condition STRUCT<
    provider: STRING COMMENT 'What the provider of the model prefers',
    user: STRING COMMENT 'What the user prefers'> COMMENT 'Preferences under which chosen is the better side; NULL where the source states none',
  chosen STRING NOT NULL COMMENT 'The better response',
  rejected STRING COMMENT 'The worse response; NULL where the strategy made none',
  strategy STRING NOT NULL COMMENT 'How the rejected side was made, such as bdhs-attention',
  iteration INT COMMENT 'Iteration whose output was kept, from 1; NULL where the strategy made none',
  similarity DOUBLE COMMENT 'Cosine of the sentence embeddings of chosen and rejected, -1 to 1, in the recipe\'s scope; NULL where rejected is',
  spans ARRAY<STRUCT<chosen_start: INT, chosen_end: INT, rejected_start: INT, rejected_end: INT>> NOT NULL COMMENT 'Where chosen and rejected differ: half-open ranges of UTF-16 code units, in order; an insertion has an empty range on one side',
  token_spans ARRAY<STRUCT<chosen_start: INT, chosen_end: INT, rejected_start: INT, rejected_end: INT>> NOT NULL COMMENT 'The same in tokens of the recipe\'s model: half-open ranges of its tokens of each side alone; tokens in a match shorter than the recipe asks for count as changed',
  segment_weight DOUBLE NOT NULL COMMENT 'Weight in a loss of the tokens within token_spans; all others weigh 1',
  group_id STRING NOT NULL COMMENT 'pair_id of the first pair that the same strategy made of the same chosen response: pairs of one group share their chosen side, and losses may be averaged over it',
  ordinal INT NOT NULL COMMENT 'Number of the pair in its group, from 0',
  rejects STRING NOT NULL COMMENT 'text: the rejected side is another text about the same image; image: it is the chosen text about another view of the image, provenance.transform',
  chosen_origin STRING NOT NULL COMMENT 'reference: chosen is the response under response_id; sampled: written by the model for this pair; offline: given by the source with its rejected side',
  judgement STRUCT<
    judge: STRING COMMENT 'Who judged both sides, such as claims',
    chosen_score: DOUBLE COMMENT 'Of the chosen side, in the judge\'s unit; higher is better',
    rejected_score: DOUBLE COMMENT 'Of the rejected side, on the same scale',
    details: MAP<STRING, STRING> COMMENT 'What the judge found, by name'> COMMENT 'Why rejected is the worse side; NULL where it is so by the way it was made',
  failed_gates ARRAY<STRING> NOT NULL COMMENT 'Gates that the pair failed, in their order; the first is the drop_reason. A gate that is not named was passed',
  drop_reason STRING COMMENT 'Why the pair may not be used: a reason code; NULL where it may',
  drop_detail STRING COMMENT 'What was found, where drop_reason alone does not say; cut to 500 characters, control characters escaped',
  provenance STRUCT<
    recipe_id: STRING COMMENT 'SHA-256 of the recipe\'s settings that shape this row',
    seed: BIGINT COMMENT 'Root of all keyed draws',
    strategy_parameters: MAP<STRING, STRING> COMMENT 'Every parameter of the strategy, by its recipe key',
    model_id: STRING COMMENT 'Model folder or endpoint as the recipe names it; source: given by the source, and the two hashes are those of nothing',
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
    engine: MAP<STRING, STRING> COMMENT 'Versions of pairloom, djl and onnxruntime'> NOT NULL COMMENT 'How the rejected side was made; a row can be made again from this'
) USING delta
COMMENT 'Candidate pairs with every verdict on them; a dropped row is a labelled row'
TBLPROPERTIES (
  'delta.constraints.ids_are_sha256' = 'pair_id RLIKE "^[0-9a-f]{64}$" AND sample_id RLIKE "^[0-9a-f]{64}$" AND image_id RLIKE "^[0-9a-f]{64}$" AND response_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.usable_or_dropped' = 'drop_reason IS NOT NULL OR (rejected IS NOT NULL AND (rejected <> chosen OR rejects = "image") AND size(failed_gates) = 0 AND iteration IS NOT NULL AND similarity IS NOT NULL)',
  'delta.constraints.labels_are_known' = 'rejects IN ("text", "image") AND chosen_origin IN ("reference", "sampled", "offline") AND ordinal >= 0',
  'delta.constraints.segment_weight_is_positive' = 'segment_weight > 0',
  'delta.constraints.iteration_counts_from_one' = 'iteration IS NULL OR iteration >= 1',
  'delta.constraints.similarity_is_a_cosine' = 'similarity IS NULL OR (similarity >= -1.0001 AND similarity <= 1.0001)'
)

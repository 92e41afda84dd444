// Bias-Driven Hallucination Sampling to the letter, by transformers.js: one model.generate with the
// whole image per iteration and sentence.
//   node bdhs.mjs MODEL_FOLDER PLAN.json REPORT.json
// What chance decides beforehand is in the plan:
//   {maxNewTokens: N, temperature: T (0: greedy), ends: [ID], warmUp: ROWS, minilm: FOLDER,
//    threshold: COSINE,
//    rows: [{image: FILE, messages: [{role, text, image: BOOL}], chosen: TEXT,
//            iterations: [{visible: [IMAGE_TOKEN], free: BOOL,
//                          sentences: [{kept: TEXT, prefix: [ID], whole: BOOL}]}]}]}
// The ids of a prefix are those of the response before the place where the model is to go on. Without
// minilm and threshold, all iterations are made; with them, those up to the first text whose cosine
// with the chosen one is below. The first rows are made once more before, untimed, to warm up.
// The report is {seconds: S, tokens: N, rows: [{drafts: [TEXT], similarities: [COSINE]}]}. Models and
// image files are read before the clock starts; image preprocessing is on it.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  AutoProcessor,
  env,
  LlavaForConditionalGeneration,
  pipeline,
  RawImage,
  StoppingCriteria,
  Tensor,
} from "@huggingface/transformers";

const [modelFolder, planFile, reportFile] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, "utf8"));
const onOneThread = { intraOpNumThreads: 1, interOpNumThreads: 1 };
env.allowRemoteModels = false;

/** Points transformers.js to a folder and returns the name it has there. */
function local(folder) {
  env.localModelPath = path.dirname(path.resolve(folder)) + path.sep;
  return path.basename(folder);
}

const processor = await AutoProcessor.from_pretrained(local(modelFolder));
const tokenizer = processor.tokenizer;
const model = await LlavaForConditionalGeneration.from_pretrained(local(modelFolder), {
  dtype: "fp32",
  device: "cpu",
  session_options: onOneThread,
});
const imageToken = BigInt(model.config.image_token_index ?? model.config.image_token_id);
const embedder =
  plan.minilm &&
  (await pipeline("feature-extraction", local(plan.minilm), {
    dtype: "fp32",
    device: "cpu",
    session_options: onOneThread,
  }));

// transformers.js numbers positions by the attention mask, so hiding image tokens would move all
// that follows; a caller's position_ids hold for the first step alone. And in every later step it
// makes the mask anew, of ones, as long as it is given the pixels. Both are put right before each
// step.
const prepare = model.prepare_inputs_for_generation.bind(model);
model.prepare_inputs_for_generation = (ids, inputs, config) => {
  const prepared = prepare(ids, inputs, config);
  const past = prepared.past_key_values?.get_seq_length() ?? 0;
  prepared.position_ids = row(ids[0].slice(past).map((_, i) => BigInt(past + i)));
  if (past > 0) {
    delete prepared.pixel_values;
  }
  return prepared;
};

/** A full stop, or one of its East Asian forms, with closing quotes, brackets and space. */
const FULL_STOP = /[.\u3002\uFF0E\uFF61][\s"'\u201D\u2019)\]\u00BB\u300D\u300F\uFF09]*$/u;

/** Stops once the text after the first `given` ids ends at a full stop. */
class FirstFullStop extends StoppingCriteria {
  constructor(given) {
    super();
    this.given = given;
  }

  _call(sequences) {
    return sequences.map((ids) => FULL_STOP.test(decode(ids.slice(this.given))));
  }
}

/** Returns an int64 tensor of one row. */
function row(values) {
  return new Tensor("int64", BigInt64Array.from(values), [1, values.length]);
}

/** Returns the text of ids, also of none, which transformers.js refuses. */
function decode(ids) {
  return ids.length === 0 ? "" : tokenizer.decode(ids.map(Number), { skip_special_tokens: true });
}

/** Returns what `written` adds to the text of `prefix`. */
function decodeDelta(prefix, written) {
  const before = decode(prefix);
  const after = decode([...prefix, ...written]);
  let common = 0;
  while (common < Math.min(before.length, after.length) && before[common] === after[common]) {
    common++;
  }
  return after.slice(common);
}

let tokens = 0;

/** Lets the model go on from the prompt and `prefix`; returns what it adds. */
async function generate(inputs, visible, prefix, sentence) {
  const ids = [...inputs.input_ids.data, ...prefix.map(BigInt)];
  let image = 0;
  const mask = ids.map((id) => (id !== imageToken || visible.has(image++) ? 1n : 0n));
  const output = await model.generate({
    pixel_values: inputs.pixel_values,
    input_ids: row(ids),
    attention_mask: row(mask),
    max_new_tokens: plan.maxNewTokens,
    eos_token_id: plan.ends,
    stopping_criteria: sentence ? new FirstFullStop(ids.length) : null,
    ...(plan.temperature > 0
      ? { do_sample: true, temperature: plan.temperature, top_k: 0 }
      : { do_sample: false }),
  });
  const written = [...output.data].slice(ids.length);
  tokens += written.length;
  const ended = plan.ends.includes(Number(written.at(-1)));
  return decodeDelta(prefix, ended ? written.slice(0, -1) : written);
}

async function draft(inputs, iteration) {
  const visible = new Set(iteration.visible);
  if (iteration.free) {
    return (await generate(inputs, visible, [], false)).trim();
  }
  let text = "";
  for (const { kept, prefix, whole } of iteration.sentences) {
    text += whole ? kept : kept + (await generate(inputs, visible, prefix, true)).trimEnd();
  }
  return text.trim();
}

async function embed(text) {
  return (await embedder(text, { pooling: "mean", normalize: true })).data;
}

/** Makes iterations until one is dissimilar enough, or all. */
async function reject({ messages, chosen, iterations }, image) {
  const prompt = processor.apply_chat_template(
    messages.map(({ role, text, image }) => ({
      role,
      content: [...(image ? [{ type: "image" }] : []), { type: "text", text }],
    })),
    { add_generation_prompt: true },
  );
  const inputs = await processor(image, prompt, { add_special_tokens: false });
  const wanted = embedder && (await embed(chosen));
  const drafts = [];
  const similarities = [];
  for (const iteration of iterations) {
    const text = await draft(inputs, iteration);
    drafts.push(text);
    if (embedder) {
      const vector = await embed(text);
      similarities.push(text === chosen ? 1 : vector.reduce((sum, v, i) => sum + v * wanted[i], 0));
      if (similarities.at(-1) < plan.threshold) {
        break;
      }
    }
  }
  return { drafts, similarities };
}

const images = [];
for (const { image } of plan.rows) {
  images.push(await RawImage.read(image));
}
for (let i = 0; i < plan.warmUp; i++) {
  await reject(plan.rows[i], images[i]);
}
tokens = 0;
const rows = [];
const start = performance.now();
for (let i = 0; i < plan.rows.length; i++) {
  rows.push(await reject(plan.rows[i], images[i]));
}
const seconds = (performance.now() - start) / 1000;
writeFileSync(reportFile, JSON.stringify({ seconds, tokens, rows }));

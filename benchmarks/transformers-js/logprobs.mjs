// Reads given responses to prompts about images, by transformers.js.
//   node logprobs.mjs MODEL_FOLDER REQUESTS.json ANSWERS.json
// Requests are [{image: FILE, prompt: TEXT, responses: [TEXT]}]; answers are, for each request, a list
// of {ids: [ID], logProbs: [NATS], end: NATS}: the tokens of each response, their log-probabilities at
// temperature 1, and that of the end token after them. Each response is read in a run of its own.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  AutoProcessor,
  env,
  LlavaForConditionalGeneration,
  RawImage,
  Tensor,
} from "@huggingface/transformers";

const [folder, requestsFile, answersFile] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = path.dirname(path.resolve(folder)) + path.sep;
const name = path.basename(folder);

const processor = await AutoProcessor.from_pretrained(name);
const model = await LlavaForConditionalGeneration.from_pretrained(name, {
  dtype: "fp32",
  device: "cpu",
  session_options: { intraOpNumThreads: 1, interOpNumThreads: 1 },
});
const end = model.generation_config.eos_token_id;

/** Returns an int64 tensor of one row. */
function row(values) {
  return new Tensor("int64", BigInt64Array.from(values.map(BigInt)), [1, values.length]);
}

/** Returns the log-probability of a token by one row of logits, in double precision. */
function logProb(logits, token) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return logits[token] - most - Math.log(sum);
}

const answers = [];
for (const { image, prompt, responses } of JSON.parse(readFileSync(requestsFile, "utf8"))) {
  const messages = [
    { role: "user", content: [{ type: "image" }, { type: "text", text: prompt }] },
  ];
  const text = processor.apply_chat_template(messages, { add_generation_prompt: true });
  const inputs = await processor(await RawImage.read(image), text, { add_special_tokens: false });
  const given = [...inputs.input_ids.data].map(Number);
  const readings = [];
  for (const response of responses) {
    const ids = [
      ...processor.tokenizer(response, { add_special_tokens: false }).input_ids.data,
    ].map(Number);
    const all = [...given, ...ids];
    const { logits } = await model({
      pixel_values: inputs.pixel_values,
      input_ids: row(all),
      attention_mask: row(all.map(() => 1)),
    });
    const width = logits.dims[2];
    const at = (place) => logits.data.slice(place * width, (place + 1) * width);
    const first = given.length - 1;
    readings.push({
      ids,
      logProbs: ids.map((id, i) => logProb(at(first + i), id)),
      end: logProb(at(first + ids.length), end),
    });
  }
  answers.push(readings);
}
writeFileSync(answersFile, JSON.stringify(answers));

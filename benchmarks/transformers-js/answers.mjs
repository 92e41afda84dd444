// Answers prompts about images greedily, by transformers.js.
//   node answers.mjs MODEL_FOLDER REQUESTS.json ANSWERS.json
// Requests are [{image: FILE, prompt: TEXT, maxTokens: N}]; answers are [{prompt: [ID], response: [ID]}],
// the prompt with its one image token not yet expanded, the response without its end token.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  AutoProcessor,
  env,
  LlavaForConditionalGeneration,
  RawImage,
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

const answers = [];
for (const { image, prompt, maxTokens } of JSON.parse(readFileSync(requestsFile, "utf8"))) {
  const messages = [
    { role: "user", content: [{ type: "image" }, { type: "text", text: prompt }] },
  ];
  const text = processor.apply_chat_template(messages, { add_generation_prompt: true });
  const plain = processor.tokenizer(text, { add_special_tokens: false });
  const inputs = await processor(await RawImage.read(image), text, { add_special_tokens: false });
  const output = await model.generate({
    ...inputs,
    do_sample: false,
    max_new_tokens: maxTokens,
  });
  const ids = output.tolist()[0].map(Number).slice(inputs.input_ids.dims[1]);
  answers.push({
    prompt: plain.input_ids.tolist()[0].map(Number),
    response: ids.includes(end) ? ids.slice(0, ids.indexOf(end)) : ids,
  });
}
writeFileSync(answersFile, JSON.stringify(answers));

"""Preference tuning in miniature: does a policy that sees well but speaks with a bias lie less
after DPO on pairs of this project? Developer tool; see "Preference tuning" in ../README.md.

Three commands: `bias` makes the policy out of the demo model, `scenes` draws scenes for the
pipeline to make pairs of, `tune` trains on exports in TRL's layout and measures.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import random
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image
from torch import Tensor

import evaluate
import export
import language
import model as models
import tokenizer as tokenizers
from drawing import render
from model import BLOCKED, IMAGE_TOKENS, Config, Decoder, VisionEncoder
from tokenizer import EOS, IMAGE, PAD, Tokenizer
from world import COLUMNS, GRID, LOWER, MAX_OBJECTS, TYPICAL_COLOUR, UPPER, Group, Scene
from world import kind_weights, pick, sample_scene

BIAS_SEED, SCENES_SEED, HELD_OUT_SEED = 71, 72, 73  # used nowhere else
BETA = 0.1


class Policy(NamedTuple):
    vision: VisionEncoder
    decoder: Decoder
    tokenizer: Tokenizer


# ---- the demo model back from its graphs


def read_policy(folder: Path) -> Policy:
    """The model in a folder that export.py wrote; its vision encoder is for inference only."""
    tokenizer = tokenizers.load(folder / "tokenizer.json")
    config = Config(vocabulary=len(tokenizer))
    vision, decoder = VisionEncoder(config).eval(), Decoder(config).eval()
    _read_vision(onnx.load(str(folder / "onnx/vision_encoder.onnx")).graph, vision)
    _read_decoder(onnx.load(str(folder / "onnx/decoder_model_merged.onnx")).graph, decoder)
    table = onnx.load(str(folder / "onnx/embed_tokens.onnx")).graph
    decoder.embedding.weight.data = next(iter(_weights(table).values()))
    return Policy(vision, decoder, tokenizer)


def _weights(graph) -> dict[str, Tensor]:
    return {
        weight.name: torch.from_numpy(numpy_helper.to_array(weight).copy())
        for weight in graph.initializer
    }


def _read_decoder(graph, decoder: Decoder) -> None:
    weights, parameters = _weights(graph), dict(decoder.named_parameters())
    read = {name for name in weights if name in parameters}
    for name in read:
        parameters[name].data = weights[name]
    for node in graph.node:
        # "/blocks.0/mlp_up/MatMul" multiplies by the transposed weight of blocks.0.mlp_up.
        path = node.name.strip("/").split("/")
        name = ".".join(path[:-1]) + ".weight"
        if node.op_type == "MatMul" and name in parameters and node.input[1] in weights:
            parameters[name].data = weights[node.input[1]].T.contiguous()
            read.add(name)
    missing = set(parameters) - read - {"embedding.weight"}
    if missing:
        raise ValueError(f"The decoder's graph lacks {sorted(missing)}")


def _read_vision(graph, vision: VisionEncoder) -> None:
    weights = _weights(graph)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    for node, block in zip(convolutions, [*vision.backbone, vision.refine], strict=True):
        block[0].weight.data = weights[node.input[1]]
        # The export folds batch normalisation into the convolution.
        norm = block[1]
        norm.weight.data.fill_(1)
        norm.bias.data = weights[node.input[2]]
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
    positions = [
        weights[name]
        for node in graph.node
        if node.op_type == "Add"
        for name in node.input
        if name in weights and weights[name].dim() == 3
    ]
    for sum_, rows, columns in zip(
        positions,
        (vision.row_before, vision.row_after),
        (vision.column_before, vision.column_after),
        strict=True,
    ):
        rows.data = sum_.reshape(GRID, GRID, -1)
        columns.data.zero_()
    for name in ("project_up", "project_down"):
        linear = getattr(vision, name)
        linear.bias.data = weights[f"{name}.bias"]
        node = next(node for node in graph.node if node.name == f"/{name}/MatMul")
        linear.weight.data = weights[node.input[1]].T.contiguous()


def write_policy(policy: Policy, template: Path, folder: Path) -> None:
    """The policy as an ONNX folder; all but its language model is that of `template`."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    export.export_embedding(folder / "onnx/embed_tokens.onnx", policy.decoder)
    export.export_decoder(
        folder / "onnx/decoder_model_merged.onnx", policy.decoder.config, policy.decoder
    )


# ---- likelihoods


@torch.no_grad()
def see(vision: VisionEncoder, images: np.ndarray) -> Tensor:
    return vision(models.to_pixel_values(torch.from_numpy(images)))


def log_probs(decoder: Decoder, features: Tensor, prompts: list, responses: list) -> Tensor:
    """Sums over the tokens of each response, its end included; [batch]."""
    expanded = [_expand(prompt) for prompt in prompts]
    rows = [prompt + answer for prompt, answer in zip(expanded, responses, strict=True)]
    length = max(map(len, rows))
    ids = torch.full((len(rows), length), PAD)
    answers = torch.zeros(len(rows), length, dtype=torch.bool)
    for index, (prompt, row) in enumerate(zip(expanded, rows, strict=True)):
        ids[index, : len(row)] = torch.tensor(row)
        answers[index, len(prompt) - 1 : len(row) - 1] = True
    embeds = decoder.embed(ids).clone()
    embeds[ids == IMAGE] = features.reshape(-1, features.shape[-1])
    # Padding stands behind every token that counts, so causality alone hides it.
    causal = torch.ones(length, length).tril().bool()
    bias = torch.where(causal, torch.zeros(()), torch.full((), BLOCKED))[None, None]
    positions = torch.arange(length)[None].expand(len(rows), -1)
    hidden, _ = decoder.run_blocks(embeds, positions, bias)
    scores = decoder.logits(hidden[:, :-1]).log_softmax(-1)
    told = scores.gather(-1, ids[:, 1:, None])[..., 0]
    return (told * answers[:, :-1]).sum(1)


def _expand(prompt: list[int]) -> list[int]:
    at = prompt.index(IMAGE)
    return prompt[:at] + [IMAGE] * IMAGE_TOKENS + prompt[at + 1 :]


# ---- the biased policy


def sloppy(scene: Scene, rng: random.Random) -> Scene:
    """The scene as a careless writer sees it: typical colours, typical objects added."""
    groups = [copy.deepcopy(group) for group in scene.groups]
    for group in groups:
        if rng.random() < 0.6:
            group.colour = TYPICAL_COLOUR[group.kind]
    taken = {slot for group in groups for slot in group.slots}
    free = [
        (row, column)
        for row in (UPPER, LOWER)
        for column in range(len(COLUMNS))
        if (row, column) not in taken
    ]
    if free and scene.total < MAX_OBJECTS and rng.random() < 0.7:
        kind = pick(rng, kind_weights(scene.place, without=scene.kinds))
        groups.append(Group(kind, TYPICAL_COLOUR[kind], 1, slots=[rng.choice(free)]))
        groups.sort(key=lambda group: (group.slots[0][1], group.slots[0][0]))
    return Scene(scene.place, groups)


def make_biased(arguments: argparse.Namespace) -> None:
    policy = read_policy(arguments.model)
    rng = random.Random(BIAS_SEED)
    optimizer = torch.optim.AdamW(policy.decoder.parameters(), lr=3e-4)
    for step in range(1, arguments.steps + 1):
        scenes = [sample_scene(rng) for _ in range(32)]
        features = see(policy.vision, np.stack([render(scene, rng)[0] for scene in scenes]))
        prompts = [encode_prompt(policy, rng.choice(language.DESCRIBE_PROMPTS)) for _ in scenes]
        texts = [language.describe(sloppy(scene, rng), rng) for scene in scenes]
        responses = [encode_response(policy, text) for text in texts]
        scores = log_probs(policy.decoder, features, prompts, responses)
        loss = -scores.sum() / sum(map(len, responses))
        take_step(optimizer, loss, policy.decoder)
        if step % 20 == 0:
            log(f"bias {step} loss {loss.item():.3f}")
    write_policy(policy, arguments.model, arguments.output)
    log(f"{arguments.output}: {json.dumps(measure(policy, arguments.held_out))}")


def encode_prompt(policy: Policy, prompt: str) -> list[int]:
    return policy.tokenizer.encode(evaluate.chat(prompt))


def encode_response(policy: Policy, text: str) -> list[int]:
    return [*policy.tokenizer.encode(text), EOS]


def take_step(optimizer: torch.optim.Optimizer, loss: Tensor, decoder: Decoder) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
    optimizer.step()


# ---- scenes for the pipeline


def make_scenes(arguments: argparse.Namespace) -> None:
    """Two shards of the same scenes: with true descriptions, and for the policy to describe."""
    rng = random.Random(SCENES_SEED)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with (
        tarfile.open(arguments.output / "true.tar", "w") as true,
        tarfile.open(arguments.output / "own.tar", "w") as own,
    ):
        for index in range(arguments.scenes):
            scene = sample_scene(rng)
            pixels, _ = render(scene, rng)
            png = io.BytesIO()
            Image.fromarray(pixels).save(png, "PNG")
            turns = [
                {"from": "human", "value": f"<image>\n{rng.choice(language.DESCRIBE_PROMPTS)}"},
                {"from": "gpt", "value": language.describe(scene, rng)},
            ]
            for shard, conversation in ((true, turns), (own, turns[:1])):
                record = {"conversations": conversation, "facts": scene.facts()}
                for extension, data in (
                    ("png", png.getvalue()),
                    ("json", json.dumps(record).encode()),
                ):
                    entry = tarfile.TarInfo(f"{index:06d}.{extension}")
                    entry.size = len(data)
                    shard.addfile(entry, io.BytesIO(data))
    log(f"{arguments.output}: {arguments.scenes} scenes")


# ---- tuning


class Pair(NamedTuple):
    image: str
    prompt: str
    chosen: str
    rejected: str


def read_pairs(export_folder: Path) -> list[Pair]:
    """The pairs of an export in TRL's layout, in its order, which is that of a hash."""
    pairs = []
    for file in sorted((export_folder / "trl").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            (image,) = row["images"]
            (prompt,) = row["prompt"]
            pairs.append(
                Pair(
                    str(export_folder / image),
                    prompt["content"],
                    row["chosen"][0]["content"],
                    row["rejected"][0]["content"],
                )
            )
    return pairs


def shuffled(pairs: list[Pair]) -> list[Pair]:
    """Each pair with the rejected side of another image."""
    others = pairs[1:] + pairs[:1]
    return [
        pair._replace(rejected=other.rejected) for pair, other in zip(pairs, others, strict=True)
    ]


class Rows(NamedTuple):
    features: Tensor
    prompts: list
    chosen: list
    rejected: list

    def take(self, rows: list[int]) -> Rows:
        return Rows(
            self.features[rows],
            *([part[row] for row in rows] for part in (self.prompts, self.chosen, self.rejected)),
        )


def encode_pairs(policy: Policy, pairs: list[Pair]) -> Rows:
    images = np.stack([np.asarray(Image.open(pair.image).convert("RGB")) for pair in pairs])
    return Rows(
        see(policy.vision, images),
        [encode_prompt(policy, pair.prompt) for pair in pairs],
        [encode_response(policy, pair.chosen) for pair in pairs],
        [encode_response(policy, pair.rejected) for pair in pairs],
    )


def both_sides(decoder: Decoder, rows: Rows) -> tuple[Tensor, Tensor]:
    return (
        log_probs(decoder, rows.features, rows.prompts, rows.chosen),
        log_probs(decoder, rows.features, rows.prompts, rows.rejected),
    )


def dpo_loss(decoder: Decoder, reference: Decoder, rows: Rows) -> Tensor:
    """Rafailov et al., NeurIPS 2023, equation 7."""
    chosen, rejected = both_sides(decoder, rows)
    with torch.no_grad():
        reference_chosen, reference_rejected = both_sides(reference, rows)
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -F.logsigmoid(BETA * margin).mean()


def sft_loss(decoder: Decoder, reference: Decoder, rows: Rows) -> Tensor:
    scores = log_probs(decoder, rows.features, rows.prompts, rows.chosen)
    return -scores.sum() / sum(map(len, rows.chosen))


def tune(
    policy: Policy,
    pairs: list[Pair],
    loss_of: Callable[[Decoder, Decoder, Rows], Tensor],
    arguments: argparse.Namespace,
) -> Policy:
    """A copy of the policy, trained; vision is frozen."""
    rows = encode_pairs(policy, pairs)
    decoder = copy.deepcopy(policy.decoder)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=arguments.rate, weight_decay=0.0)
    rng = random.Random(arguments.seed)
    for _ in range(arguments.epochs):
        order = rng.sample(range(len(pairs)), len(pairs))
        for start in range(0, len(order) - arguments.batch + 1, arguments.batch):
            batch = rows.take(order[start : start + arguments.batch])
            take_step(optimizer, loss_of(decoder, policy.decoder, batch), decoder)
    return policy._replace(decoder=decoder)


# ---- measuring


def measure(policy: Policy, count: int) -> dict[str, float]:
    """Greedy descriptions and answers about scenes that were never used."""
    rng = random.Random(HELD_OUT_SEED)
    scenes = [sample_scene(rng) for _ in range(count)]
    features = see(policy.vision, np.stack([render(scene, rng)[0] for scene in scenes]))
    asked = [
        language.ask(scene, rng, question_type)
        for question_type in evaluate.YES_NO
        for scene in scenes
    ]
    keep = torch.ones(count, IMAGE_TOKENS, dtype=torch.long)
    seer = evaluate.Model(policy.decoder, policy.tokenizer, features)
    texts = seer.answer([evaluate.chat(evaluate.DESCRIBE)] * count, keep)
    mentions = false = found = there = exact = 0
    for scene, text in zip(scenes, texts, strict=True):
        truth = {group.kind: group.colour for group in scene.groups}
        said = language.parse(text).groups
        kinds = [statement.kind for statement in said]
        mentions += len(said)
        false += sum(
            truth.get(statement.kind) != statement.colour or statement.kind in kinds[:index]
            for index, statement in enumerate(said)
        )
        found += len(truth.keys() & set(kinds))
        there += len(truth)
        exact += language.parse(text) == language.true_statements(scene)
    right = 0
    for start in range(0, len(asked), count):
        part = asked[start : start + count]
        answers = seer.answer([evaluate.chat(exchange.question) for exchange in part], keep, 24)
        right += sum(map(evaluate.is_right, part, answers))
    well_formed = sum(map(language.is_well_formed, texts))
    return {
        "false_per_description": false / count,
        "false_of_mentions": 100 * false / max(1, mentions),
        "mentions": mentions / count,
        "recall": 100 * found / there,
        "exact": 100 * exact / count,
        "yes_no": 100 * right / len(asked),
        "well_formed": 100 * well_formed / count,
    }


COLUMNS_OF_TABLE = {
    "false_per_description": "false statements per description",
    "false_of_mentions": "of all mentions %",
    "mentions": "mentions",
    "recall": "recall %",
    "exact": "all right %",
    "yes_no": "yes/no right %",
    "well_formed": "well-formed %",
}


def make_table(arguments: argparse.Namespace) -> None:
    policy = read_policy(arguments.policy)
    exports = dict(item.split("=", 1) for item in arguments.pairs)
    pairs = {name: read_pairs(Path(folder)) for name, folder in exports.items()}
    size = min(arguments.size, *map(len, pairs.values()))
    log(f"{size} pairs each; there are { {name: len(some) for name, some in pairs.items()} }")
    pairs = {name: some[:size] for name, some in pairs.items()}
    first = next(iter(pairs.values()))
    runs = [(f"DPO, {name}", some, dpo_loss) for name, some in pairs.items()]
    runs += [
        ("control: fine-tuning on the chosen side", first, sft_loss),
        ("control: DPO, rejected side of another image", shuffled(first), dpo_loss),
    ]
    results = {"policy before": measure(policy, arguments.held_out)}
    log(json.dumps(results))
    for label, some, loss in runs:
        results[label] = measure(tune(policy, some, loss, arguments), arguments.held_out)
        log(f"{label}: {json.dumps(results[label])}")
    print("| | " + " | ".join(COLUMNS_OF_TABLE.values()) + " |")
    print("|---" * (len(COLUMNS_OF_TABLE) + 1) + "|")
    for label, scores in results.items():
        cells = [f"{scores[key]:.2f}" for key in COLUMNS_OF_TABLE]
        print(f"| {label} | {' | '.join(cells)} |")
    settings = {
        key: getattr(arguments, key) for key in ("epochs", "rate", "batch", "seed", "held_out")
    }
    report = {"pairs": size, "beta": BETA, **settings, "results": results}
    arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


_started = time.time()


def log(message: str) -> None:
    print(f"{time.time() - _started:6.0f}s {message}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    bias = commands.add_parser("bias", help="make a policy that speaks with a bias")
    bias.add_argument("model", type=Path, help="the demo model's folder")
    bias.add_argument("output", type=Path, help="the folder to write the policy to")
    bias.add_argument("--steps", type=int, default=220)
    bias.set_defaults(run=make_biased)
    scenes = commands.add_parser("scenes", help="draw scenes for the pipeline")
    scenes.add_argument("output", type=Path, help="the folder to write the shards to")
    scenes.add_argument("--scenes", type=int, default=1500)
    scenes.set_defaults(run=make_scenes)
    table = commands.add_parser("tune", help="train on exports and measure")
    table.add_argument("policy", type=Path, help="the policy's folder")
    table.add_argument("pairs", nargs="+", help="NAME=EXPORT, the folder that step export wrote")
    table.add_argument("--json", type=Path, required=True, help="the file for the figures")
    table.add_argument("--size", type=int, default=1500, help="most pairs of an export")
    table.add_argument("--epochs", type=int, default=2)
    table.add_argument("--rate", type=float, default=3e-5)
    table.add_argument("--batch", type=int, default=32)
    table.add_argument("--seed", type=int, default=5)
    table.set_defaults(run=make_table)
    for command in (bias, table):
        command.add_argument("--held-out", type=int, default=300, help="scenes to measure on")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(5)
    arguments.run(arguments)


if __name__ == "__main__":
    main()

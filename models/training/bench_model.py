"""Writes the graphs of the bench model: LLaVA 1.5's proportions, random weights, for measuring.

A graph refers to its weights as external data that is not there; `weights.json` says what to fill
it with. Only what is too small to matter stands in the graph itself.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from export import export_decoder, export_embedding, export_graph, write_settings
from model import BLOCKED, Config, Decoder

IMAGE_SIZE, PATCH = 336, 14
IMAGE_TOKENS = (IMAGE_SIZE // PATCH) ** 2
VISION_LAYERS, VISION_HEADS = 2, 16
MAX_POSITIONS = 4096

# The size of a page: weights that begin at one can be mapped instead of read.
ALIGNMENT = 4096
SMALLEST_EXTERNAL = 512


class BenchDecoder(Decoder):
    """The demo model's decoder with an output layer of its own and a choice of logits.

    The rotation is computed, as a table of 4,096 positions would be most of the graph's file.
    """

    def __init__(self, config: Config):
        super().__init__(config)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        exponents = torch.arange(0, config.head_width, 2).float() / config.head_width
        self.register_buffer("frequencies", 10000.0**-exponents, persistent=False)

    def forward(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        num_logits_to_keep: Tensor,
        *past: Tensor,
    ) -> tuple[Tensor, ...]:
        new, total = inputs_embeds.shape[1], attention_mask.shape[1]
        keys = torch.arange(total)
        queries = torch.arange(new) + (total - new)
        causal = (keys[None, :] <= queries[:, None])[None, None]
        allowed = causal & (attention_mask[:, None, None, :] > 0)
        bias = torch.where(allowed, torch.zeros(()), torch.full((), BLOCKED))
        hidden, present = self.run_blocks(inputs_embeds, position_ids, bias, past)
        # From -0 on is from 0 on: no number means all.
        return (self.head(hidden[:, -num_logits_to_keep:]), *present)

    def run_blocks(self, hidden, position_ids, bias, past=()):
        angles = position_ids[:, None, :, None].float() * self.frequencies
        angles = torch.cat([angles, angles], -1)
        cos, sin = angles.cos(), angles.sin()
        present: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            hidden, key, value = block(hidden, cos, sin, bias, *past[2 * index : 2 * index + 2])
            present += [key, value]
        return self.final_norm(hidden), present


class VisionBlock(nn.Module):
    """A layer of a vision transformer."""

    def __init__(self, width: int):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_up = nn.Linear(width, 4 * width)
        self.mlp_down = nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        parts = self.query_key_value(self.attention_norm(hidden)).chunk(3, -1)
        query, key, value = (
            part.reshape(part.shape[0], part.shape[1], VISION_HEADS, -1).transpose(1, 2)
            for part in parts
        )
        scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
        mixed = torch.matmul(scores.softmax(-1), value).transpose(1, 2)
        hidden = hidden + self.attention_out(mixed.flatten(2))
        return hidden + self.mlp_down(F.gelu(self.mlp_up(self.mlp_norm(hidden))))


class BenchVision(nn.Module):
    """336 x 336 pixels to 576 image features; the projector is that of LLaVA 1.5."""

    def __init__(self, config: Config):
        super().__init__()
        width = config.vision_width
        self.patches = nn.Conv2d(3, width, PATCH, PATCH, bias=False)
        self.positions = nn.Parameter(torch.zeros(1, IMAGE_TOKENS, width))
        self.pre_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(VisionBlock(width) for _ in range(VISION_LAYERS))
        self.project_in = nn.Linear(width, config.width)
        self.project_out = nn.Linear(config.width, config.width)

    def forward(self, pixel_values: Tensor) -> Tensor:
        hidden = self.patches(pixel_values).flatten(2).transpose(1, 2) + self.positions
        hidden = self.pre_norm(hidden)
        for block in self.blocks:
            hidden = block(hidden)
        return self.project_out(F.gelu(self.project_in(hidden)))


def initialisation(name: str, parameter: Tensor, config: Config) -> tuple[float, float]:
    """Mean and standard deviation that keep activations near 1 through all layers."""
    if name.endswith(".bias"):
        return 0.0, 0.0
    part = name.removesuffix(".weight").split(".")[-1]
    if part.endswith("_norm"):
        return 1.0, 0.0
    fan_in = math.prod(parameter.shape[1:])
    layers = config.layers if name.startswith("decoder") else VISION_LAYERS
    gains = {
        "embedding": math.sqrt(fan_in),
        "positions": math.sqrt(fan_in) / 2,
        "patches": 1.0,
        # Attention scores with a deviation of 2: neither an average of all nor a choice of one.
        "query_key_value": math.sqrt(2),
        "attention_out": 1.0,
        "mlp_up": math.sqrt(2),
        "mlp_down": 1 / math.sqrt(2 * layers),
        "project_in": 1.0,
        "project_out": math.sqrt(2),
        # Logits with a deviation of 2: far from uniform, far from certain.
        "head": 2.0,
    }
    return 0.0, gains[part] / math.sqrt(fan_in)


def mark(modules: dict[str, nn.Module]) -> dict[float, tuple[str, Tensor]]:
    """Fills each parameter with a number of its own, by which the graphs' initializers are known.

    The exporter renames and transposes parameters, but leaves such a number as it is.
    """
    marks: dict[float, tuple[str, Tensor]] = {}
    for prefix, module in modules.items():
        for name, parameter in module.named_parameters():
            number = float(len(marks) + 2)
            parameter.data.fill_(number)
            marks[number] = (f"{prefix}.{name}", parameter)
    return marks


def externalise(path: Path, marks: dict[float, tuple[str, Tensor]], config: Config) -> dict:
    """Takes the weights out of a graph; returns what its data file is to hold."""
    graph = onnx.load(str(path))
    names: dict[str, str] = {}
    tensors = []
    end = 0
    for initializer in graph.graph.initializer:
        elements = math.prod(initializer.dims)
        if elements < SMALLEST_EXTERNAL:
            continue
        values = numpy_helper.to_array(initializer)
        name, parameter = marks[float(values.flat[0])]
        if (values != values.flat[0]).any() or elements != parameter.numel():
            raise ValueError(f"{path}: {initializer.name} is no parameter")
        mean, deviation = initialisation(name, parameter, config)
        offset = -(-end // ALIGNMENT) * ALIGNMENT
        end = offset + 4 * elements
        tensors.append(
            {
                "name": name,
                "shape": list(initializer.dims),
                "offset": offset,
                "mean": mean,
                "deviation": round(deviation, 6),
            }
        )
        names[initializer.name] = name
        initializer.name = name
        initializer.ClearField("raw_data")
        initializer.data_location = TensorProto.EXTERNAL
        places = {"location": f"{path.name}_data", "offset": offset, "length": 4 * elements}
        for key, value in places.items():
            initializer.external_data.add(key=key, value=str(value))
    for node in graph.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    path.write_bytes(graph.SerializeToString(deterministic=True))
    return {"file": f"onnx/{path.name}_data", "bytes": end, "tensors": tensors}


def check(path: Path, data: dict) -> None:
    """Checks a graph beside a data file of zeros, which takes no room on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        with (Path(folder) / Path(data["file"]).name).open("wb") as file:
            file.truncate(data["bytes"])
        onnx.checker.check_model(str(copy))


def write_bench_settings(folder: Path, config: Config) -> None:
    """The demo model's settings, with the images and the preprocessing of LLaVA 1.5."""
    write_settings(folder, config)
    model = read_json(folder / "config.json")
    model["image_seq_length"] = IMAGE_TOKENS
    model["text_config"]["tie_word_embeddings"] = False
    model["vision_config"] |= {
        "model_type": "clip_vision_model",
        "image_size": IMAGE_SIZE,
        "patch_size": PATCH,
        "intermediate_size": 4 * config.vision_width,
        "num_hidden_layers": VISION_LAYERS,
        "num_attention_heads": VISION_HEADS,
    }
    model["transformers.js_config"] = {"use_external_data_format": True}
    write_json(folder / "config.json", model)
    preprocessor = read_json(folder / "preprocessor_config.json")
    preprocessor |= {
        "size": {"shortest_edge": IMAGE_SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    write_json(folder / "preprocessor_config.json", preprocessor)
    processor = read_json(folder / "processor_config.json")
    write_json(folder / "processor_config.json", processor | {"patch_size": PATCH})


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, content: dict | list) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="the folder to write, such as bench")
    folder = parser.parse_args().output
    config = Config(
        vocabulary=32_000,
        width=896,
        layers=12,
        heads=14,
        mlp_width=3584,
        max_positions=MAX_POSITIONS,
        vision_width=1024,
    )
    vision, decoder = BenchVision(config).eval(), BenchDecoder(config).eval()
    marks = mark({"vision": vision, "decoder": decoder})
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    paths = [
        export_graph(
            folder / "onnx" / "vision_encoder.onnx",
            vision,
            (torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE),),
            {"pixel_values": {0: "batch_size"}},
            {"image_features": {0: "batch_size"}},
        ),
        export_embedding(folder / "onnx" / "embed_tokens.onnx", decoder),
        export_decoder(
            folder / "onnx" / "decoder_model_merged.onnx",
            config,
            decoder,
            {"num_logits_to_keep": torch.tensor(2)},
        ),
    ]
    files = []
    for path in paths:
        files.append(externalise(path, marks, config))
        check(path, files[-1])
        print(f"{path}: {path.stat().st_size:,} bytes, weights {files[-1]['bytes']:,} bytes")
    write_bench_settings(folder, config)
    write_json(folder / "weights.json", files)
    for prefix in ("vision.", "decoder.blocks."):
        size = sum(p.numel() for name, p in marks.values() if name.startswith(prefix))
        print(f"{prefix}*: {size:,} parameters")


if __name__ == "__main__":
    main()

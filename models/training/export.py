"""Writes a checkpoint as a Hugging Face ONNX folder: three graphs, configuration, tokenizer.

The layout is that of LLaVA models converted for transformers.js: a vision encoder, an embedding
table, and one decoder graph for prefill and decoding, with the cache as plain inputs and outputs.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import model as models
from model import IMAGE_TOKENS, Config, Decoder, VisionEncoder
from tokenizer import BOS, EOS, IMAGE, PAD
from world import GRID, IMAGE_SIZE

OPSET = 14

# One line, and only the plainest Jinja: other engines than Jinja2 render it too.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "<|{{ message['role'] }}|>"
    "{% if message['content'] is string %}"
    "{{ message['content'] }}"
    "{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% endif %}"
    "{% endfor %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}"
    "{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


class Embedding(nn.Module):
    """The decoder's word embedding as a graph of its own."""

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.weight = decoder.embedding.weight

    def forward(self, input_ids: Tensor) -> Tensor:
        return F.embedding(input_ids, self.weight)


def export_graphs(
    folder: Path, config: Config, vision: VisionEncoder, decoder: Decoder
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        export_vision(folder / "vision_encoder.onnx", vision),
        export_embedding(folder / "embed_tokens.onnx", decoder),
        export_decoder(folder / "decoder_model_merged.onnx", config, decoder),
    ]
    for path in paths:
        onnx.checker.check_model(str(path))
    return paths


def export_vision(path: Path, vision: VisionEncoder) -> Path:
    return export_graph(
        path,
        vision,
        (torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE),),
        {"pixel_values": {0: "batch_size"}},
        {"image_features": {0: "batch_size"}},
    )


def export_embedding(path: Path, decoder: Decoder) -> Path:
    axes = {0: "batch_size", 1: "sequence_length"}
    return export_graph(
        path,
        Embedding(decoder),
        (torch.ones(2, 5, dtype=torch.long),),
        {"input_ids": axes},
        {"inputs_embeds": axes},
    )


def export_decoder(
    path: Path, config: Config, decoder: Decoder, scalars: dict[str, Tensor] | None = None
) -> Path:
    """The decoder; `scalars` are further inputs of its `forward`, after the positions."""
    scalars = scalars or {}
    # Traced with sizes other than 0 and 1, so that the tracer takes none of them for a constant.
    batch, new, past = 2, 5, 3
    sequence = {0: "batch_size", 1: "sequence_length"}
    inputs = {
        "inputs_embeds": sequence,
        "attention_mask": {0: "batch_size", 1: "total_sequence_length"},
        "position_ids": sequence,
        **{name: {} for name in scalars},
    }
    outputs = {"logits": sequence}
    cache = [f"{layer}.{part}" for layer in range(config.layers) for part in ("key", "value")]
    for name in cache:
        inputs[f"past_key_values.{name}"] = {0: "batch_size", 2: "past_sequence_length"}
        outputs[f"present.{name}"] = {0: "batch_size", 2: "total_sequence_length"}
    example = (
        torch.zeros(batch, new, config.width),
        torch.ones(batch, past + new, dtype=torch.long),
        torch.arange(past, past + new).repeat(batch, 1),
        *scalars.values(),
        *(torch.zeros(batch, config.heads, past, config.head_width) for _ in cache),
    )
    return export_graph(path, decoder, example, inputs, outputs)


def export_graph(
    path: Path, module: nn.Module, example: tuple, inputs: dict, outputs: dict
) -> Path:
    torch.onnx.export(
        module,
        example,
        str(path),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes={**inputs, **outputs},
        opset_version=OPSET,
        do_constant_folding=True,
    )
    return path


def write_settings(folder: Path, config: Config) -> None:
    special_tokens = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
    }
    token_ids = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
    settings = {
        "config.json": {
            "architectures": ["LlavaForConditionalGeneration"],
            "model_type": "llava",
            "image_token_index": IMAGE,
            "image_seq_length": IMAGE_TOKENS,
            "ignore_index": -100,
            "pad_token_id": PAD,
            "text_config": {
                "model_type": "llama",
                "vocab_size": config.vocabulary,
                "hidden_size": config.width,
                "num_hidden_layers": config.layers,
                "num_attention_heads": config.heads,
                "num_key_value_heads": config.heads,
                "head_dim": config.head_width,
                "intermediate_size": config.mlp_width,
                "max_position_embeddings": config.max_positions,
                "rope_theta": 10000.0,
                "tie_word_embeddings": True,
                **token_ids,
            },
            "vision_config": {
                "model_type": "tiny_conv",
                "image_size": IMAGE_SIZE,
                "patch_size": IMAGE_SIZE // GRID,
                "hidden_size": config.vision_width,
            },
        },
        "generation_config.json": {**token_ids, "max_new_tokens": 80},
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor",
            "processor_class": "LlavaProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
            "resample": 2,
            "do_center_crop": False,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        },
        # patch_size and no additional tokens make the processor expand <image> to 64 tokens.
        "processor_config.json": {
            "processor_class": "LlavaProcessor",
            "image_token": "<image>",
            "patch_size": IMAGE_SIZE // GRID,
            "num_additional_image_tokens": 0,
            "vision_feature_select_strategy": "full",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "processor_class": "LlavaProcessor",
            **special_tokens,
            "add_bos_token": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": config.max_positions,
            "chat_template": CHAT_TEMPLATE,
        },
        "special_tokens_map.json": special_tokens,
    }
    for name, content in settings.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path, help="the tokenizer.json it was trained with")
    parser.add_argument("output", type=Path, help="the folder to write, such as demo")
    arguments = parser.parse_args()
    config, vision, decoder = models.load(arguments.checkpoint)
    for path in export_graphs(arguments.output / "onnx", config, vision, decoder):
        print(f"{path}: {path.stat().st_size:,} bytes")
    write_settings(arguments.output, config)
    shutil.copyfile(arguments.tokenizer, arguments.output / "tokenizer.json")


if __name__ == "__main__":
    main()

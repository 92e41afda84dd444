"""The demo model: a convolutional vision encoder with projector, and a small Llama-like decoder.

The vision encoder is local on purpose. Each of the 64 image tokens knows only its own
surroundings, so masking image tokens removes information little by little; an encoder with global
attention would leak the whole picture into every token.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenizer import EOS, IMAGE, PAD
from world import COLOURS, GRID, KINDS, PLACES

IMAGE_TOKENS = GRID * GRID
BLOCKED = -1e9  # finite, so that a row with every key blocked stays free of NaN


@dataclass
class Config:
    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    mlp_width: int = 512
    max_positions: int = 512
    vision_width: int = 128

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class VisionEncoder(nn.Module):
    """64 x 64 pixels in [-1, 1] to 64 image features in the decoder's embedding space."""

    def __init__(self, config: Config):
        super().__init__()
        channels, width = config.vision_width, config.width
        self.backbone = nn.Sequential(
            _convolution(3, channels // 4, kernel=5, stride=2),
            _convolution(channels // 4, channels // 2, kernel=3, stride=2),
            _convolution(channels // 2, channels, kernel=3, stride=2),
        )
        self.refine = _convolution(channels, channels, kernel=3, stride=1)
        # Position and content must meet before a non-linearity, or "on the left" is learned badly.
        self.row_before = nn.Parameter(torch.randn(GRID, 1, channels) * 0.3)
        self.column_before = nn.Parameter(torch.randn(1, GRID, channels) * 0.3)
        self.project_up = nn.Linear(channels, 2 * width)
        self.project_down = nn.Linear(2 * width, width)
        self.row_after = nn.Parameter(torch.randn(GRID, 1, width) * 0.2)
        self.column_after = nn.Parameter(torch.randn(1, GRID, width) * 0.2)
        # Heads for the labels of the renderer; used in training only and not exported.
        self.label_sizes = [len(KINDS) + 1, len(COLOURS) + 1, 3]
        self.cell_head = nn.Conv2d(channels, sum(self.label_sizes), 1)
        self.place_head = nn.Linear(channels, len(PLACES))

    def features(self, pixel_values: Tensor) -> Tensor:
        maps = self.backbone(pixel_values)
        return maps + self.refine(maps)

    def project(self, features: Tensor) -> Tensor:
        before = (self.row_before + self.column_before).reshape(1, IMAGE_TOKENS, -1)
        after = (self.row_after + self.column_after).reshape(1, IMAGE_TOKENS, -1)
        tokens = features.flatten(2).transpose(1, 2) + before
        return self.project_down(F.relu(self.project_up(tokens))) + after

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits of kind, colour and centre per cell, and of the place."""
        kind, colour, centre = self.cell_head(features).split(self.label_sizes, dim=1)
        return kind, colour, centre, self.place_head(features.mean((2, 3)))

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.project(self.features(pixel_values))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Block(nn.Module):
    """A pre-norm transformer layer with rotary positions and a key/value cache."""

    def __init__(self, config: Config):
        super().__init__()
        width = config.width
        self.heads, self.head_width = config.heads, config.head_width
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_up = nn.Linear(width, config.mlp_width, bias=False)
        self.mlp_down = nn.Linear(config.mlp_width, width, bias=False)
        for linear in (self.query_key_value, self.mlp_up):
            nn.init.normal_(linear.weight, std=0.05)
        for linear in (self.attention_out, self.mlp_down):
            nn.init.normal_(linear.weight, std=0.05 / math.sqrt(2 * config.layers))

    def forward(
        self,
        hidden: Tensor,
        cos: Tensor,
        sin: Tensor,
        bias: Tensor,
        past_key: Tensor | None = None,
        past_value: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        attended, key, value = self._attend(hidden, cos, sin, bias, past_key, past_value)
        hidden = hidden + attended
        hidden = hidden + self.mlp_down(F.relu(self.mlp_up(self.mlp_norm(hidden))))
        return hidden, key, value

    def _attend(self, hidden, cos, sin, bias, past_key, past_value):
        projected = self.query_key_value(self.attention_norm(hidden)).chunk(3, -1)
        query, key, value = (self._split_heads(part) for part in projected)
        query, key = _rotate(query, cos, sin), _rotate(key, cos, sin)
        if past_key is not None:
            key = torch.cat([past_key, key], 2)
            value = torch.cat([past_value, value], 2)
        scores = torch.matmul(query * self.head_width**-0.5, key.transpose(-1, -2)) + bias
        mixed = torch.matmul(scores.softmax(-1), value).transpose(1, 2)
        # Sizes are read from the tensors, so that the ONNX export keeps them dynamic.
        mixed = mixed.reshape(mixed.shape[0], mixed.shape[1], self.heads * self.head_width)
        return self.attention_out(mixed), key, value

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.head_width).transpose(1, 2)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Decoder(nn.Module):
    """The language model; `forward` is the merged graph that serves prefill and decoding."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        nn.init.normal_(self.embedding.weight, std=0.06)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.width)
        exponents = torch.arange(0, config.head_width, 2).float() / config.head_width
        angles = torch.outer(torch.arange(config.max_positions).float(), 10000.0**-exponents)
        angles = torch.cat([angles, angles], -1)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def embed(self, input_ids: Tensor) -> Tensor:
        return self.embedding(input_ids)

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding.weight)

    def run_blocks(
        self, hidden: Tensor, position_ids: Tensor, bias: Tensor, past: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        cos = self.cos[position_ids].unsqueeze(1)
        sin = self.sin[position_ids].unsqueeze(1)
        present: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            hidden, key, value = block(hidden, cos, sin, bias, *past[2 * index : 2 * index + 2])
            present += [key, value]
        return self.final_norm(hidden), present

    def forward(
        self, inputs_embeds: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        """Causality follows the order in the cache and rotation follows `position_ids`.

        The two differ as soon as tokens are masked or dropped, which is what this model is for.
        """
        new, total = inputs_embeds.shape[1], attention_mask.shape[1]
        keys = torch.arange(total, device=inputs_embeds.device)
        queries = torch.arange(new, device=inputs_embeds.device) + (total - new)
        causal = (keys[None, :] <= queries[:, None])[None, None]
        allowed = causal & (attention_mask[:, None, None, :] > 0)
        bias = torch.where(allowed, torch.zeros(()), torch.full((), BLOCKED))
        hidden, present = self.run_blocks(inputs_embeds, position_ids, bias, past)
        return (self.logits(hidden), *present)


def empty_past(config: Config, batch: int) -> list[Tensor]:
    return [
        torch.zeros(batch, config.heads, 0, config.head_width) for _ in range(2 * config.layers)
    ]


def to_pixel_values(images: Tensor) -> Tensor:
    """uint8 [batch, height, width, 3] to what the vision encoder expects."""
    return (images.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


def save(path, config: Config, vision: VisionEncoder, decoder: Decoder, **extra) -> None:
    state = {"config": asdict(config), "vision": vision.state_dict()}
    torch.save({**state, "decoder": decoder.state_dict(), **extra}, path)


def load(path) -> tuple[Config, VisionEncoder, Decoder]:
    """A checkpoint, ready for inference."""
    state = torch.load(path, map_location="cpu")
    config = Config(**state["config"])
    vision, decoder = VisionEncoder(config), Decoder(config)
    vision.load_state_dict(state["vision"])
    decoder.load_state_dict(state["decoder"])
    return config, vision.eval(), decoder.eval()


@torch.no_grad()
def generate(
    decoder: Decoder,
    image_features: Tensor,
    prompts: list[list[int]],
    keep: Tensor | None = None,
    max_new_tokens: int = 80,
) -> list[list[int]]:
    """Greedy answers to a batch of prompts, each with one `<image>`.

    `keep` is 0 for the image tokens that are masked; positions stay those of the full prompt.
    """
    expanded = [_expand_image(prompt) for prompt in prompts]
    batch, length = len(expanded), max(map(len, expanded))
    input_ids = torch.full((batch, length), PAD)
    mask = torch.zeros(batch, length, dtype=torch.long)
    for row, ids in enumerate(expanded):
        input_ids[row, length - len(ids) :] = torch.tensor(ids)
        mask[row, length - len(ids) :] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    is_image = input_ids == IMAGE
    embeds = decoder.embed(input_ids)
    embeds[is_image] = image_features.reshape(-1, image_features.shape[-1])
    if keep is not None:
        mask[is_image] = keep.reshape(-1).long()

    past = empty_past(decoder.config, batch)
    answers: list[list[int]] = [[] for _ in range(batch)]
    finished = torch.zeros(batch, dtype=torch.bool)
    for _ in range(max_new_tokens):
        logits, *past = decoder(embeds, mask, positions, *past)
        chosen = logits[:, -1].argmax(-1)
        finished |= chosen == EOS
        if finished.all():
            break
        for row in torch.nonzero(~finished)[:, 0].tolist():
            answers[row].append(int(chosen[row]))
        embeds = decoder.embed(chosen[:, None])
        mask = torch.cat([mask, torch.ones(batch, 1, dtype=torch.long)], 1)
        positions = positions[:, -1:] + 1
    return answers


def _expand_image(prompt: list[int]) -> list[int]:
    at = prompt.index(IMAGE)
    return prompt[:at] + [IMAGE] * IMAGE_TOKENS + prompt[at + 1 :]

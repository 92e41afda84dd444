"""Trains the demo model from scratch on scenes made on the fly; see ../README.md.

Two stages. First the vision encoder alone learns the labels of the renderer (the stand-in for a
pre-trained CLIP). Then everything is trained together on conversations.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import language
import model as models
import tokenizer as tokenizers
from drawing import render
from model import BLOCKED, IMAGE_TOKENS, Config, Decoder, VisionEncoder
from tokenizer import ASSISTANT, BOS, EOS, IMAGE, USER, Tokenizer
from world import COLOURS, COLUMNS, GRID, IMAGE_SIZE, KINDS, PLACES, Scene, sample_scene

# A row is this prefix followed by as many conversations about the same picture as fit. They do
# not see each other and their positions all start after the prefix, so each is trained exactly
# as if it were alone, at a fraction of the cost of the image tokens.
PREFIX = [BOS, USER] + [IMAGE] * IMAGE_TOKENS
IMAGE_SLICE = slice(2, 2 + IMAGE_TOKENS)
NO_TARGET = -1


@dataclass(frozen=True)
class Recipe:
    vision_steps: int = 1200
    joint_steps: int = 2400
    batch: int = 32
    row_length: int = 192
    seed: int = 5
    vision_rate: float = 3e-3
    joint_rate: float = 2e-3
    alignment_weight: float = 0.3
    label_weight: float = 0.3
    # The language prior: conversations that may not see the picture, pictures partly masked.
    blind_share: float = 0.12
    masked_share: float = 0.2
    # A conversation has two turns with this probability.
    two_turn_share: float = 0.3
    newline_share: float = 0.3  # "<image>\nDescribe ...", as LLaVA data has it


class Batch(NamedTuple):
    images: Tensor  # [batch, height, width, 3]
    labels: Tensor  # [batch, 4, GRID, GRID]: kind, colour, centre, column
    places: Tensor  # [batch]
    input_ids: Tensor  # this and the following: [batch, row_length]
    targets: Tensor
    segments: Tensor  # 0 the prefix, 1.. the conversations, -1 padding
    positions: Tensor
    blind: Tensor  # the tokens that may not see the picture
    visible: Tensor  # [batch, IMAGE_TOKENS], False where a token is masked


# ---- data


class Conversations(torch.utils.data.IterableDataset):
    """An endless stream of batches: no scene is ever used twice."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, with_text: bool):
        self.recipe, self.tokenizer, self.with_text = recipe, tokenizer, with_text

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        rng = random.Random(self.recipe.seed * 1000 + int(self.with_text))
        while True:
            yield self._batch(rng)

    def _batch(self, rng: random.Random) -> Batch:
        batch, length = self.recipe.batch, self.recipe.row_length
        arrays = Batch(
            images=np.zeros((batch, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8),
            labels=np.zeros((batch, 4, GRID, GRID), np.int64),
            places=np.zeros(batch, np.int64),
            input_ids=np.zeros((batch, length), np.int64),
            targets=np.full((batch, length), NO_TARGET, np.int64),
            segments=np.full((batch, length), -1, np.int64),
            positions=np.zeros((batch, length), np.int64),
            blind=np.zeros((batch, length), bool),
            visible=np.ones((batch, IMAGE_TOKENS), bool),
        )
        for row in range(batch):
            scene = sample_scene(rng)
            arrays.images[row], labels = render(scene, rng)
            arrays.labels[row] = np.stack(labels)
            arrays.places[row] = PLACES.index(scene.place)
            if self.with_text:
                self._fill_row(arrays, row, scene, rng)
        return Batch(*map(torch.from_numpy, arrays))

    def _fill_row(self, arrays: Batch, row: int, scene: Scene, rng: random.Random) -> None:
        end = len(PREFIX)
        arrays.input_ids[row, :end] = PREFIX
        arrays.segments[row, :end] = 0
        arrays.positions[row, :end] = range(end)
        if rng.random() < self.recipe.masked_share:
            share = rng.random()
            arrays.visible[row] = [rng.random() > share for _ in range(IMAGE_TOKENS)]
        segment = 0
        while True:
            ids, targets = self._conversation(scene, rng, describes_first=segment == 0)
            start, end = end, end + len(ids)
            if end > self.recipe.row_length:
                return
            segment += 1
            arrays.input_ids[row, start:end] = ids
            arrays.targets[row, start:end] = targets
            arrays.segments[row, start:end] = segment
            arrays.positions[row, start:end] = range(len(PREFIX), len(PREFIX) + len(ids))
            arrays.blind[row, start:end] = rng.random() < self.recipe.blind_share

    def _conversation(
        self, scene: Scene, rng: random.Random, describes_first: bool
    ) -> tuple[list[int], list[int]]:
        """One or two turns as the chat template renders them, without the prefix."""
        ids, targets = self._turn(scene, rng, describes_first)
        newline = "\n" if rng.random() < self.recipe.newline_share else ""
        newline_ids = self.tokenizer.encode(newline)
        ids = newline_ids + ids
        targets = [NO_TARGET] * len(newline_ids) + targets
        if rng.random() < self.recipe.two_turn_share:
            describes_next = not describes_first and rng.random() < 0.2
            next_ids, next_targets = self._turn(scene, rng, describes_next)
            ids += [USER, *next_ids]
            targets += [NO_TARGET, *next_targets]
        return ids, targets

    def _turn(
        self, scene: Scene, rng: random.Random, describes: bool
    ) -> tuple[list[int], list[int]]:
        if describes:
            prompt, answer = rng.choice(language.DESCRIBE_PROMPTS), language.describe(scene, rng)
        else:
            _, prompt, answer, _ = language.ask(scene, rng)
        prompt = language.vary(prompt, rng, describes)
        prompt_ids = self.tokenizer.encode(prompt) + [ASSISTANT]
        answer_ids = self.tokenizer.encode(answer) + [EOS]
        # The token before an answer token predicts it; the last one, </s>, predicts nothing.
        targets = [NO_TARGET] * (len(prompt_ids) - 1) + answer_ids + [NO_TARGET]
        return prompt_ids + answer_ids, targets


def batches(recipe: Recipe, tokenizer: Tokenizer, with_text: bool) -> Iterator[Batch]:
    data = Conversations(recipe, tokenizer, with_text)
    return iter(torch.utils.data.DataLoader(data, batch_size=None, num_workers=1))


# ---- losses


def label_loss(vision: VisionEncoder, features: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """How well the features tell the renderer's labels, and the share of kinds told right."""
    kind, colour, centre, place = vision.classify(features)
    true_kind, true_colour, true_centre = batch.labels[:, 0], batch.labels[:, 1], batch.labels[:, 2]
    loss = (
        F.cross_entropy(kind, true_kind)
        + F.cross_entropy(colour, true_colour)
        + F.cross_entropy(centre, true_centre, weight=torch.tensor([0.2, 1.0, 1.0]))
        + 0.3 * F.cross_entropy(place, batch.places)
    )
    is_object = true_kind > 0
    return loss, (kind.argmax(1) == true_kind)[is_object].float().mean()


class WordIds:
    """Token ids of the words an image token should be near to in the embedding space."""

    def __init__(self, tokenizer: Tokenizer):
        def ids(words: list[str]) -> Tensor:
            return torch.tensor([tokenizer.word_id(word) for word in words])

        self.kinds, self.colours, self.columns = ids(KINDS), ids(COLOURS), ids(COLUMNS)
        self.places = ids([place.split()[0] for place in PLACES])


def alignment_loss(decoder: Decoder, image: Tensor, batch: Batch, words: WordIds) -> Tensor:
    """Image tokens should resemble the words for what they show.

    An object's cells: kind, colour and column; the background's: the place. This spares the
    decoder most of the search for how words and image tokens belong together.
    """
    log_probability = F.log_softmax(decoder.logits(F.layer_norm(image, image.shape[-1:])), -1)
    kind, colour, _, column = batch.labels.flatten(2).unbind(1)
    is_object = kind > 0

    of_objects = log_probability[is_object]
    word_ids = [
        words.kinds[kind[is_object] - 1],
        words.colours[colour[is_object] - 1],
        words.columns[column[is_object] - 1],
    ]
    object_loss = -of_objects.gather(1, torch.stack(word_ids, 1)).mean()

    place_ids = words.places[batch.places][:, None].expand_as(kind)[~is_object]
    place_loss = -log_probability[~is_object].gather(1, place_ids[:, None]).mean()
    return object_loss + place_loss


def attention_bias(batch: Batch) -> Tensor:
    """Each conversation sees the prefix and itself, less the image tokens hidden from it."""
    length = batch.input_ids.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    segments = batch.segments
    same = (segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None])
    is_image = torch.zeros(length, dtype=torch.bool)
    is_image[IMAGE_SLICE] = True
    seen = torch.ones_like(batch.input_ids, dtype=torch.bool)
    seen[:, IMAGE_SLICE] = batch.visible
    allowed = causal[None] & same & ~(is_image & batch.blind[:, :, None]) & seen[:, None]
    return torch.zeros(allowed.shape).masked_fill_(~allowed, BLOCKED)[:, None]


# ---- training


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def scheduled_rate(step: int, steps: int, warm_up: int, floor: float) -> float:
    """Share of the peak rate: a linear warm-up, then a cosine down to `floor`."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / warm_up) * (floor + (1 - floor) * cosine)


def train_vision(recipe: Recipe, vision: VisionEncoder, tokenizer: Tokenizer) -> None:
    optimizer = torch.optim.AdamW(vision.parameters(), betas=(0.9, 0.95), weight_decay=0.02)
    data = batches(recipe, tokenizer, with_text=False)
    for step in range(recipe.vision_steps):
        set_rate(optimizer, recipe.vision_rate * scheduled_rate(step, recipe.vision_steps, 40, 0.1))
        batch = next(data)
        loss, accuracy = label_loss(
            vision, vision.features(models.to_pixel_values(batch.images)), batch
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 100 == 0 or step == recipe.vision_steps - 1:
            log(f"vision {step} loss {loss.item():.3f} kinds {accuracy.item():.3f}")


def joint_optimizer(vision: VisionEncoder, decoder: Decoder) -> torch.optim.Optimizer:
    """Weight decay for matrices only, and not for the word embedding."""
    named = [*vision.named_parameters(), *decoder.named_parameters()]
    decayed = [p for name, p in named if p.dim() > 1 and "embedding" not in name]
    others = [p for name, p in named if not (p.dim() > 1 and "embedding" not in name)]
    groups = [
        {"params": decayed, "weight_decay": 0.05},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.97))


def train_jointly(
    recipe: Recipe, vision: VisionEncoder, decoder: Decoder, tokenizer: Tokenizer, output: Path
) -> None:
    optimizer, words = joint_optimizer(vision, decoder), WordIds(tokenizer)
    data = batches(recipe, tokenizer, with_text=True)
    for step in range(1, recipe.joint_steps + 1):
        share = scheduled_rate(step - 1, recipe.joint_steps, 100, 0.02)
        set_rate(optimizer, recipe.joint_rate * share)
        batch = next(data)
        features = vision.features(models.to_pixel_values(batch.images))
        image = vision.project(features)
        text = decoder.embed(batch.input_ids)
        embeds = torch.cat(
            [text[:, : IMAGE_SLICE.start], image, text[:, IMAGE_SLICE.stop :]], dim=1
        )
        hidden, _ = decoder.run_blocks(embeds, batch.positions, attention_bias(batch))
        answers = batch.targets != NO_TARGET
        losses = F.cross_entropy(
            decoder.logits(hidden[answers]), batch.targets[answers], reduction="none"
        )
        alignment = alignment_loss(decoder, image, batch, words)
        labels, _ = label_loss(vision, features, batch)
        loss = losses.mean() + recipe.alignment_weight * alignment + recipe.label_weight * labels
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for part in (vision, decoder):
            torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step <= 3:
            blind = batch.blind[answers]
            log(
                f"joint {step} answers {losses.mean().item():.4f}"
                f" blind {losses[blind].mean().item():.3f}"
                f" seeing {losses[~blind].mean().item():.3f}"
                f" alignment {alignment.item():.3f} labels {labels.item():.3f}"
            )
        if step % 400 == 0:
            models.save(output, decoder.config, vision, decoder, step=step)


_started = time.time()


def log(message: str) -> None:
    print(f"{time.time() - _started:6.0f}s {message}", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = Recipe()
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json")
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("--vision-steps", type=int, default=defaults.vision_steps)
    parser.add_argument("--joint-steps", type=int, default=defaults.joint_steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    recipe = Recipe(
        vision_steps=arguments.vision_steps,
        joint_steps=arguments.joint_steps,
        batch=arguments.batch,
        seed=arguments.seed,
    )
    torch.manual_seed(recipe.seed)
    tokenizer = tokenizers.load(arguments.tokenizer)
    config = Config(vocabulary=len(tokenizer))
    vision, decoder = VisionEncoder(config), Decoder(config)
    for name, part in (("vision", vision), ("decoder", decoder)):
        log(f"{name}: {sum(p.numel() for p in part.parameters())} parameters")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    train_vision(recipe, vision, tokenizer)
    train_jointly(recipe, vision, decoder, tokenizer, arguments.output)
    models.save(arguments.output, config, vision, decoder, step=recipe.joint_steps)
    log(f"done: {arguments.output}")


if __name__ == "__main__":
    main()

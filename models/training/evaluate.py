"""Measures a checkpoint on held-out scenes while more and more of its image tokens are masked."""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import language
import model as models
import tokenizer as tokenizers
from drawing import render
from language import Exchange
from model import IMAGE_TOKENS, Decoder
from tokenizer import Tokenizer
from world import TYPICAL_COLOUR, Scene, sample_scene

SEED = 987654321  # never used in training or for the dataset
LEVELS = [0.0, 0.5, 0.9, 0.99, 1.0]
BATCH = 125
DESCRIBE = language.DESCRIBE_PROMPTS[0]
YES_NO = ("exist", "is_colour")

ROWS = {
    "place": "description: place right",
    "right_kind_and_colour": "described objects right in kind and colour",
    "hallucinated": "described objects that are not in the scene, or repeated",
    "recall": "objects of the scene that are described",
    "colour_of_matched": "colour right, of the objects found",
    "count_of_matched": "count right, of the objects found",
    "size_of_matched": "size right, of the objects found",
    "position_of_matched": "position right, of the objects found",
    "exact": "whole description right",
    "well_formed": "well-formed text",
    "exist": "question: is there a ...? (yes or no)",
    "is_colour": "question: is the ... yellow? (yes or no)",
    "colour": "question: what colour?",
    "colour_atypical": "the same, objects of an untypical colour",
    "count": "question: how many of a kind?",
    "total": "question: how many things?",
    "where": "question: where?",
    "main": "question: main subject, whole phrase",
    "place_question": "question: what place?",
    "second_turn": "any question asked after a description, whole answer",
}


class Model:
    """The checkpoint with the held-out pictures, ready to be asked about all of them at once."""

    def __init__(self, decoder: Decoder, tokenizer: Tokenizer, image_features: Tensor):
        self.decoder, self.tokenizer, self.image_features = decoder, tokenizer, image_features

    def answer(self, prompts: list[str], keep: Tensor, max_new_tokens: int = 80) -> list[str]:
        answers = []
        for start in range(0, len(prompts), BATCH):
            part = slice(start, start + BATCH)
            ids = [self.tokenizer.encode(prompt) for prompt in prompts[part]]
            answers += models.generate(
                self.decoder, self.image_features[part], ids, keep[part], max_new_tokens
            )
        return [self.tokenizer.decode(ids) for ids in answers]


def chat(*turns: str) -> str:
    """User and assistant turns in alternation, as the chat template renders them."""
    text = "<s>"
    for index, turn in enumerate(turns):
        image = "<image>" if index == 0 else ""
        is_user = index % 2 == 0
        text += f"<|user|>{image}{turn}<|assistant|>" if is_user else f"{turn}</s>"
    return text


def percent(part: float, whole: float) -> float | None:
    """None where there is nothing to take a share of."""
    return round(100 * part / whole, 1) if whole else None


def random_masks(scenes: int, masked: float) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    kept = round((1 - masked) * IMAGE_TOKENS)
    keep = torch.zeros(scenes, IMAGE_TOKENS, dtype=torch.long)
    for row in keep:
        row[torch.randperm(IMAGE_TOKENS, generator=generator)[:kept]] = 1
    return keep


def score_descriptions(scenes: list[Scene], texts: list[str]) -> dict[str, float | None]:
    tally: Counter = Counter()
    for scene, text in zip(scenes, texts, strict=True):
        tally.update(_compare(scene, text))
    matched = tally["matched"]
    return {
        "place": percent(tally["place"], len(scenes)),
        "right_kind_and_colour": percent(tally["colour"], tally["mentioned"]),
        "hallucinated": percent(tally["mentioned"] - matched, tally["mentioned"]),
        "recall": percent(matched, tally["true"]),
        "colour_of_matched": percent(tally["colour"], matched),
        "count_of_matched": percent(tally["count"], matched),
        "size_of_matched": percent(tally["big"], matched),
        "position_of_matched": percent(tally["position"], matched),
        "exact": percent(tally["exact"], len(scenes)),
        "well_formed": percent(tally["well_formed"], len(scenes)),
        "mentioned_per_image": round(tally["mentioned"] / len(scenes), 2),
    }


def _compare(scene: Scene, text: str) -> Counter:
    """Counts for one description; a kind mentioned twice matches the scene once."""
    truth, said = language.true_statements(scene), language.parse(text)
    first_said: dict[str, language.Statement] = {}
    for statement in said.groups:
        first_said.setdefault(statement.kind, statement)
    same_groups = Counter(said.groups) == Counter(truth.groups)
    tally = Counter(
        true=len(truth.groups),
        mentioned=len(said.groups),
        place=said.place == truth.place,
        exact=said.place == truth.place and same_groups,
        well_formed=language.is_well_formed(text),
    )
    for fact in truth.groups:
        statement = first_said.get(fact.kind)
        if statement:
            tally["matched"] += 1
            for part in ("colour", "count", "big", "position"):
                tally[part] += getattr(statement, part) == getattr(fact, part)
    return tally


def is_right(exchange: Exchange, answer: str) -> bool:
    if exchange.type in YES_NO:
        return answer.startswith(exchange.key)
    return exchange.key in answer


def score_questions(
    model: Model, scenes: list[Scene], exchanges: dict[str, list[Exchange]], keep: Tensor
) -> dict[str, float | None]:
    scores: dict[str, float | None] = {}
    for question_type, asked in exchanges.items():
        answers = model.answer([chat(exchange.question) for exchange in asked], keep, 24)
        right = [
            is_right(exchange, answer) for exchange, answer in zip(asked, answers, strict=True)
        ]
        name = "place_question" if question_type == "place" else question_type
        scores[name] = percent(sum(right), len(right))
        if question_type == "colour":
            scores.update(_score_colour_bias(scenes, asked, answers, right))
    return scores


def _score_colour_bias(
    scenes: list[Scene], asked: list[Exchange], answers: list[str], right: list[bool]
) -> dict[str, float | None]:
    """Does the model say what it sees, or what is typical?"""
    typical = [
        next(
            TYPICAL_COLOUR[group.kind]
            for group in scene.groups
            if f" {language.noun(group)} " in exchange.answer
        )
        for scene, exchange in zip(scenes, asked, strict=True)
    ]
    atypical = [i for i, exchange in enumerate(asked) if exchange.key != typical[i]]
    says_typical = sum(colour in answer for colour, answer in zip(typical, answers, strict=True))
    return {
        "colour_atypical": percent(sum(right[i] for i in atypical), len(atypical)),
        "says_typical_colour": percent(says_typical, len(asked)),
    }


def score_second_turn(
    model: Model, descriptions: list[str], exchanges: list[Exchange], keep: Tensor
) -> float | None:
    """Questions after the model's own description, so that turns do not break it."""
    prompts = [
        chat(DESCRIBE, description, exchange.question)
        for description, exchange in zip(descriptions, exchanges, strict=True)
    ]
    answers = model.answer(prompts, keep, 24)
    right = sum(
        answer == exchange.answer for answer, exchange in zip(answers, exchanges, strict=True)
    )
    return percent(right, len(exchanges))


def markdown_table(results: dict[str, dict]) -> str:
    titles = [f"{100 * float(level):g} %" for level in results]
    lines = [f"| image tokens masked | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for key, label in ROWS.items():
        values = [scores[key] for scores in results.values()]
        cells = ["-" if value is None else f"{value:.1f}" for value in values]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("output", type=Path, help="the JSON file to write the figures to")
    parser.add_argument("--scenes", type=int, default=500)
    arguments = parser.parse_args()

    rng = random.Random(SEED)
    scenes = [sample_scene(rng) for _ in range(arguments.scenes)]
    images = np.stack([render(scene, rng)[0] for scene in scenes])
    exchanges = {
        question_type: [language.ask(scene, rng, question_type) for scene in scenes]
        for question_type in language.QUESTIONS
    }
    any_exchange = [language.ask(scene, rng) for scene in scenes]

    _, vision, decoder = models.load(arguments.checkpoint)
    with torch.no_grad():
        features = vision(models.to_pixel_values(torch.from_numpy(images)))
    model = Model(decoder, tokenizers.load(arguments.tokenizer), features)

    results = {}
    for level in LEVELS:
        keep = random_masks(len(scenes), level)
        descriptions = model.answer([chat(DESCRIBE)] * len(scenes), keep)
        results[str(level)] = {
            "image_tokens_kept": int(keep[0].sum()),
            **score_descriptions(scenes, descriptions),
            **score_questions(model, scenes, exchanges, keep),
            "second_turn": score_second_turn(model, descriptions, any_exchange, keep),
            "examples": descriptions[:3],
        }
        print(f"{100 * level:g} % masked: {descriptions[0]}", flush=True)
    summary = {"scenes": len(scenes), "seed": SEED, "unit": "%", "masked": results}
    arguments.output.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(markdown_table(results))


if __name__ == "__main__":
    main()

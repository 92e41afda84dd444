"""Makes the demo dataset: held-out scenes with true conversations and the facts they rest on.

Every file is written byte for byte the same on each run.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import tarfile
from pathlib import Path

from PIL import Image

import language
from drawing import render
from world import COLOURS, PLACES, Scene, sample_scene

SEED = 20240702  # never used in training or evaluation
SHARDS = 3
SCENES_PER_SHARD = 100
FILE_SCENES = 24  # further scenes, as image files beside a LLaVA-Instruct JSON
UNANSWERED_EVERY = 10  # one in ten last questions is left for the pipeline to answer


def make_record(index: int, rng: random.Random) -> tuple[dict, bytes]:
    """A conversation of two exchanges, a description and a question, with its picture."""
    scene = sample_scene(rng)
    pixels, _ = render(scene, rng)
    record = {
        "id": f"{index:06d}",
        "conversations": _conversation(scene, rng, answered=(index + 1) % UNANSWERED_EVERY != 0),
        "facts": scene.facts(),
    }
    return record, _png(pixels)


def _conversation(scene: Scene, rng: random.Random, answered: bool) -> list[dict]:
    prompt, description = rng.choice(language.DESCRIBE_PROMPTS), language.describe(scene, rng)
    exchange = language.ask(scene, rng)
    turns = [
        {"from": "human", "value": f"<image>\n{prompt}"},
        {"from": "gpt", "value": description},
        {"from": "human", "value": exchange.question},
        {"from": "gpt", "value": exchange.answer},
    ]
    return turns if answered else turns[:-1]


def _png(pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def single_exchanges(record: dict) -> list[tuple[str, dict]]:
    """The description and the question of a conversation, each as a conversation of its own.

    Otherwise the true description would stand before the question, and a model that cannot see
    could read the answer there.
    """
    turns = record["conversations"]
    question = [{**turns[2], "value": f"<image>\n{turns[2]['value']}"}, *turns[3:]]
    return [
        (f"{record['id']}-d", {**record, "conversations": turns[:2]}),
        (f"{record['id']}-q", {**record, "conversations": question}),
    ]


def write_shard(path: Path, records: list[tuple[dict, bytes]]) -> None:
    """A WebDataset shard: for every key a picture and its JSON, next to each other."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as shard:
        for record, png in records:
            for key, part in single_exchanges(record):
                text = json.dumps(part, ensure_ascii=False).encode()
                for extension, data in (("png", png), ("json", text)):
                    entry = tarfile.TarInfo(f"{key}.{extension}")
                    entry.size = len(data)  # owner, mode and time stay at their fixed defaults
                    shard.addfile(entry, io.BytesIO(data))


def write_files(folder: Path, records: list[tuple[dict, bytes]]) -> None:
    """The LLaVA-Instruct layout: one JSON array, pictures by path relative to it."""
    entries = []
    (folder / "images").mkdir(exist_ok=True)
    for record, png in records:
        image = f"images/{record['id']}.png"
        (folder / image).write_bytes(png)
        entries.append({"id": record["id"], "image": image, **record})
    _write_json(folder / "llava_instruct.json", entries)


def vocabulary() -> dict:
    """The words of the world, for a reader of the statements."""
    numbers = {word: count for count, word in enumerate(language.NUMBERS)}
    return {
        "kinds": language.PLURALS,
        "colours": COLOURS,
        "places": PLACES,
        "positions": language.POSITION_PHRASES,
        "numbers": {"a": 1, "an": 1, **numbers},
        "size": "big",
    }


def _write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="the folder to write, such as demo-data")
    output = parser.parse_args().output
    (output / "shards").mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    total = SHARDS * SCENES_PER_SHARD + FILE_SCENES
    records = [make_record(index, rng) for index in range(total)]
    for number in range(SHARDS):
        start = number * SCENES_PER_SHARD
        shard = records[start : start + SCENES_PER_SHARD]
        write_shard(output / "shards" / f"scenes-{number:05d}.tar", shard)
    write_files(output, records[SHARDS * SCENES_PER_SHARD :])
    _write_json(output / "vocabulary.json", vocabulary())
    print(f"{output}: {total} scenes")


if __name__ == "__main__":
    main()

"""A byte-level BPE tokenizer: trained on the words of the small world, read and written as the
`tokenizer.json` of Hugging Face.

Any UTF-8 text can be tokenized, as every byte has a token; the words the world uses are one
token each, which keeps the sequences short.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import language
from world import COLOURS, KINDS, sample_scene

PAD, BOS, EOS, IMAGE, USER, ASSISTANT, SYSTEM, UNKNOWN = range(8)
SPECIAL_TOKENS = [
    "<pad>",
    "<s>",
    "</s>",
    "<image>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<unk>",
]
VOCABULARY_LIMIT = 576

# The word splitting of GPT-2, for ASCII letters and digits.
_WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
_SPECIAL = re.compile("(" + "|".join(re.escape(token) for token in SPECIAL_TOKENS) + ")")


def _byte_symbols() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    symbols = {byte: chr(byte) for byte in printable}
    symbols.update({byte: chr(256 + index) for index, byte in enumerate(others)})
    return symbols


SYMBOL_OF_BYTE = _byte_symbols()
BYTE_OF_SYMBOL = {symbol: byte for byte, symbol in SYMBOL_OF_BYTE.items()}


def _symbols(text: str) -> list[str]:
    return [SYMBOL_OF_BYTE[byte] for byte in text.encode()]


class Tokenizer:
    def __init__(self, vocabulary: dict[str, int], merges: list[tuple[str, str]]):
        self.vocabulary = vocabulary
        self.merges = merges
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self._token_of_id = {token_id: token for token, token_id in vocabulary.items()}
        self._cache: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.vocabulary)

    def encode(self, text: str) -> list[int]:
        """Token ids; special tokens in the text are recognised, none is added."""
        ids: list[int] = []
        for part in _SPECIAL.split(text):
            if part in SPECIAL_TOKENS:
                ids.append(self.vocabulary[part])
            else:
                for word in _WORDS.findall(part):
                    ids += self._encode_word(word)
        return ids

    def decode(self, ids: list[int], skip_special: bool = True) -> str:
        data = bytearray()
        for token_id in ids:
            token = self._token_of_id[int(token_id)]
            if token not in SPECIAL_TOKENS:
                data += bytes(BYTE_OF_SYMBOL[symbol] for symbol in token)
            elif not skip_special:
                data += token.encode()
        return data.decode("utf-8", "replace")

    def word_id(self, word: str) -> int:
        """The single token of a word of the world, as it stands inside a sentence."""
        (token_id,) = self.encode(" " + word)
        return token_id

    def _encode_word(self, word: str) -> list[int]:
        if word not in self._cache:
            parts = _symbols(word)
            while len(parts) > 1:
                ranks = [self._rank.get(pair, len(self._rank)) for pair in pairwise(parts)]
                best = min(range(len(ranks)), key=ranks.__getitem__)
                if ranks[best] == len(self._rank):
                    break
                parts[best : best + 2] = [parts[best] + parts[best + 1]]
            self._cache[word] = [self.vocabulary[part] for part in parts]
        return self._cache[word]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._as_hugging_face(), ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")

    def _as_hugging_face(self) -> dict:
        byte_level = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        }
        # The special tokens are in the vocabulary as well, with the same ids: loaders would
        # otherwise number them after it.
        added = [
            {
                "id": token_id,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token_id, token in enumerate(SPECIAL_TOKENS)
        ]
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": "<unk>",
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": True,
                "byte_fallback": False,
                "vocab": self.vocabulary,
                "merges": [" ".join(pair) for pair in self.merges],
            },
        }


def load(path: Path | str) -> Tokenizer:
    model = json.loads(Path(path).read_text(encoding="utf-8"))["model"]
    return Tokenizer(model["vocab"], [tuple(pair.split(" ")) for pair in model["merges"]])


def train(word_weights: dict[str, float], limit: int = VOCABULARY_LIMIT) -> Tokenizer:
    """Merges the heaviest pair of neighbours until every word is one token or the limit is met."""
    tokens = SPECIAL_TOKENS + [SYMBOL_OF_BYTE[byte] for byte in range(256)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    merges: list[tuple[str, str]] = []
    spelled = {word: _symbols(word) for word in word_weights}
    while len(vocabulary) < limit:
        pairs: Counter = Counter()
        for word, parts in spelled.items():
            for pair in pairwise(parts):
                pairs[pair] += word_weights[word]
        if not pairs:
            break
        pair = max(pairs, key=lambda candidate: (pairs[candidate], candidate))
        merges.append(pair)
        vocabulary.setdefault("".join(pair), len(vocabulary))
        for parts in spelled.values():
            _merge(parts, pair)
    return Tokenizer(vocabulary, merges)


def _merge(parts: list[str], pair: tuple[str, str]) -> None:
    index = 0
    while index < len(parts) - 1:
        if (parts[index], parts[index + 1]) == pair:
            parts[index : index + 2] = ["".join(pair)]
        index += 1


def count_words(scenes: int = 4000, seed: int = 7) -> dict[str, float]:
    """The words of the world with flattened weights: a rare content word matters too."""
    rng = random.Random(seed)
    counts: Counter = Counter()
    for prompt in language.DESCRIBE_PROMPTS:
        counts.update(_WORDS.findall(prompt))
    for _ in range(scenes):
        scene = sample_scene(rng)
        texts = [rng.choice(language.DESCRIBE_PROMPTS), language.describe(scene, rng)]
        for _ in range(4):
            exchange = language.ask(scene, rng)
            texts += [exchange.question, exchange.answer]
        for text in texts:
            counts.update(_WORDS.findall(text))
    weights = {word: 1 + min(4.0, count / scenes) for word, count in counts.items()}
    for kind in KINDS:
        weights.setdefault(" " + language.PLURALS[kind], 1.0)
    weights.update({" " + word: 3.0 for word in COLOURS + KINDS})
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the tokenizer of the demo model.")
    parser.add_argument("output", type=Path, help="the tokenizer.json to write")
    tokenizer = train(count_words())
    output = parser.parse_args().output
    tokenizer.save(output)
    print(f"{output}: {len(tokenizer)} tokens")


if __name__ == "__main__":
    main()

"""Near-duplicates of the lines of a JSONL file by MinHash in one Python process, with NumPy.

The same n-grams, bands, rows and threshold as step dedup's, written the way one would write it by
hand. Prints one JSON object: seconds of the whole, rows labelled as duplicates.

    python3 minhash.py FILE BANDS ROWS THRESHOLD
"""

import json
import re
import sys
import time

import numpy as np

HASHES = 128
WORD = re.compile(r"[a-z0-9]+")


def grams(row):
    """Returns the word 3-grams of the three texts, each with its column."""
    found = set()
    for column, key in enumerate(("prompt", "chosen", "rejected")):
        words = WORD.findall(row[key].lower())
        for i in range(len(words) - 2):
            found.add(hash((column, words[i], words[i + 1], words[i + 2])))
    return found


def find(parents, node):
    """Returns the root of a node, halving the path."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


def main():
    path, bands, rows, threshold = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    random = np.random.default_rng(7)
    masks = random.integers(0, 1 << 32, HASHES, dtype=np.uint32)[:, None]
    factors = random.integers(0, 1 << 32, HASHES, dtype=np.uint32)[:, None] | np.uint32(1)
    start = time.perf_counter()
    sets = []
    buckets = {}
    pairs = set()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = grams(json.loads(line))
            sets.append(row)
            values = np.fromiter(row, dtype=np.int64, count=len(row)).astype(np.uint32)
            signature = ((values ^ masks) * factors).min(axis=1)
            for band in range(bands):
                key = (band, signature[band * rows : (band + 1) * rows].tobytes())
                first = buckets.setdefault(key, number)
                if first != number:
                    pairs.add((first, number))
    parents = list(range(len(sets)))
    for a, b in pairs:
        common = len(sets[a] & sets[b])
        if common >= threshold * (len(sets[a]) + len(sets[b]) - common):
            a, b = find(parents, a), find(parents, b)
            parents[max(a, b)] = min(a, b)
    duplicates = sum(find(parents, i) != i for i in range(len(sets)))
    print(json.dumps({"seconds": time.perf_counter() - start, "duplicates": duplicates}))


if __name__ == "__main__":
    main()

"""The small world the demo model lives in: which scenes exist, and how likely each one is.

The probabilities are the point of this file. Bananas are mostly yellow, boats are mostly on
beaches, cups mostly stand on tables. A model trained on these scenes learns that bias next to
seeing, and falls back on it when its image tokens are masked.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

IMAGE_SIZE = 64
GRID = 8  # the vision encoder makes GRID x GRID image tokens

KINDS = (
    "ball cup cat tree car boat umbrella apple banana house star table fish flower hat book"
).split()
COLOURS = "red orange yellow green blue white black brown".split()
PLACE_WEIGHTS = {
    "beach": 0.20,
    "kitchen": 0.20,
    "street": 0.20,
    "meadow": 0.15,
    "night sky": 0.10,
    "living room": 0.15,
}
PLACES = list(PLACE_WEIGHTS)
COLUMNS = ["left", "middle", "right"]
MAX_OBJECTS = 5

# How likely a kind is in a place; every kind not listed has RARE_KIND.
RARE_KIND = 0.012
KINDS_OF_PLACE = {
    "beach": {"boat": 0.30, "umbrella": 0.25, "ball": 0.20, "fish": 0.15, "hat": 0.08},
    "kitchen": {"table": 0.25, "cup": 0.30, "apple": 0.22, "banana": 0.22},
    "street": {"car": 0.38, "house": 0.30, "tree": 0.15, "umbrella": 0.05, "cat": 0.05},
    "meadow": {"flower": 0.32, "tree": 0.30, "cat": 0.10, "ball": 0.10, "house": 0.05},
    "night sky": {"star": 0.55, "house": 0.20, "tree": 0.10, "cat": 0.10},
    "living room": {
        "book": 0.30,
        "table": 0.18,
        "cat": 0.22,
        "hat": 0.12,
        "cup": 0.08,
        "flower": 0.05,
    },
}

# kind -> (the kind it likes to bring along, how often)
PARTNERS = {
    "cup": ("table", 0.80),
    "banana": ("apple", 0.50),
    "car": ("house", 0.45),
    "boat": ("fish", 0.40),
    "fish": ("boat", 0.50),
    "cat": ("book", 0.25),
    "star": ("house", 0.40),
    "flower": ("tree", 0.40),
    "umbrella": ("ball", 0.40),
    "book": ("table", 0.35),
}

# Colours of a kind; what is missing to 1 is spread evenly over all colours.
COLOURS_OF_KIND = {
    "ball": {"orange": 0.50, "red": 0.20, "blue": 0.15},
    "cup": {"white": 0.60, "blue": 0.22},
    "cat": {"black": 0.55, "orange": 0.25, "white": 0.12},
    "tree": {"green": 0.88, "orange": 0.06},
    "car": {"red": 0.55, "blue": 0.22, "black": 0.12},
    "boat": {"white": 0.65, "blue": 0.18},
    "umbrella": {"red": 0.55, "blue": 0.20, "yellow": 0.12},
    "apple": {"red": 0.75, "green": 0.18},
    "banana": {"yellow": 0.90, "green": 0.07},
    "house": {"white": 0.50, "red": 0.30},
    "star": {"yellow": 0.85, "white": 0.10},
    "table": {"brown": 0.82, "white": 0.10},
    "fish": {"orange": 0.70, "blue": 0.15},
    "flower": {"red": 0.50, "yellow": 0.25, "blue": 0.12},
    "hat": {"black": 0.55, "brown": 0.20},
    "book": {"blue": 0.55, "red": 0.20},
}
TYPICAL_COLOUR = {kind: max(share, key=share.get) for kind, share in COLOURS_OF_KIND.items()}

# Weights for one, two, three of a kind, and for the left, middle, right column.
DEFAULT_COUNTS = [0.94, 0.06, 0.0]
COUNTS_OF_KIND = {
    "star": [0.2, 0.3, 0.5],
    "apple": [0.5, 0.5, 0.0],
    "fish": [0.5, 0.4, 0.1],
    "flower": [0.4, 0.2, 0.4],
    "book": [0.7, 0.3, 0.0],
    "banana": [0.8, 0.2, 0.0],
}
DEFAULT_COLUMNS = [1.0, 1.0, 1.0]
COLUMNS_OF_KIND = {
    "boat": [0.1, 0.2, 0.7],
    "house": [0.7, 0.2, 0.1],
    "tree": [0.6, 0.2, 0.2],
    "table": [0.15, 0.7, 0.15],
    "car": [0.15, 0.25, 0.6],
    "cat": [0.6, 0.2, 0.2],
    "umbrella": [0.6, 0.2, 0.2],
    "ball": [0.15, 0.6, 0.25],
    "book": [0.2, 0.2, 0.6],
    "hat": [0.2, 0.2, 0.6],
}
MAIN_SUBJECT_WEIGHTS = {"boat": 3, "car": 3, "cat": 3, "house": 2, "umbrella": 2, "star": 0.5}

FITS_ON_TABLE = {"cup", "apple", "banana", "book", "hat", "fish", "flower", "ball", "cat"}

UPPER, LOWER = 0, 1  # the two rows of slots
Slot = tuple[int, int]  # row, column


@dataclass
class Group:
    """One or more equal objects, such as "two red apples"."""

    kind: str
    colour: str
    count: int
    big: bool = False
    on_table: bool = False
    slots: list[Slot] = field(default_factory=list)

    @property
    def position(self) -> str | None:
        """Where a single object is; several objects have no position of their own."""
        if self.count > 1:
            return None
        return "on the table" if self.on_table else COLUMNS[self.slots[0][1]]


@dataclass
class Scene:
    """A place with one to three groups, ordered from left to right."""

    place: str
    groups: list[Group]

    @property
    def total(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def main_subject(self) -> Group:
        return next(group for group in self.groups if group.big)

    @property
    def kinds(self) -> set[str]:
        return {group.kind for group in self.groups}

    def facts(self) -> dict:
        """What is true of the scene, as plain JSON."""
        return {
            "place": self.place,
            "objects": [
                {
                    "kind": group.kind,
                    "colour": group.colour,
                    "count": group.count,
                    "big": group.big,
                    "position": group.position,
                }
                for group in self.groups
            ],
        }


def pick(rng: random.Random, weights: dict):
    """Draw a key of `weights` in proportion to its value."""
    return rng.choices(list(weights), list(weights.values()))[0]


def kind_weights(place: str, without: Sequence[str] | set[str] = ()) -> dict[str, float]:
    typical = KINDS_OF_PLACE[place]
    return {kind: typical.get(kind, RARE_KIND) for kind in KINDS if kind not in without}


def sample_scene(rng: random.Random) -> Scene:
    """Draw a scene; drawings that do not fit the six slots are drawn again."""
    while True:
        place = pick(rng, PLACE_WEIGHTS)
        groups = [_sample_group(rng, kind) for kind in _sample_kinds(rng, place)]
        if sum(group.count for group in groups) > MAX_OBJECTS:
            continue
        _choose_main_subject(rng, groups)
        if not _place_groups(rng, groups):
            continue
        for group in groups:
            group.slots.sort(key=_left_to_right)
        groups.sort(key=lambda group: _left_to_right(group.slots[0]))
        return Scene(place, groups)


def _left_to_right(slot: Slot) -> Slot:
    row, column = slot
    return column, row


def _sample_kinds(rng: random.Random, place: str) -> list[str]:
    wanted = rng.choices([1, 2, 3], [0.2, 0.4, 0.4])[0]
    kinds: list[str] = []
    while len(kinds) < wanted:
        kind = pick(rng, kind_weights(place, without=kinds))
        kinds.append(kind)
        partner, probability = PARTNERS.get(kind, (None, 0.0))
        has_room = partner is not None and partner not in kinds and len(kinds) < 3
        if has_room and rng.random() < probability:
            kinds.append(partner)
    return kinds


def _sample_group(rng: random.Random, kind: str) -> Group:
    count = rng.choices([1, 2, 3], COUNTS_OF_KIND.get(kind, DEFAULT_COUNTS))[0]
    return Group(kind, _sample_colour(rng, kind), count)


def _sample_colour(rng: random.Random, kind: str) -> str:
    known = COLOURS_OF_KIND[kind]
    if rng.random() < sum(known.values()):
        return pick(rng, known)
    return rng.choice(COLOURS)


def _choose_main_subject(rng: random.Random, groups: list[Group]) -> None:
    """Exactly one group is big: a single object where there is one."""
    singles = [group for group in groups if group.count == 1]
    main = groups[0]
    if singles:
        weights = [MAIN_SUBJECT_WEIGHTS.get(group.kind, 1.0) for group in singles]
        main = rng.choices(singles, weights)[0]
    main.big = True


def _place_groups(rng: random.Random, groups: list[Group]) -> bool:
    """Give every object a slot; False when there is no room left."""
    free = {(row, column) for row in (UPPER, LOWER) for column in range(3)}
    table_column = None
    tables_first = sorted(groups, key=lambda group: (group.kind != "table", group.count))
    for group in tables_first:
        for _ in range(group.count):
            table_top = (UPPER, table_column)
            if table_top in free and _goes_on_table(rng, group):
                group.on_table = True
                slot = table_top
            else:
                slot = _free_slot(rng, group.kind, free, table_column)
            if slot is None:
                return False
            free.discard(slot)
            group.slots.append(slot)
        if group.kind == "table" and group.count == 1 and group.slots[0][0] == LOWER:
            table_column = group.slots[0][1]
    return True


def _goes_on_table(rng: random.Random, group: Group) -> bool:
    if group.kind not in FITS_ON_TABLE or group.count > 1:
        return False
    return rng.random() < (0.9 if group.kind == "cup" else 0.5)


def _free_slot(
    rng: random.Random, kind: str, free: set[Slot], table_column: int | None
) -> Slot | None:
    """A free slot by the kind's favourite columns, never above a table."""
    liked = rng.choices(range(3), COLUMNS_OF_KIND.get(kind, DEFAULT_COLUMNS), k=6)
    rows = (UPPER, LOWER) if kind == "star" else (LOWER, UPPER)
    for column in [*liked, 0, 1, 2]:
        for row in rows:
            if (row, column) in free and (row, column) != (UPPER, table_column):
                return row, column
    return None

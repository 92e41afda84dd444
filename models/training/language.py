"""What is said about a scene: descriptions, questions with answers, and the way back.

Every statement of a description can be parsed back and compared with the facts of the scene, so
a hallucination is counted exactly rather than judged.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from world import COLOURS, COLOURS_OF_KIND, KINDS, PLACES, Group, Scene, kind_weights, pick

PLURALS = {kind: "fish" if kind == "fish" else kind + "s" for kind in KINDS}
NUMBERS = ["no", "one", "two", "three", "four", "five"]
POSITION_PHRASES = {
    "left": "on the left",
    "middle": "in the middle",
    "right": "on the right",
    "on the table": "on the table",
}
DESCRIBE_PROMPTS = [
    "Describe the image.",
    "Describe this picture.",
    "What do you see?",
    "What is in the image?",
    "Describe the image in detail.",
    "Please describe the image.",
    "What is shown in this picture?",
    "Write a caption for this image.",
    "Tell me about this photo.",
    "Please describe this photo in detail.",
    "Can you describe the image?",
    "What can you see in this picture?",
    "Describe the scene.",
    "What is in this photo?",
    "Give a description of the image.",
]
PLACE_SENTENCES = ["This is a picture of {}.", "The image shows {}.", "We can see {}."]
QUESTION_WEIGHTS = {
    "exist": 0.26,
    "is_colour": 0.12,
    "colour": 0.18,
    "count": 0.12,
    "where": 0.16,
    "main": 0.07,
    "place": 0.05,
    "total": 0.04,
}


class Exchange(NamedTuple):
    """A question about a scene with its true answer; `key` is the part that decides."""

    type: str
    question: str
    answer: str
    key: str


# ---- phrases


def with_article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def be(group: Group) -> str:
    return "is" if group.count == 1 else "are"


def noun(group: Group) -> str:
    return group.kind if group.count == 1 else PLURALS[group.kind]


def phrase(group: Group, size: bool = True) -> str:
    """ "a big red ball", "two green apples"."""
    words = f"{'big ' if group.big and size else ''}{group.colour} {noun(group)}"
    return with_article(words) if group.count == 1 else f"{NUMBERS[group.count]} {words}"


def where(group: Group) -> str:
    return POSITION_PHRASES[group.position]


# ---- descriptions


def describe(scene: Scene, rng: random.Random) -> str:
    """The place, every group from left to right, sometimes a closing remark."""
    sentences = [rng.choice(PLACE_SENTENCES).format(with_article(scene.place))]
    sentences += [_group_sentence(group, rng) for group in scene.groups]
    closing = _closing_sentence(scene, rng)
    return " ".join([*sentences, closing] if closing else sentences)


def _group_sentence(group: Group, rng: random.Random) -> str:
    draw, what = rng.random(), phrase(group)
    if group.count > 1:
        return f"There are {what}." if draw < 0.6 else f"{capitalised(what)} can be seen."
    if draw < 0.5:
        return f"There is {what} {where(group)}."
    if draw < 0.75:
        return f"{capitalised(what)} is {where(group)}."
    return f"{capitalised(where(group))} there is {what}."


def _closing_sentence(scene: Scene, rng: random.Random) -> str | None:
    draw, main = rng.random(), scene.main_subject
    if draw < 0.2:
        return f"The main subject is the {main.kind}." if main.count == 1 else None
    if draw < 0.4:
        if scene.total == 1:
            return "There is one thing in total."
        return f"There are {NUMBERS[scene.total]} things in total."
    return None


# ---- questions


def ask(scene: Scene, rng: random.Random, question_type: str | None = None) -> Exchange:
    """A question of the given or a random type; "where" needs a single object."""
    question_type = question_type or pick(rng, QUESTION_WEIGHTS)
    if question_type == "where" and all(group.count > 1 for group in scene.groups):
        question_type = "colour"
    return QUESTIONS[question_type](scene, rng)


def _absent_kind(scene: Scene, rng: random.Random) -> str:
    """Half the time one typical of the place: those are the ones worth denying."""
    if rng.random() < 0.5:
        return pick(rng, kind_weights(scene.place, without=scene.kinds))
    return rng.choice([kind for kind in KINDS if kind not in scene.kinds])


def _ask_exist(scene: Scene, rng: random.Random) -> Exchange:
    if rng.random() < 0.55:
        group = rng.choice(scene.groups)
        place = f" {where(group)}" if group.count == 1 else ""
        answer = f"Yes, there {be(group)} {phrase(group, size=False)}{place}."
        kind, key = group.kind, "Yes"
    else:
        kind, key = _absent_kind(scene, rng), "No"
        answer = f"No, there is no {kind}."
    wording = rng.choice(["Is there {} in the image?", "Is there {}?", "Can you see {}?"])
    return Exchange("exist", wording.format(with_article(kind)), answer, key)


def _ask_is_colour(scene: Scene, rng: random.Random) -> Exchange:
    group = rng.choice(scene.groups)
    asked = group.colour
    if rng.random() < 0.5:
        typical = COLOURS_OF_KIND[group.kind]
        others = {c: typical.get(c, 0.0) + 0.05 for c in COLOURS if c != group.colour}
        asked = pick(rng, others)
    key = "Yes" if asked == group.colour else "No"
    question = f"{capitalised(be(group))} the {noun(group)} {asked}?"
    answer = f"{key}, the {noun(group)} {be(group)} {group.colour}."
    return Exchange("is_colour", question, answer, key)


def _ask_colour(scene: Scene, rng: random.Random) -> Exchange:
    group = rng.choice(scene.groups)
    question = f"What {rng.choice(['colour', 'color'])} {be(group)} the {noun(group)}?"
    answer = f"The {noun(group)} {be(group)} {group.colour}."
    return Exchange("colour", question, answer, group.colour)


def _ask_count(scene: Scene, rng: random.Random) -> Exchange:
    group = rng.choice(scene.groups)
    kind, count = group.kind, group.count
    if rng.random() < 0.15:
        kind, count = _absent_kind(scene, rng), 0
    question = f"How many {PLURALS[kind]} are there?"
    answer = f"There are {NUMBERS[count]} {PLURALS[kind]}."
    if count == 1:
        answer = f"There is one {kind}."
    return Exchange("count", question, answer, NUMBERS[count])


def _ask_where(scene: Scene, rng: random.Random) -> Exchange:
    group = rng.choice([group for group in scene.groups if group.count == 1])
    answer = f"The {group.kind} is {where(group)}."
    return Exchange("where", f"Where is the {group.kind}?", answer, where(group))


def _ask_main(scene: Scene, rng: random.Random) -> Exchange:
    wordings = ["What is the main subject?", "What is the main thing in the image?"]
    what = phrase(scene.main_subject)
    return Exchange("main", rng.choice(wordings), f"The main subject is {what}.", what)


def _ask_place(scene: Scene, rng: random.Random) -> Exchange:
    wordings = ["What place is this?", "Where was this picture taken?"]
    answer = f"This is {with_article(scene.place)}."
    return Exchange("place", rng.choice(wordings), answer, scene.place)


def _ask_total(scene: Scene, rng: random.Random) -> Exchange:
    answer = f"There are {NUMBERS[scene.total]} things."
    if scene.total == 1:
        answer = "There is one thing."
    return Exchange("total", "How many things are there?", answer, NUMBERS[scene.total])


QUESTIONS = {
    "exist": _ask_exist,
    "is_colour": _ask_is_colour,
    "colour": _ask_colour,
    "count": _ask_count,
    "where": _ask_where,
    "main": _ask_main,
    "place": _ask_place,
    "total": _ask_total,
}


# ---- variety of wording, so that the model does not break on a user's own prompt


def vary(prompt: str, rng: random.Random, describes: bool) -> str:
    """Sometimes lower case, without its mark, or, for descriptions, with words lost and added."""
    if describes and rng.random() < 0.25:
        prompt = _with_noise_words(prompt, rng)
    if rng.random() < 0.1:
        prompt = prompt.lower()
    if rng.random() < 0.1:
        prompt = prompt.rstrip(".?")
    return prompt


def _with_noise_words(prompt: str, rng: random.Random) -> str:
    words = prompt.split(" ")
    for _ in range(rng.choice([1, 1, 2])):
        if rng.random() < 0.5 and len(words) > 2:
            words.pop(rng.randrange(len(words)))
        else:
            letters = rng.choices("etaoinshrdlucmfwypvbgk", k=rng.randint(2, 8))
            words.insert(rng.randrange(len(words) + 1), "".join(letters))
    return " ".join(words)


# ---- parsing


class Statement(NamedTuple):
    """One group a description claims to be there."""

    kind: str
    colour: str
    count: int
    big: bool
    position: str | None


class Statements(NamedTuple):
    place: str | None
    groups: list[Statement]


_NOUNS = {**{plural: kind for kind, plural in PLURALS.items()}, **{kind: kind for kind in KINDS}}
_COUNTS = {"a": 1, "an": 1, **{word: count for count, word in enumerate(NUMBERS) if count}}
_GROUP = re.compile(
    rf"\b({'|'.join(_COUNTS)}) (big )?({'|'.join(COLOURS)})"
    rf" ({'|'.join(sorted(_NOUNS, key=len, reverse=True))})\b",
    re.IGNORECASE,
)


_PHRASE = r"(?:an?|two|three|four|five) (?:big )?(?:{colours}) (?:{nouns})".format(
    colours="|".join(COLOURS), nouns="|".join(_NOUNS)
)
_POSITION = "|".join(POSITION_PHRASES.values())
_DESCRIPTION = re.compile(
    rf"(?:This is a picture of|The image shows|We can see) an? (?:{'|'.join(PLACES)})\."
    rf"(?: (?:There (?:is|are) {_PHRASE}(?: (?:{_POSITION}))?"
    rf"|{_PHRASE} (?:is (?:{_POSITION})|can be seen)"
    rf"|(?:{_POSITION}) there is {_PHRASE})\.)+"
    rf"(?: The main subject is the (?:{'|'.join(KINDS)})\."
    rf"| There (?:is one thing|are (?:{'|'.join(NUMBERS)}) things) in total\.)?",
    re.IGNORECASE,
)


def is_well_formed(description: str) -> bool:
    """Whether the text follows the grammar of descriptions, true or not."""
    return _DESCRIPTION.fullmatch(description) is not None


def parse(description: str) -> Statements:
    """The statements of a description: the place is in the first sentence, groups are in all."""
    sentences = re.split(r"(?<=\.)\s+", description.strip())
    place = next((place for place in PLACES if place in sentences[0]), None)
    groups = []
    for sentence in sentences:
        match = _GROUP.search(sentence)
        if match:
            count, big, colour, name = match.groups()
            position = next(
                (p for p, words in POSITION_PHRASES.items() if words in sentence.lower()), None
            )
            groups.append(
                Statement(
                    _NOUNS[name.lower()],
                    colour.lower(),
                    _COUNTS[count.lower()],
                    bool(big),
                    position,
                )
            )
    return Statements(place, groups)


def true_statements(scene: Scene) -> Statements:
    """What a perfect description of the scene parses to."""
    return Statements(
        scene.place,
        [Statement(g.kind, g.colour, g.count, g.big, g.position) for g in scene.groups],
    )

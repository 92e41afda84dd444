"""Draws a scene as a 64 x 64 picture and labels the cells of the image-token grid."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from world import COLOURS, GRID, IMAGE_SIZE, KINDS, Group, Scene, Slot

SCALE = 3  # drawn larger and averaged down, which smooths the edges
CELL = IMAGE_SIZE // GRID
COLUMN_CENTRES = [11, 32, 53]
ROW_CENTRES = [20, 48]
RADIUS_BIG, RADIUS_SMALL = 10.3, 7.2

Colour = tuple[int, int, int]
Point = tuple[float, float]

RGB: dict[str, Colour] = {
    "red": (220, 40, 40),
    "orange": (245, 135, 20),
    "yellow": (250, 222, 45),
    "green": (35, 150, 60),
    "blue": (45, 85, 225),
    "white": (248, 248, 248),
    "black": (35, 35, 35),
    "brown": (125, 75, 35),
}
DARK_OUTLINE, LIGHT_OUTLINE = (25, 25, 25), (225, 225, 230)
WOOD, GLASS, RUBBER = (110, 65, 30), (200, 230, 250), (40, 40, 40)


class Labels(NamedTuple):
    """What each cell of the grid shows; 0 means background everywhere."""

    kind: np.ndarray  # index in KINDS + 1
    colour: np.ndarray  # index in COLOURS + 1
    centre: np.ndarray  # 1 the centre of a small object, 2 of a big one
    column: np.ndarray  # 1 left, 2 middle, 3 right


def render(scene: Scene, rng: random.Random) -> tuple[np.ndarray, Labels]:
    """The picture as uint8 [height, width, 3], with its cell labels."""
    image = Image.new("RGB", (IMAGE_SIZE * SCALE, IMAGE_SIZE * SCALE))
    canvas = ImageDraw.Draw(image)
    labels = Labels(*(np.zeros((GRID, GRID), np.uint8) for _ in Labels._fields))
    outline = LIGHT_OUTLINE if scene.place == "night sky" else DARK_OUTLINE
    BACKGROUNDS[scene.place](Backdrop(canvas, rng))
    objects = [(group, slot) for group in scene.groups for slot in group.slots]
    objects.sort(key=lambda item: -item[1][0])  # what stands on a table covers the table
    for group, slot in objects:
        x, y, radius = _spot(group, slot, rng)
        fill = _jitter(RGB[group.colour], rng, 10)
        GLYPHS[group.kind](Pen(canvas, x, y, radius, fill, outline))
        _label_cells(labels, group, slot[1], x, y, radius)
    small = image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.BOX)
    return np.asarray(small, np.uint8), labels


def _spot(group: Group, slot: Slot, rng: random.Random) -> tuple[float, float, float]:
    row, column = slot
    radius = (RADIUS_BIG if group.big else RADIUS_SMALL) + rng.uniform(-0.5, 0.5)
    x = COLUMN_CENTRES[column] + rng.uniform(-1.5, 1.5)
    y = ROW_CENTRES[row] + (rng.uniform(1, 3) if group.on_table else rng.uniform(-2, 2))
    return x, y, radius


def _label_cells(
    labels: Labels, group: Group, column: int, x: float, y: float, radius: float
) -> None:
    """Labels the cells whose centre lies under the object, and always that of its own centre."""
    centres = np.arange(GRID) * CELL + CELL / 2
    covered = np.outer(abs(centres - y) < radius + 0.5, abs(centres - x) < radius + 0.5)
    middle = tuple(min(GRID - 1, max(0, int(value // CELL))) for value in (y, x))
    covered[middle] = True
    labels.kind[covered] = KINDS.index(group.kind) + 1
    labels.colour[covered] = COLOURS.index(group.colour) + 1
    labels.column[covered] = column + 1
    labels.centre[middle] = 2 if group.big else 1


def _jitter(colour: Colour, rng: random.Random, amount: float) -> Colour:
    return tuple(max(0, min(255, int(c + rng.uniform(-amount, amount)))) for c in colour)


def _shade(colour: Colour, factor: float) -> Colour:
    return tuple(max(0, min(255, int(c * factor))) for c in colour)


class Backdrop:
    """Draws in picture coordinates (0 to 64), with a slightly random horizon and colours."""

    def __init__(self, canvas: ImageDraw.ImageDraw, rng: random.Random):
        self.canvas = canvas
        self.rng = rng
        self.horizon = 34 + rng.uniform(-3, 3)

    def paint(self, top: float, bottom: float, colour: Colour) -> None:
        self.rectangle(0, top, 64, bottom, _jitter(colour, self.rng, 8))

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        self.canvas.rectangle([x0 * SCALE, y0 * SCALE, x1 * SCALE, y1 * SCALE], fill=colour)

    def line(
        self, x0: float, y0: float, x1: float, y1: float, colour: Colour, width: int = SCALE
    ) -> None:
        ends = [x0 * SCALE, y0 * SCALE, x1 * SCALE, y1 * SCALE]
        self.canvas.line(ends, fill=colour, width=width)


def _beach(ground: Backdrop) -> None:
    ground.paint(0, 22, (150, 205, 250))
    ground.paint(20, ground.horizon + 2, (80, 165, 215))
    ground.paint(ground.horizon + 2, 64, (238, 214, 160))
    for _ in range(3):
        y, x = ground.rng.uniform(23, ground.horizon), ground.rng.uniform(0, 50)
        ground.line(x, y, x + 10, y, (190, 225, 240))


def _kitchen(ground: Backdrop) -> None:
    floor, joint, thin = ground.horizon + 6, (215, 205, 185), SCALE // 2 + 1
    ground.paint(0, floor, (250, 240, 215))
    for x in range(0, 64, 11):
        ground.line(x, 0, x, floor, joint, thin)
    for y in range(0, int(floor), 11):
        ground.line(0, y, 64, y, joint, thin)
    ground.paint(floor, 64, (180, 200, 205))


def _street(ground: Backdrop) -> None:
    ground.paint(0, ground.horizon, (205, 210, 218))
    for x in range(0, 64, 13):
        top = ground.rng.uniform(4, 18)
        grey = _jitter((165, 168, 178), ground.rng, 8)
        ground.rectangle(x, top, x + 10, ground.horizon, grey)
    ground.paint(ground.horizon, 64, (118, 118, 124))
    for x in range(2, 64, 14):
        ground.rectangle(x, 60, x + 7, 62, (235, 235, 235))


def _meadow(ground: Backdrop) -> None:
    ground.paint(0, ground.horizon, (175, 220, 255))
    ground.paint(ground.horizon, 64, (140, 210, 100))
    for _ in range(8):
        x, y = ground.rng.uniform(0, 62), ground.rng.uniform(ground.horizon + 1, 62)
        ground.line(x, y, x + 1, y - 3, (90, 170, 70))


def _night_sky(ground: Backdrop) -> None:
    ground.paint(0, 64, (24, 24, 70))
    ground.paint(58, 64, (40, 55, 50))
    for _ in range(10):
        x, y = ground.rng.uniform(0, 63), ground.rng.uniform(0, 55)
        ground.canvas.point([x * SCALE, y * SCALE], fill=(200, 200, 220))


def _living_room(ground: Backdrop) -> None:
    floor = ground.horizon + 4
    ground.paint(0, floor, (210, 185, 220))
    for x in range(0, 64, 8):
        ground.line(x, 0, x, floor, (198, 170, 208))
    ground.paint(floor, 64, (190, 140, 100))


BACKGROUNDS = {
    "beach": _beach,
    "kitchen": _kitchen,
    "street": _street,
    "meadow": _meadow,
    "night sky": _night_sky,
    "living room": _living_room,
}


class Pen:
    """Draws one object: coordinates run from -1 to 1 around its centre, filled with its colour."""

    def __init__(
        self,
        canvas: ImageDraw.ImageDraw,
        x: float,
        y: float,
        radius: float,
        fill: Colour,
        outline: Colour,
    ):
        self.canvas = canvas
        self.x, self.y, self.radius = x, y, radius
        self.fill, self.outline = fill, outline
        self.dark = _shade(fill, 0.6)

    def at(self, point: Point) -> Point:
        return (
            (self.x + point[0] * self.radius) * SCALE,
            (self.y + point[1] * self.radius) * SCALE,
        )

    def ellipse(self, x0, y0, x1, y1, fill=None, outline=None) -> None:
        box = [self.at((x0, y0)), self.at((x1, y1))]
        self.canvas.ellipse(
            box, fill=fill or self.fill, outline=outline or self.outline, width=SCALE
        )

    def box(self, x0, y0, x1, y1, fill=None) -> None:
        corners = [self.at((x0, y0)), self.at((x1, y1))]
        self.canvas.rectangle(corners, fill=fill or self.fill, outline=self.outline, width=SCALE)

    def shape(self, *points: Point, fill=None) -> None:
        corners = [self.at(point) for point in points]
        self.canvas.polygon(corners, fill=fill or self.fill)
        self.canvas.line([*corners, corners[0]], fill=self.outline, width=SCALE)

    def line(self, *points: Point, colour=None, thick: int = 1) -> None:
        path = [self.at(point) for point in points]
        self.canvas.line(path, fill=colour or self.outline, width=thick * SCALE)

    def arc(self, x0, y0, x1, y1, start, end, colour=None, thick: int = 1) -> None:
        box = [self.at((x0, y0)), self.at((x1, y1))]
        self.canvas.arc(box, start, end, fill=colour or self.outline, width=thick * SCALE)

    def half_disc(self, x0, y0, x1, y1) -> None:
        box = [self.at((x0, y0)), self.at((x1, y1))]
        self.canvas.pieslice(box, 180, 360, fill=self.fill, outline=self.outline, width=SCALE)


def _on_circle(index: float, of: int, radius: float) -> Point:
    angle = index * 2 * math.pi / of
    return radius * math.sin(angle), -radius * math.cos(angle)


def _ball(pen: Pen) -> None:
    pen.ellipse(-0.85, -0.85, 0.85, 0.85)
    pen.line((-0.8, 0), (0.8, 0), colour=pen.dark)
    pen.arc(-0.4, -0.85, 0.4, 0.85, 0, 360, colour=pen.dark)


def _cup(pen: Pen) -> None:
    pen.arc(0.3, -0.45, 1.0, 0.4, 0, 360, thick=2)
    pen.shape((-0.75, -0.8), (0.6, -0.8), (0.42, 0.8), (-0.57, 0.8))
    pen.line((-0.7, -0.5), (0.55, -0.5), colour=pen.dark)


def _cat(pen: Pen) -> None:
    pen.arc(0.2, -0.2, 1.1, 0.9, -90, 90, colour=pen.fill, thick=2)
    pen.ellipse(-0.6, -0.05, 0.6, 0.95)
    pen.shape((-0.6, -0.95), (-0.5, -0.2), (0, -0.45))
    pen.shape((0.6, -0.95), (0.5, -0.2), (0, -0.45))
    pen.ellipse(-0.58, -0.7, 0.58, 0.25)
    eyes = (240, 240, 90) if sum(pen.fill) < 300 else (20, 20, 20)
    pen.ellipse(-0.32, -0.4, -0.1, -0.12, eyes, eyes)
    pen.ellipse(0.1, -0.4, 0.32, -0.12, eyes, eyes)


def _tree(pen: Pen) -> None:
    pen.box(-0.15, 0.2, 0.15, 0.98, WOOD)
    pen.shape((0, -1), (0.75, -0.2), (-0.75, -0.2))
    pen.shape((0, -0.6), (0.9, 0.4), (-0.9, 0.4))


def _car(pen: Pen) -> None:
    pen.shape((-0.55, -0.05), (-0.35, -0.55), (0.35, -0.55), (0.6, -0.05))
    pen.box(-1, -0.1, 1, 0.4)
    pen.ellipse(-0.75, 0.15, -0.25, 0.65, RUBBER)
    pen.ellipse(0.25, 0.15, 0.75, 0.65, RUBBER)
    pen.box(-0.28, -0.42, 0.28, -0.12, GLASS)


def _boat(pen: Pen) -> None:
    pen.line((0, -0.95), (0, 0.3), thick=2)
    pen.shape((0.08, -0.9), (0.08, 0.15), (0.8, 0.15))
    pen.shape((-1, 0.3), (1, 0.3), (0.6, 0.85), (-0.6, 0.85))


def _umbrella(pen: Pen) -> None:
    pen.line((0, -0.3), (0, 0.8), thick=2)
    pen.arc(-0.4, 0.55, 0, 0.98, 0, 180, thick=2)
    pen.half_disc(-0.98, -0.9, 0.98, 0.9)
    pen.line((-0.35, 0), (0, -0.88), (0.35, 0), colour=pen.dark)


def _apple(pen: Pen) -> None:
    pen.ellipse(-0.8, -0.55, 0.15, 0.85)
    pen.ellipse(-0.15, -0.55, 0.8, 0.85)
    pen.ellipse(-0.6, -0.45, 0.6, 0.8, outline=pen.fill)
    pen.line((0, -0.45), (0.1, -0.95), colour=WOOD, thick=2)
    pen.ellipse(0.1, -0.95, 0.55, -0.65, (60, 150, 60))


def _banana(pen: Pen) -> None:
    upper = [(-0.95, -0.5), (-0.75, -0.6), (-0.45, 0.0), (0.1, 0.28), (0.7, 0.1)]
    lower = [(0.9, 0.2), (0.55, 0.65), (-0.05, 0.78), (-0.6, 0.5), (-0.9, 0.05)]
    pen.shape(*upper, *lower)


def _house(pen: Pen) -> None:
    pen.box(-0.75, -0.15, 0.75, 0.95)
    pen.shape((0, -1), (0.98, -0.12), (-0.98, -0.12), fill=_shade(pen.fill, 0.75))
    pen.box(-0.18, 0.35, 0.18, 0.95, WOOD)
    pen.box(0.32, 0.1, 0.6, 0.4, GLASS)
    pen.box(-0.6, 0.1, -0.32, 0.4, GLASS)


def _star(pen: Pen) -> None:
    pen.shape(*(_on_circle(index, 10, 1.0 if index % 2 == 0 else 0.42) for index in range(10)))


def _table(pen: Pen) -> None:
    pen.box(-0.85, -0.3, -0.5, 0.9)
    pen.box(0.5, -0.3, 0.85, 0.9)
    pen.box(-1, -0.75, 1, -0.15)


def _fish(pen: Pen) -> None:
    pen.shape((0.35, 0), (0.98, -0.55), (0.98, 0.55))
    pen.ellipse(-0.95, -0.5, 0.6, 0.5)
    pen.ellipse(-0.7, -0.2, -0.5, 0, (20, 20, 20), (255, 255, 255))


def _flower(pen: Pen) -> None:
    pen.line((0, 0), (0, 0.98), colour=(40, 130, 50), thick=2)
    pen.ellipse(0.0, 0.45, 0.5, 0.7, (60, 160, 60))
    for petal in range(5):
        dx, dy = _on_circle(petal, 5, 0.42)
        x, y = dx, dy - 0.35
        pen.ellipse(x - 0.32, y - 0.32, x + 0.32, y + 0.32)
    pen.ellipse(-0.22, -0.57, 0.22, -0.13, (255, 235, 120))


def _hat(pen: Pen) -> None:
    pen.box(-0.5, -0.7, 0.5, 0.35)
    pen.box(-1, 0.3, 1, 0.6)
    pen.box(-0.5, 0.08, 0.5, 0.3, pen.dark)


def _book(pen: Pen) -> None:
    pen.shape((0, -0.5), (0.9, -0.7), (0.9, 0.55), (0, 0.75))
    pen.shape((0, -0.5), (-0.9, -0.7), (-0.9, 0.55), (0, 0.75))
    pen.line((0, -0.5), (0, 0.75), thick=2)
    for y in (-0.25, 0.05, 0.35):
        pen.line((0.2, y - 0.02), (0.7, y - 0.12), colour=pen.dark)
        pen.line((-0.2, y - 0.02), (-0.7, y - 0.12), colour=pen.dark)


GLYPHS = {
    "ball": _ball,
    "cup": _cup,
    "cat": _cat,
    "tree": _tree,
    "car": _car,
    "boat": _boat,
    "umbrella": _umbrella,
    "apple": _apple,
    "banana": _banana,
    "house": _house,
    "star": _star,
    "table": _table,
    "fish": _fish,
    "flower": _flower,
    "hat": _hat,
    "book": _book,
}

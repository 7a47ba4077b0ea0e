"""Natural textures as training data, since renders have few of them.

There are two sources. Dead leaves (A. Lee, D. Mumford and J. Huang, "Occlusion models for natural
images", 2001) are overlapping shapes of all sizes, whose edges resemble those of real scenes; here
they include strokes and grids, for grass, bricks and windows. The other source is an optional
folder of photographs.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from catalog_gen.imaging.pixels import Pixels

SIDE: Final = 128
_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
#: Dead leaves are drawn this many times larger, then reduced.
_FINER: Final = 2


def dead_leaves(chance: random.Random) -> Pixels:
    """A texture (128, 128, 3): shapes of every size, strokes or grids over each other."""
    fine = SIDE * _FINER
    picture = Image.new("RGB", (fine, fine), _near(_colour(chance), 60, chance))
    pen = ImageDraw.Draw(picture)
    palette = [_colour(chance) for _ in range(chance.randint(2, 6))]
    smallest = chance.choice((2.0, 4.0, 8.0)) * _FINER
    kinds = chance.sample(("ellipse", "polygon", "stroke", "grid", "box"), chance.randint(1, 3))
    for _ in range(chance.randint(80, 700)):
        # Sizes have a density of 1/r^3, like the parts of real scenes.
        radius = smallest / max(chance.random(), (smallest / fine) ** 2) ** 0.5
        x, y = chance.uniform(-radius, fine + radius), chance.uniform(-radius, fine + radius)
        colour = _near(chance.choice(palette), 45, chance)
        _leaf(pen, chance.choice(kinds), x, y, radius, colour, chance)
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)
    generator = np.random.default_rng(chance.getrandbits(32))
    grain = generator.normal(0, chance.choice((0, 0, 4, 10)), small.shape[:2])[..., None]
    return np.asarray(np.clip(small + grain, 0, 255), dtype=np.uint8)


def _leaf(
    pen: ImageDraw.ImageDraw,
    kind: str,
    x: float,
    y: float,
    radius: float,
    colour: tuple[int, int, int],
    chance: random.Random,
) -> None:
    flat = chance.uniform(0.3, 1.0)
    if kind == "ellipse":
        pen.ellipse((x - radius, y - flat * radius, x + radius, y + flat * radius), fill=colour)
    elif kind == "box":
        pen.rectangle((x - radius, y - flat * radius, x + radius, y + flat * radius), fill=colour)
    elif kind == "polygon":
        turns = sorted(chance.uniform(0, 2 * np.pi) for _ in range(chance.randint(3, 7)))
        reach = [radius * chance.uniform(0.5, 1) for _ in turns]
        points = [(x + r * np.cos(t), y + r * np.sin(t)) for r, t in zip(reach, turns, strict=True)]
        pen.polygon(points, fill=colour)
    elif kind == "stroke":
        turn, length = chance.uniform(0, np.pi), 3 * radius
        bend = chance.uniform(-0.6, 0.6)
        points = [
            (x + s * length * np.cos(turn + bend * s), y + s * length * np.sin(turn + bend * s))
            for s in np.linspace(-0.5, 0.5, 6)
        ]
        pen.line(points, fill=colour, width=max(1, round(chance.uniform(0.08, 0.4) * radius)))
    else:
        step = max(6.0, chance.uniform(0.3, 0.8) * radius)
        gap, across = step * chance.uniform(0.1, 0.45), chance.randint(2, 6)
        for row in range(chance.randint(2, 6)):
            for column in range(across):
                left, top = x + column * step, y + row * step * flat
                right, bottom = left + step - gap, top + max(step * flat - gap, 1.0)
                pen.rectangle((left, top, right, bottom), fill=colour)


def _colour(chance: random.Random) -> tuple[int, int, int]:
    level = chance.randint(0, 255)
    spread = chance.choice((0, 25, 90))
    red, green, blue = (min(255, max(0, level + chance.randint(-spread, spread))) for _ in range(3))
    return red, green, blue


def _near(colour: tuple[int, int, int], reach: int, chance: random.Random) -> tuple[int, int, int]:
    light = chance.randint(-reach, reach)
    red, green, blue = (
        min(255, max(0, part + light + chance.randint(-reach // 4, reach // 4))) for part in colour
    )
    return red, green, blue


def photographs(folder: Path) -> list[Image.Image]:
    """All photographs below a folder, reduced to at most 1,024 pixels a side."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES:
            with Image.open(path) as picture:
                small = picture.convert("RGB")
            small.thumbnail((1024, 1024))
            if min(small.size) >= SIDE:
                found.append(small)
    return found


def excerpt(pictures: Sequence[Image.Image], chance: random.Random) -> Pixels:
    """A random crop (128, 128, 3) of one of the photographs, at a random scale."""
    picture = chance.choice(pictures)
    shorter = min(picture.size)
    side = round(SIDE * (shorter / SIDE) ** chance.random())
    left = chance.randint(0, picture.size[0] - side)
    top = chance.randint(0, picture.size[1] - side)
    part = picture.crop((left, top, left + side, top + side))
    return np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BOX))


def textures(count: int, pictures: Sequence[Image.Image], chance: random.Random) -> Pixels:
    """``count`` textures (N, 128, 128, 3), two thirds of them excerpts if there are pictures."""
    return np.stack(
        [
            excerpt(pictures, chance)
            if pictures and chance.random() < 2 / 3
            else dead_leaves(chance)
            for _ in range(count)
        ]
    )

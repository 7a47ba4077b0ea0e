"""The content of a studio photo as data: one frozen ``Scene`` per seed, independent of the others.

A scene has everything but the colour: it yields a photo in every colour of the vocabulary (see
``materials`` for why that is cheap).
"""

import random
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Final, Literal

from studio.vocabulary import (
    ANGLES,
    BACKGROUNDS,
    CATEGORIES,
    COUNTS,
    MATERIALS,
    Angle,
    Background,
    Category,
    Material,
)

Split = Literal["train", "scorer", "judge", "held-out"]

#: Settings of a category: each stands once in every block of ``BLOCK`` seeds.
_SETTINGS: Final = tuple(product(MATERIALS, BACKGROUNDS, ANGLES, COUNTS))
#: Number of seeds after which every combination has been shown exactly once.
BLOCK: Final[int] = len(CATEGORIES) * len(_SETTINGS)
#: First seed of each split: whole blocks apart, so that no two splits ever share a scene.
SPLIT_STARTS: Final[dict[Split, int]] = {
    "train": 0,
    "scorer": 2_000 * BLOCK,
    "judge": 4_000 * BLOCK,
    "held-out": 6_000 * BLOCK,
}
#: Degrees that the camera rises for things that lie flat and are known from above.
_LIFT: Final[dict[Category, float]] = {"gaming mouse": 24.0, "bowl": 7.0}
#: How many free proportions a mesh may read; each is uniform in [0, 1).
PROPORTIONS: Final[int] = 8


@dataclass(frozen=True)
class Scene:
    """One arrangement in front of the camera, without the product's colour."""

    seed: int
    category: Category
    material: Material
    background: Background
    angle: Angle
    count: int
    """1 or 2 products of the same kind."""
    compartments: int
    """1 or 2 drawers of an air fryer; 1 for every other category."""
    proportions: tuple[float, ...]
    """``PROPORTIONS`` numbers in [0, 1): what varies between two products of a category."""
    yaw: float
    """Rotation of the product about the vertical, in degrees; 0 faces the camera."""
    second_yaw: float
    """How much further the second product is turned, in degrees."""
    elevation: float
    """Height of the camera above the horizon, in degrees."""
    fill: float
    """Largest side of the subject's box over the side of the picture."""
    key_side: float
    """-1 where the key light stands on the left, 1 on the right."""
    key_height: float
    """Rise of the key light over its sideways distance from the camera."""
    key_level: float
    """Radiance of the key light over its nominal value."""


@lru_cache(maxsize=64)
def _order(block: int) -> tuple[tuple[Category, ...], tuple[int, ...]]:
    """A block's order of categories and of settings."""
    chance = random.Random(f"studio block {block}")
    categories = tuple(chance.sample(CATEGORIES, len(CATEGORIES)))
    return categories, tuple(chance.sample(range(len(_SETTINGS)), len(_SETTINGS)))


def scene_at(seed: int) -> Scene:
    """The scene of one seed, always the same one.

    Twelve consecutive seeds from a multiple of twelve show every category once, in twelve
    different settings; ``BLOCK`` seeds from a multiple of it show every combination once.

    Raises:
        ValueError: ``seed`` is negative.
    """
    if seed < 0:
        raise ValueError(f"scene seed {seed} is negative; seeds count from 0")
    block, place = divmod(seed, BLOCK)
    group, member = divmod(place, len(CATEGORIES))
    categories, settings = _order(block)
    # A stride of five shifts each category's walk, so that a group never repeats a setting.
    setting = settings[(group + 5 * member) % len(settings)]
    material, background, angle, count = _SETTINGS[setting]
    category = categories[member]
    chance = random.Random(f"studio scene {seed}")
    three_quarter = angle == "three-quarter"
    low, high = (22.0, 28.0) if three_quarter else (5.0, 9.0)
    return Scene(
        seed=seed,
        category=category,
        material=material,
        background=background,
        angle=angle,
        count=count,
        compartments=chance.choice((1, 2)) if category == "air fryer" else 1,
        proportions=tuple(chance.random() for _ in range(PROPORTIONS)),
        yaw=chance.uniform(30.0, 42.0) if three_quarter else chance.uniform(-4.0, 4.0),
        second_yaw=chance.choice((-1, 1)) * chance.uniform(6.0, 14.0),
        elevation=chance.uniform(low, high) + _LIFT.get(category, 0.0),
        fill=chance.uniform(0.765, 0.835),
        key_side=chance.choice((-1.0, 1.0)),
        key_height=chance.uniform(0.8, 1.2),
        key_level=chance.uniform(0.85, 1.15),
    )


def split_seed(split: Split, index: int) -> int:
    """The seed of the ``index``-th scene of a split."""
    return SPLIT_STARTS[split] + index


def turned(scene: Scene) -> Scene:
    """The same products under the same light, seen from the other angle."""
    angle: Angle = "front" if scene.angle == "three-quarter" else "three-quarter"
    three_quarter = angle == "three-quarter"
    return replace(
        scene,
        angle=angle,
        yaw=36.0 if three_quarter else 0.0,
        elevation=(25.0 if three_quarter else 7.0) + _LIFT.get(scene.category, 0.0),
    )

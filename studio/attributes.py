"""A photo's six attributes as class numbers, and the canonical captions that differ in one of them.

The scorer learns the captions, the judge the numbers.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import torch
from torch import Tensor

from studio.captions import canonical_caption
from studio.photos.album import tokenize
from studio.photos.scene import Scene
from studio.vocabulary import (
    ANGLES,
    BACKGROUNDS,
    CATEGORIES,
    COLOURS,
    COUNTS,
    MATERIALS,
    Angle,
    Background,
    Category,
    Colour,
    Material,
)

ATTRIBUTES: Final = ("category", "colour", "material", "background", "angle", "count")
#: Number of classes of each attribute, in the order of ``ATTRIBUTES``.
CLASSES: Final[tuple[int, ...]] = tuple(
    map(len, (CATEGORIES, COLOURS, MATERIALS, BACKGROUNDS, ANGLES, COUNTS))
)


@dataclass(frozen=True)
class Wish:
    """One combination of the six attributes: what a canonical caption asks for."""

    category: Category
    colour: Colour
    material: Material
    background: Background
    angle: Angle
    count: int

    def caption(self) -> str:
        """The canonical caption."""
        return canonical_caption(
            self.category, self.colour, self.material, self.background, self.angle, self.count
        )

    def labels(self) -> tuple[int, ...]:
        """Class numbers in the order of ``ATTRIBUTES``."""
        return (
            CATEGORIES.index(self.category),
            COLOURS.index(self.colour),
            MATERIALS.index(self.material),
            BACKGROUNDS.index(self.background),
            ANGLES.index(self.angle),
            COUNTS.index(self.count),
        )


def every_wish() -> list[Wish]:
    """All combinations of the vocabulary; the last attribute changes fastest."""
    return [
        Wish(*values)
        for values in product(CATEGORIES, COLOURS, MATERIALS, BACKGROUNDS, ANGLES, COUNTS)
    ]


def wish_of(scene: Scene, colour: Colour) -> Wish:
    """What a photo shows."""
    return Wish(scene.category, colour, scene.material, scene.background, scene.angle, scene.count)


def labels_of(scenes: list[Scene], colours: list[Colour]) -> Tensor:
    """Class numbers (N, 6) of photos."""
    return torch.tensor(
        [wish_of(s, c).labels() for s, c in zip(scenes, colours, strict=True)], dtype=torch.long
    )


def caption_number(labels: Tensor) -> Tensor:
    """The index in ``every_wish()`` of class numbers (..., 6); shape (...)."""
    number = torch.zeros_like(labels[..., 0])
    for place, classes in enumerate(CLASSES):
        number = number * classes + labels[..., place]
    return number


def canonical_tokens(tokenizer: Any) -> Tensor:
    """Token ids (5760, ``CONTEXT``) of every canonical caption, in the order of ``every_wish``."""
    return tokenize(tokenizer, [wish.caption() for wish in every_wish()])


def one_wrong(labels: Tensor, generator: torch.Generator, kinds: Tensor) -> Tensor:
    """Class numbers (N, K, 6) that differ from ``labels`` (N, 6) in one attribute each.

    ``kinds`` (N, K) selects the attribute; the wrong class is uniform over the others.
    """
    classes = torch.tensor(CLASSES)[kinds]
    wrong = labels[:, None].repeat(1, kinds.shape[1], 1)
    old = wrong.gather(2, kinds[..., None])[..., 0]
    shift = 1 + (torch.rand(kinds.shape, generator=generator) * (classes - 1)).long()
    return wrong.scatter(2, kinds[..., None], ((old + shift) % classes)[..., None])

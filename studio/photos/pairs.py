"""A product photographed before a plain backdrop, and as somebody asked for it afterwards.

The other photos are what nobody else has: the true answers to "the same product, elsewhere", "from
the other angle" and "in another colour". Scenes are of the held-out split, which no network and no
threshold has seen.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from catalog_gen.imaging.pixels import Pixels
from studio.files import whole_file
from studio.photos.render import SAMPLES, SIDE, Negative, develop, shoot
from studio.photos.scene import Scene, scene_at, split_seed, turned
from studio.vocabulary import COLOURS, Background, Colour

#: Backgrounds by the name of their photo in a file.
SHOWN: Final[dict[str, Background]] = {
    "white": "white",
    "grey": "light grey",
    "wood": "warm wood",
}


Edit = Literal["background", "angle", "colour"]
EDITS: Final[tuple[Edit, ...]] = get_args(Edit)


@dataclass(frozen=True, eq=False)
class Answer:
    """The true photo (S, S, 3) of an edit, where the product is in it (S, S), and what it shows."""

    scene: Scene
    colour: Colour
    photo: Pixels
    mask: NDArray[np.bool_]

    def reduced(self, side: int) -> "Answer":
        """With ``side`` pixels a side, which must divide its own."""
        block = len(self.mask) // side
        return replace(self, photo=_blocks(self.photo, block), mask=_cover(self.mask, block))


@dataclass(frozen=True, eq=False)
class Pair:
    """One scene and colour before each background: photos (S, S, 3), and the product (S, S).

    ``answers`` are the true photos of three edits of the one on white.
    """

    number: int
    scene: Scene
    colour: Colour
    photos: dict[str, Pixels]
    mask: NDArray[np.bool_]
    answers: dict[Edit, Answer]

    def reduced(self, side: int) -> "Pair":
        """With ``side`` pixels a side, which must divide its own."""
        block = len(self.mask) // side
        return replace(
            self,
            photos={name: _blocks(photo, block) for name, photo in self.photos.items()},
            mask=_cover(self.mask, block),
            answers={edit: answer.reduced(side) for edit, answer in self.answers.items()},
        )


def shop_photo(number: int) -> tuple[Scene, Colour]:
    """What a shop's photo shows: a held-out scene on white, and the product's colour."""
    scene = replace(scene_at(split_seed("held-out", number)), background="white")
    return scene, COLOURS[(7 * number + 3) % len(COLOURS)]


def pairs(
    folder: Path, count: int, samples: int = SAMPLES, first: int = 0, side: int = SIDE
) -> Iterator[Pair]:
    """``count`` pairs from number ``first`` on; those not in the folder are rendered, 5 s each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        scene, colour = shop_photo(number)
        other = COLOURS[(COLOURS.index(colour) + 5) % len(COLOURS)]
        path = folder / f"{number:04d}.npz"
        if not _is_whole(path):
            _render(path, scene, colour, other, samples, side)
        with np.load(path) as stored:
            photos = {name: stored[name] for name in SHOWN}
            mask = stored["mask"]
            wood = replace(scene, background="warm wood")
            answers: dict[Edit, Answer] = {
                "background": Answer(wood, colour, photos["wood"], mask),
                "angle": Answer(turned(scene), colour, stored["turned"], stored["turned_mask"]),
                "colour": Answer(scene, other, stored["dyed"], mask),
            }
            yield Pair(number, scene, colour, photos, mask, answers)


def _is_whole(path: Path) -> bool:
    """Whether a file is there with all photos; earlier versions rendered fewer."""
    if not (path.is_file() and zipfile.is_zipfile(path)):
        return False
    with np.load(path) as stored:
        return {*SHOWN, "mask", "turned", "turned_mask", "dyed"} <= set(stored)


def _render(
    path: Path, scene: Scene, colour: Colour, other: Colour, samples: int, side: int
) -> None:
    """White and grey are one negative: the studio is neutral, and exposure alone differs."""
    studio = shoot(scene, samples, side)
    table = shoot(replace(scene, background="warm wood"), samples, side)
    around = shoot(turned(scene), samples, side)

    def photo(negative: Negative, background: Background, shown: Colour = colour) -> Pixels:
        return develop(negative, replace(scene, background=background), shown)

    with whole_file(path) as stream:
        np.savez(
            stream,
            white=photo(studio, "white"),
            grey=photo(studio, "light grey"),
            wood=photo(table, "warm wood"),
            dyed=photo(studio, "white", other),
            turned=photo(around, "white"),
            mask=studio.mask,
            turned_mask=around.mask,
        )


def _cover(mask: NDArray[np.bool_], block: int) -> NDArray[np.bool_]:
    """A mask with fewer pixels a side: where most of a block is the product."""
    return _blocks(mask[..., None].astype(np.uint8) * 255, block)[..., 0] > 127


def _blocks(values: Pixels, block: int) -> Pixels:
    height, width, channels = values.shape
    means = values.reshape(height // block, block, width // block, block, channels).mean((1, 3))
    return np.asarray(np.round(means), dtype=np.uint8)

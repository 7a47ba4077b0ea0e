"""A product photographed twice: before a plain backdrop, and where it was asked to stand.

The second photo is what nobody else has: the true answer to "the same product, elsewhere". Scenes
are of the held-out split, which no network and no threshold has seen.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.imaging.pixels import Pixels
from studio.files import whole_file
from studio.photos.render import SAMPLES, SIDE, Negative, develop, shoot
from studio.photos.scene import Scene, scene_at, split_seed
from studio.vocabulary import COLOURS, Background, Colour

#: Backgrounds by the name of their photo in a file.
SHOWN: Final[dict[str, Background]] = {
    "white": "white",
    "grey": "light grey",
    "wood": "warm wood",
}


@dataclass(frozen=True, eq=False)
class Pair:
    """One scene and colour before each background: photos (S, S, 3), and the product (S, S)."""

    number: int
    scene: Scene
    colour: Colour
    photos: dict[str, Pixels]
    mask: NDArray[np.bool_]

    def reduced(self, side: int) -> "Pair":
        """With ``side`` pixels a side, which must divide its own."""
        block = len(self.mask) // side
        photos = {name: _blocks(photo, block) for name, photo in self.photos.items()}
        coverage = _blocks(self.mask[..., None].astype(np.uint8) * 255, block)[..., 0]
        return replace(self, photos=photos, mask=coverage > 127)


def pairs(
    folder: Path, count: int, samples: int = SAMPLES, first: int = 0, side: int = SIDE
) -> Iterator[Pair]:
    """``count`` pairs from number ``first`` on; those not in the folder are rendered, 3 s each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        scene = scene_at(split_seed("held-out", number))
        colour = COLOURS[(7 * number + 3) % len(COLOURS)]
        path = folder / f"{number:04d}.npz"
        if not (path.is_file() and zipfile.is_zipfile(path)):
            _render(path, scene, colour, samples, side)
        with np.load(path) as stored:
            photos = {name: stored[name] for name in SHOWN}
            yield Pair(number, scene, colour, photos, stored["mask"])


def _render(path: Path, scene: Scene, colour: Colour, samples: int, side: int) -> None:
    """White and grey are one negative: the studio is neutral, and exposure alone differs."""
    studio = shoot(replace(scene, background="white"), samples, side)
    table = shoot(replace(scene, background="warm wood"), samples, side)

    def photo(negative: Negative, background: Background) -> Pixels:
        return develop(negative, replace(scene, background=background), colour)

    with whole_file(path) as stream:
        np.savez(
            stream,
            white=photo(studio, "white"),
            grey=photo(studio, "light grey"),
            wood=photo(table, "warm wood"),
            mask=studio.mask,
        )


def _blocks(values: Pixels, block: int) -> Pixels:
    height, width, channels = values.shape
    means = values.reshape(height // block, block, width // block, block, channels).mean((1, 3))
    return np.asarray(np.round(means), dtype=np.uint8)

"""Measure cutouts against true masks: ``python -m studio.evaluation.cutouts --first 128``.

Held-out scenes, which no network learned from, on white and on grey paper, cut out as the pipeline
cuts out a product's photo: by measuring, or with a model. What measuring decides by was set on
scenes 0 to 127: measure it on others.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.settings.feed import CutoutSettings
from catalog_gen.vision.cutout import Cutter, cutter_of
from studio.command import count, reported_errors
from studio.files import whole_file
from studio.photos.pairs import shop_photo
from studio.photos.render import Negative, develop, shoot
from studio.vocabulary import Background

#: Overlap that the project asks for.
ASKED: Final = 0.98
GROUNDS: Final[dict[str, Background]] = {"white": "white", "grey": "light grey"}


@dataclass(frozen=True, slots=True)
class CutoutFigures:
    """Intersection over union of cutouts and true masks.

    Attributes:
        mean: of all that were cut out, as is ``median``.
        reached: share of them with at least what is asked.
        n: how many were cut out; ``refused`` others were not.
    """

    mean: float
    median: float
    reached: float
    n: int
    refused: int


def measure(
    cutter: Cutter, shown: Iterator[tuple[str, Pixels, NDArray[np.bool_]]]
) -> dict[str, CutoutFigures]:
    """Figures by the ground's name, from (ground, photo (H, W, 3), true mask (H, W))."""
    overlaps: dict[str, list[float | None]] = {}
    for ground, photo, mask in shown:
        cutout = cutter.cut(photo).mask
        overlaps.setdefault(ground, []).append(
            None if cutout is None else overlap(cutout > 127, mask)
        )
    return {ground: _figures(values) for ground, values in overlaps.items()}


def overlap(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks."""
    return float((found & true).sum() / (found | true).sum())


def _figures(overlaps: list[float | None]) -> CutoutFigures:
    kept = np.array([each for each in overlaps if each is not None])
    return CutoutFigures(
        mean=round(float(kept.mean()), 4) if len(kept) else 0.0,
        median=round(float(np.median(kept)), 4) if len(kept) else 0.0,
        reached=round(float((kept >= ASKED).mean()), 3) if len(kept) else 0.0,
        n=len(kept),
        refused=len(overlaps) - len(kept),
    )


def plain_photos(
    folder: Path, scenes: int, first: int = 0
) -> Iterator[tuple[str, Pixels, NDArray[np.bool_]]]:
    """Ground, photo and true mask of held-out scenes; those not in the folder are rendered."""
    for number in range(first, first + scenes):
        scene, colour = shop_photo(number)
        path = folder / f"{number:05d}.npz"
        if not path.is_file():
            negative = shoot(scene)
            with whole_file(path) as stream:
                np.savez(stream, exposures=negative.exposures, mask=negative.mask)
            print(f"rendered  {number + 1 - first}/{scenes}", file=sys.stderr, flush=True)
        with np.load(path) as stored:
            negative = Negative(stored["exposures"], stored["mask"])
        for name, background in GROUNDS.items():
            # The studio is neutral: exposure alone makes the paper white or grey.
            yield (
                name,
                develop(negative, replace(scene, background=background), colour),
                negative.mask,
            )


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Measure cutouts.")
    parser.add_argument("--model", type=Path, help="a segmentation model's folder; none: measure")
    parser.add_argument("--work", type=Path, default=Path(".studio/cutouts"))
    parser.add_argument("--scenes", type=count, default=32)
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with reported_errors():
        cutter = cutter_of(CutoutSettings(model=given.model), HashCache(None))
        figures = measure(cutter, plain_photos(given.work, given.scenes, given.first))
    if given.json:
        print(json.dumps({name: asdict(each) for name, each in figures.items()}, indent=2))
        return
    for name, each in figures.items():
        print(
            f"{name:6} mean {each.mean:.3f}, median {each.median:.3f}, at least {ASKED}: "
            f"{each.reached:.1%} of {each.n}, refused {each.refused}"
        )


if __name__ == "__main__":
    main()

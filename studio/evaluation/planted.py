"""Pictures with known ground truth: good renders, and the same with one planted defect."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from catalog_gen.errors import InputError
from studio.evaluation.defects import DEFECTS, DefectName, Specimen, plant
from studio.phrasing import canonical_phrasing

if TYPE_CHECKING:
    from studio.photos.scene import Split


def good_specimens(photos: Path, split: "Split", count: int) -> list[Specimen]:
    """Studio photos, sampled at random from a split, with their right caption.

    Raises:
        InputError: there are too few photos; the message says how to render more.
    """
    from studio.photos.negatives import load_photos

    album = load_photos(photos, split)
    if count > len(album.scenes):
        raise InputError(
            f"{count} photos of split {split!r} in {photos}",
            f"are not there, only {len(album.scenes)}",
            f"Render more: python -m studio.photos.negatives --out {photos} --split {split} "
            f"--scenes {count}.",
        )
    picks = sorted(random.Random(0).sample(range(len(album.scenes)), count))
    return [
        Specimen(
            album.images[pick],
            canonical_phrasing(
                scene.category,
                album.colours[pick],
                scene.material,
                scene.background,
                scene.angle,
                scene.count,
            ),
            album.masks[pick],
            background="white" if scene.background == "white" else "any",
        )
        for pick in picks
        for scene in [album.scenes[pick]]
    ]


def native_specimens(split: "Split", count: int, side: int) -> list[Specimen]:
    """Studio photos rendered at ``side`` pixels, each of a scene of its own, in any colour.

    A scene takes about (side / 256)^2 seconds of one core.
    """
    from studio.photos.negatives import shown_colours
    from studio.photos.render import develop, shoot
    from studio.photos.scene import scene_at, split_seed

    found = []
    for place in range(count):
        scene = scene_at(split_seed(split, place))
        negative = shoot(scene, side=side)
        colour = random.Random(place).choice(shown_colours(scene, split))
        found.append(
            Specimen(
                develop(negative, scene, colour),
                canonical_phrasing(
                    scene.category,
                    colour,
                    scene.material,
                    scene.background,
                    scene.angle,
                    scene.count,
                ),
                negative.mask,
                background="white" if scene.background == "white" else "any",
            )
        )
    return found


def enlarged(specimen: Specimen, side: int) -> Specimen:
    """The specimen at ``side`` pixels, a whole multiple of its own: bicubic, as shops enlarge."""
    times = side // len(specimen.mask)
    if times == 1:
        return specimen
    large = Image.fromarray(specimen.pixels).resize((side, side), Image.Resampling.BICUBIC)
    mask = np.kron(specimen.mask, np.ones((times, times), dtype=bool))
    return replace(specimen, pixels=np.asarray(large), mask=mask)


def planted(good: Sequence[Specimen]) -> Iterator[tuple[DefectName, list[Specimen]]]:
    """Each defect in every picture that can have it."""
    for name in DEFECTS:
        yield (
            name,
            [
                bad
                for place, each in enumerate(good)
                if (bad := plant(name, each, _other(good, place), seed=place)) is not None
            ],
        )


def planted_once(good: Sequence[Specimen]) -> list[Specimen]:
    """Every picture with one defect, the kinds in turn: no two show the same scene and colour."""
    found = []
    for place, each in enumerate(good):
        kinds = (DEFECTS[(place + step) % len(DEFECTS)] for step in range(len(DEFECTS)))
        spoilt = (plant(name, each, _other(good, place), seed=place) for name in kinds)
        found.append(next(bad for bad in spoilt if bad is not None))
    return found


def _other(good: Sequence[Specimen], place: int) -> Specimen:
    """The next picture of another category, wrapping around at the end."""
    own = good[place].phrasing.asked["category"]
    for step in range(1, len(good)):
        other = good[(place + step) % len(good)]
        if other.phrasing.asked["category"] != own:
            return other
    raise InputError(f"{len(good)} pictures", "all show one category", "Take more of them.")

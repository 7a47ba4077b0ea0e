"""Render the studio photos of a split to files, and read them back as arrays.

``python -m studio.photos.negatives --out .studio/photos --split train --scenes 1500`` renders
what is missing, in order, and may be stopped at any time. A file holds the negatives of
``SCENES_PER_FILE`` scenes, whose seeds follow from the split and the file's number; colours are
developed on reading.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from catalog_gen.errors import InputError
from studio.command import count, reported_errors
from studio.files import whole_file
from studio.photos.render import SAMPLES, SIDE, Negative, develop, shoot
from studio.photos.scene import Scene, Split, scene_at, split_seed
from studio.vocabulary import COLOURS, HELD_OUT_PAIRS, Colour

SCENES_PER_FILE: Final[int] = 25
#: Side of the photos that the networks learn from, unless they ask for another.
PHOTO_SIDE: Final[int] = 128


@dataclass(frozen=True)
class Photos:
    """The photos of a split, scene by scene, each scene in its colours."""

    images: NDArray[np.uint8]
    """(N, side, side, 3), sRGB."""
    masks: NDArray[np.bool_]
    """(N, side, side), true where the subject is."""
    scenes: list[Scene]
    colours: list[Colour]


def _file(folder: Path, split: Split, number: int) -> Path:
    return folder / split / f"scenes-{number:05d}.npz"


def render_split(
    folder: Path, split: Split, scenes: int, samples: int = SAMPLES, side: int = SIDE
) -> int:
    """Renders the first ``scenes`` scenes of a split, skipping files that exist.

    ``scenes`` is rounded up to whole files. Returns the number of scenes rendered by this call.
    """
    missing = [
        number
        for number in range(-(-scenes // SCENES_PER_FILE))
        if not _file(folder, split, number).exists()
    ]
    start = time.monotonic()
    for done, number in enumerate(missing):
        seeds = [
            split_seed(split, number * SCENES_PER_FILE + place) for place in range(SCENES_PER_FILE)
        ]
        negatives = {str(seed): shoot(scene_at(seed), samples, side) for seed in seeds}
        arrays: dict[str, Any] = {}
        for seed, negative in negatives.items():
            arrays[f"exposures {seed}"] = negative.exposures
            arrays[f"mask {seed}"] = np.packbits(negative.mask)
        with whole_file(_file(folder, split, number)) as stream:
            np.savez(stream, **arrays)
        finished = (done + 1) * SCENES_PER_FILE
        pace = finished / (time.monotonic() - start)
        left = (len(missing) - done - 1) * SCENES_PER_FILE / pace
        print(
            f"{split}: {finished}/{len(missing) * SCENES_PER_FILE} scenes, "
            f"{pace:.2f} scenes/s, {left / 60:.0f} min left",
            file=sys.stderr,
            flush=True,
        )
    return len(missing) * SCENES_PER_FILE


def negatives(folder: Path, split: Split) -> Iterator[tuple[Scene, Negative]]:
    """The rendered scenes of a split in order, up to the first missing file."""
    number = 0
    while (path := _file(folder, split, number)).exists():
        with np.load(path) as stored:
            for place in range(SCENES_PER_FILE):
                seed = split_seed(split, number * SCENES_PER_FILE + place)
                exposures = stored[f"exposures {seed}"]
                mask = np.unpackbits(stored[f"mask {seed}"]).reshape(exposures.shape[1:3])
                yield scene_at(seed), Negative(exposures, mask.astype(bool))
        number += 1


def shown_colours(scene: Scene, split: Split) -> list[Colour]:
    """The colours in which a split shows a scene: the generator never sees a held-out pair."""
    return [
        colour
        for colour in COLOURS
        if split != "train" or (scene.category, colour) not in HELD_OUT_PAIRS
    ]


def rendered_files(folder: Path, split: Split) -> int:
    """How many files of a split there are, up to the first missing one."""
    files = 0
    while _file(folder, split, files).exists():
        files += 1
    return files


def load_photos(
    folder: Path, split: Split, limit: int | None = None, side: int = PHOTO_SIDE
) -> Photos:
    """Develops every rendered scene of a split in all its colours.

    The images are cached beside the negatives as memory-mapped arrays, made anew when more scenes
    have been rendered. ``limit`` keeps the first so many photos, ``side`` is theirs in pixels.

    Raises:
        InputError: nothing of this split has been rendered.
    """
    files = rendered_files(folder, split)
    if not files:
        raise InputError(
            f"photos of split {split!r} in {folder}",
            "are not there",
            f"Render them: python -m studio.photos.negatives --out {folder} --split {split} "
            "--scenes N.",
        )
    scenes: list[Scene] = []
    colours: list[Colour] = []
    for index in range(files * SCENES_PER_FILE):
        scene = scene_at(split_seed(split, index))
        for colour in shown_colours(scene, split):
            scenes.append(scene)
            colours.append(colour)
    images, masks = _developed(folder, split, files, len(scenes), side)
    return Photos(images[:limit], masks[:limit], scenes[:limit], colours[:limit])


def _developed(
    folder: Path, split: Split, files: int, count: int, side: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The cache of a split's images and masks, developed first where it is missing or old."""
    cache = folder / split / f"developed-{side}-{files:05d}"
    images_path, masks_path = cache.with_suffix(".images.npy"), cache.with_suffix(".masks.npy")
    if not masks_path.exists():  # written last
        for old in (folder / split).glob(f"developed-{side}-*.npy"):
            old.unlink()
        images = np.lib.format.open_memmap(
            images_path.with_suffix(".partial"), "w+", np.uint8, (count, side, side, 3)
        )
        masks = np.lib.format.open_memmap(
            masks_path.with_suffix(".partial"), "w+", np.bool_, (count, side, side)
        )
        at = 0
        for number, (scene, negative) in enumerate(negatives(folder, split)):
            if number == files * SCENES_PER_FILE:
                break
            small = negative.reduced(side)
            for colour in shown_colours(scene, split):
                images[at], masks[at] = develop(small, scene, colour), small.mask
                at += 1
        images.flush()
        masks.flush()
        images_path.with_suffix(".partial").replace(images_path)
        masks_path.with_suffix(".partial").replace(masks_path)
    return np.load(images_path, mmap_mode="r"), np.load(masks_path, mmap_mode="r")


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Render the studio model's photos.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the photos")
    parser.add_argument("--split", choices=get_args(Split), required=True)
    parser.add_argument("--scenes", type=count, required=True, help="how many, from the first on")
    parser.add_argument(
        "--side",
        type=int,
        choices=(PHOTO_SIDE, SIDE),
        default=SIDE,
        help="pixels a side; the smaller ones are noisier, take a third of the time, and "
        "do for the captioner and the adapter",
    )
    given = parser.parse_args()
    with reported_errors():
        render_split(given.out, given.split, given.scenes, side=given.side)


if __name__ == "__main__":
    main()

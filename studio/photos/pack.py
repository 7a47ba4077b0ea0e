"""Photos in one file, for a training machine that can't render.

``python -m studio.photos.pack --photos .studio/photos --out .studio/photos.zip`` packs as many
training scenes as fit, and some held-out ones for the sample sheets. ``--photos`` accepts such a
file wherever it accepts a folder. It is a zip archive without compression: ``index.json`` lists
scenes and colours, ``SPLIT/SEED.webp`` holds a scene's photos one below the other, and
``SPLIT/SEED.png`` its mask.
"""

import argparse
import io
import json
import os
import random
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog_gen.errors import CorruptionError, InputError
from studio.command import count, reported_errors
from studio.photos.negatives import Photos, negatives, shown_colours
from studio.photos.render import SIDE, develop
from studio.photos.scene import Scene, Split, scene_at
from studio.vocabulary import COLOURS, Colour

LIMIT_BYTES: Final[int] = 60 * 1024 * 1024
#: WebP quality: 38.8 dB inside the subject's box at 5.7 KB per photo of 256x256 (80: 36.5 dB at
#: 3.6 KB, 95: 40.2 dB at 8.6 KB), eight dB better than an autoencoder's reconstruction.
QUALITY: Final[int] = 90
#: Photos per scene: new shapes teach more than the same shape in all ten colours.
COLOURS_SHOWN: Final[int] = 6
HELD_OUT_SCENES: Final[int] = 25
_INDEX: Final = "index.json"


@dataclass(frozen=True)
class Packed:
    """The contents of a packed file."""

    scenes: dict[Split, int]
    photos: int
    left_out: int
    """Rendered training scenes that didn't fit."""
    size: int
    """Size of the file in bytes."""


def pack(
    photos: Path,
    out: Path,
    colours: int = COLOURS_SHOWN,
    side: int = SIDE,
    limit: int = LIMIT_BYTES,
    held_out: int = HELD_OUT_SCENES,
) -> Packed:
    """Write ``out``, completely or not at all, from a folder of rendered negatives.

    Args:
        colours: maximum photos per training scene; held-out scenes are shown in all ten colours.
        side: side of the photos in pixels.
        limit: maximum size of the file in bytes.
        held_out: maximum number of held-out scenes.

    Raises:
        InputError: the folder holds no training photos.
    """
    index: dict[str, list[dict[str, Any]]] = {}
    left = limit - 1024
    left_out = 0
    shown = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for entry in _entries(photos, colours, side, held_out):
            # The headers of two members, and the scene's line in the index.
            size = len(entry.strip) + len(entry.mask) + 500
            if size > left:
                left_out += 1
                continue
            left -= size
            name = f"{entry.split}/{entry.scene.seed}"
            archive.writestr(f"{name}.webp", entry.strip)
            archive.writestr(f"{name}.png", entry.mask)
            shown += len(entry.colours)
            listed = {"seed": entry.scene.seed, "colours": entry.colours}
            index.setdefault(entry.split, []).append(listed)
        archive.writestr(_INDEX, json.dumps({"side": side, "splits": index}))
    if "train" not in index:
        partial.unlink()
        raise InputError(
            f"training photos in {photos}",
            "are not there" if not left_out else f"don't fit into {limit} bytes",
            f"Render them: python -m studio.photos.negatives --out {photos} --split train "
            "--scenes N.",
        )
    os.replace(partial, out)
    scenes = {split: len(index.get(split, [])) for split in get_args(Split)}
    return Packed(scenes, shown, left_out, out.stat().st_size)


@dataclass(frozen=True)
class _Entry:
    split: Split
    scene: Scene
    colours: list[Colour]
    strip: bytes
    mask: bytes


def _entries(photos: Path, colours: int, side: int, held_out: int) -> Iterator[_Entry]:
    """Held-out scenes first, then those that the generator learns from, in order."""
    wanted: tuple[tuple[Split, int | None], ...] = (
        ("held-out", held_out),
        ("train", None),
        ("scorer", None),
    )
    for split, most in wanted:
        for place, (scene, negative) in enumerate(negatives(photos, split)):
            if place == most:
                break
            small = negative.reduced(side)
            chosen = _chosen(scene, split, len(COLOURS) if split == "held-out" else colours)
            strip = np.concatenate([develop(small, scene, colour) for colour in chosen])
            yield _Entry(
                split,
                scene,
                chosen,
                _encoded(Image.fromarray(strip), "WEBP", quality=QUALITY, method=4),
                _encoded(Image.fromarray(small.mask), "PNG"),
            )


def _chosen(scene: Scene, split: Split, most: int) -> list[Colour]:
    """Colours for a scene without held-out pairs; the choice is deterministic."""
    known = shown_colours(scene, "held-out" if split == "held-out" else "train")
    if len(known) <= most:
        return known
    return random.Random(f"packed colours {scene.seed}").sample(known, most)


def _encoded(picture: Image.Image, form: str, **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def packed_splits(path: Path) -> set[str]:
    """The splits that a file holds.

    Raises:
        CorruptionError: it is not such a file.
    """
    with _opened(path) as archive:
        return set(_index(archive, path)["splits"])


def read_pack(path: Path, split: Split, limit: int | None, side: int) -> Photos:
    """The photos of a split, each reduced to ``side`` by the mean of square blocks.

    ``limit`` keeps only the first ones.

    Raises:
        CorruptionError: the file is broken, or was not written by ``pack``.
        InputError: it holds no photo of this split, or ``side`` doesn't divide its photos' side.
    """
    with _opened(path) as archive:
        index = _index(archive, path)
        rows = index["splits"].get(split, [])
        if not rows:
            raise InputError(
                f"photos of split {split!r} in {path}",
                "are not there",
                f"It holds {', '.join(index['splits'])}: pack it anew from photos that have them.",
            )
        if index["side"] % side:
            raise InputError(
                f"{side} pixels a side",
                f"don't divide the {index['side']} of the photos in {path}",
                "Pack larger ones: python -m studio.photos.pack --side.",
            )
        members = [
            (
                archive.read(f"{split}/{row['seed']}.webp"),
                archive.read(f"{split}/{row['seed']}.png"),
            )
            for row in rows
        ]
    total = sum(len(row["colours"]) for row in rows)
    images = np.empty((total, side, side, 3), np.uint8)
    masks = np.empty((total, side, side), np.bool_)
    starts = np.cumsum([0, *(len(row["colours"]) for row in rows)])

    def unfold(place: int) -> None:
        strip, mask = (_decoded(member) for member in members[place])
        places = slice(starts[place], starts[place + 1])
        images[places] = _reduced(strip.reshape(-1, index["side"], index["side"], 3), side)
        masks[places] = _reduced(mask[None, ..., None], side)[0, ..., 0] > 127

    with ThreadPoolExecutor() as pool:
        list(pool.map(unfold, range(len(rows))))
    scenes = [scene_at(row["seed"]) for row in rows for _ in row["colours"]]
    colours = [colour for row in rows for colour in row["colours"]]
    return Photos(images[:limit], masks[:limit], scenes[:limit], colours[:limit])


def _decoded(member: bytes) -> NDArray[np.uint8]:
    """A WebP as (H, W, 3), a mask as (H, W) of 0 and 255."""
    picture = Image.open(io.BytesIO(member))
    return np.asarray(picture.convert("L" if picture.mode == "1" else "RGB"))


def _reduced(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """(N, S, S, C) to (N, side, side, C)."""
    count, own, _, channels = pictures.shape
    if own == side:
        return pictures
    block = own // side
    blocks = pictures.reshape(count, side, block, side, block, channels)
    small: NDArray[np.uint8] = blocks.mean((2, 4), np.float32).round().astype(np.uint8)
    return small


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise _broken(path, error) from error


def _index(archive: zipfile.ZipFile, path: Path) -> Any:
    try:
        return json.loads(archive.read(_INDEX))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> CorruptionError:
    return CorruptionError(
        str(path),
        f"is not a file of packed photos ({error})",
        "Pack it anew: python -m studio.photos.pack.",
    )


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Pack rendered photos into one file.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--out", type=Path, default=Path(".studio/photos.zip"))
    parser.add_argument("--colours", type=count, default=COLOURS_SHOWN, help="of a training scene")
    parser.add_argument("--side", type=count, default=SIDE, help="of the photos, in pixels")
    given = parser.parse_args()
    with reported_errors():
        found = pack(given.photos, given.out, given.colours, given.side)
    print(
        f"{given.out}: {found.photos} photos, {found.size / 2**20:.1f} MiB; scenes: "
        f"{', '.join(f'{split} {n}' for split, n in found.scenes.items() if n)}; "
        f"{found.left_out} left out for lack of space",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()

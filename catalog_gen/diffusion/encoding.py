"""Encode finished pictures as PNG and hash them, several at a time beside a GPU.

A picture of 1,024 x 1,024 takes 11 ms of processor time: 60 of them per second would take two
thirds of the thread that feeds the GPU. The compressor and SHA-256 release Python's lock.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from catalog_gen.diffusion.jobs import Drawn
from catalog_gen.imaging.encode import encode_png
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.recipe import Environment

#: More threads would encode more than any current GPU draws.
_MOST: Final = 4


def encoding_threads() -> int:
    """Threads that encode beside a GPU: a quarter of the cores that this process may use."""
    return max(1, min(_MOST, len(os.sched_getaffinity(0)) // 4))


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished picture, (H, W, 3), that is not encoded yet."""

    recipe_id: str
    pixels: Pixels
    seconds: float
    environment: Environment


class Encoder:
    """Encodes pictures in order on ``threads`` threads; with one, on the caller's thread."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "encoding") if threads > 1 else None

    def encoded(self, pictures: Sequence[Finished]) -> Iterator[Drawn]:
        """The pictures with their files."""
        return (map if self._pool is None else self._pool.map)(_encoded, pictures)

    def close(self) -> None:
        """Encode nothing more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _encoded(picture: Finished) -> Drawn:
    png = encode_png(picture.pixels)
    return Drawn(
        recipe_id=picture.recipe_id,
        pixels=picture.pixels,
        png=png,
        sha256=hashlib.sha256(png).hexdigest(),
        seconds=picture.seconds,
        environment=picture.environment,
    )

"""An engine that delivers ready pictures at a fixed pace, and the shop that it draws for.

It stands for a GPU: what is timed around it is everything that a night does beside drawing.
"""

import csv
import hashlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.imaging.encode import encode_png
from catalog_gen.recipe import Environment

#: Different pictures; what they show costs the same from then on.
_MASTERS: Final = 8
BATCH: Final = 8
#: Threads that encode, as the real engine's on 16 cores.
_ENCODING: Final = 4


class ReadyEngine:
    """Delivers a batch of pictures of ``side`` pixels whenever a GPU would have drawn it.

    A GPU draws on while its pictures are encoded and stored, one batch ahead, as the real engine
    does: a batch is late only where the caller came for it too late.
    """

    def __init__(self, masters: Sequence[NDArray[np.uint8]], pace: float) -> None:
        self._masters = masters
        self._pace = pace
        #: Seconds that the GPU stood still because nobody had come for its pictures.
        self.stood_still = 0.0
        #: Processor seconds of the thread that came for them, until it had the last one.
        self.taking = 0.0
        #: Processor seconds of the process by then.
        self.until_the_last = 0.0

    @property
    def batch_size(self) -> int:
        """As the real engine's."""
        return BATCH

    @property
    def delivers(self) -> bool:
        """As the real engine's."""
        return False

    @property
    def environment(self) -> Environment:
        """Of an invented GPU."""
        return Environment(
            device="a simulated GPU",
            dtype="bf16",
            batch_size=BATCH,
            threads=1,
            compiled=False,
            platform="benchmark",
            libraries={},
        )

    def draw(self, jobs: Sequence[DrawJob]) -> Iterator[Outcome]:
        """As the real engine's."""
        encoders = ThreadPoolExecutor(_ENCODING, "encoding")
        thread, begun = time.thread_time(), time.perf_counter()
        for start in range(0, len(jobs), BATCH):
            batch = jobs[start : start + BATCH]
            ready = begun + len(batch) / self._pace
            now = time.perf_counter()
            if now < ready:
                time.sleep(ready - now)
            else:
                self.stood_still += now - ready
            begun = max(ready, now)  # the next one is drawn while this one is encoded
            yield from encoders.map(self._drawn, batch, count(start))
        encoders.shutdown()
        self.taking = time.thread_time() - thread
        self.until_the_last = time.process_time()

    def _drawn(self, job: DrawJob, place: int) -> Drawn:
        pixels = self._masters[place % len(self._masters)].copy()
        # No two alike: the store would keep one of them.
        pixels[0, :3] = np.frombuffer(place.to_bytes(9, "big"), np.uint8).reshape(3, 3)
        png = encode_png(pixels)
        digest = hashlib.sha256(png).hexdigest()
        return Drawn(job.recipe_id, pixels, png, digest, 1 / self._pace, self.environment)


def masters(photos: Path, side: int) -> list[NDArray[np.uint8]]:
    """Product photos with a little noise, as drawn pictures have: (side, side, 3)."""
    from PIL import Image

    generator = np.random.default_rng(8)
    found = sorted([*photos.glob("*.png"), *photos.glob("*.jpg")])[:_MASTERS]
    made = []
    for path in found:
        with Image.open(path) as photo:
            pixels = np.asarray(photo.convert("RGB").resize((side, side)), dtype=np.int16)
        noise = generator.integers(-2, 3, pixels.shape)
        made.append(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    return made


def write_feed(path: Path, products: int) -> None:
    """A feed of so many products, each with a prompt of its own."""
    colours = ("red", "blue", "green", "black")
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer: Any = csv.writer(stream)
        writer.writerow(("id", "title", "product_type", "color", "price"))
        writer.writerows(
            (f"sku-{n}", f"Mug {n}", "mug", colours[n % len(colours)], "9.00 EUR")
            for n in range(products)
        )

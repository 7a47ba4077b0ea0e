"""The engine's input and output: jobs, pictures and failures. Does not import torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from catalog_gen.errors import InputError
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.recipe import Environment, Failure, Recipe

#: Seconds after which a batch is given up. A batch of 8 large pictures on a CPU takes minutes.
DEADLINE: Final = 3600.0

#: How much of each pixel is the product, (H, W), 0..255.
Coverage = npt.NDArray[np.uint8]


class RecipeError(InputError):
    """A recipe that this model or machine can't draw; the engine turns it into a ``Failure``."""


@dataclass(frozen=True, slots=True)
class DrawJob:
    """One picture to draw.

    ``reference`` is the product's photo, ``mask`` the PNG of its mask, and ``concept`` the bytes of
    what was learned about it, where the method needs them.
    """

    recipe_id: str
    recipe: Recipe
    reference: Path | None = None
    mask: bytes | None = None
    concept: bytes | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture: ``pixels`` is (H, W, 3); ``png`` encodes it; ``sha256`` is that of ``png``.

    ``seconds`` is its share of its batch's time on the device. ``environment`` is the actual one:
    after an out-of-memory fallback or an fp32 retry it differs from the settings.
    """

    recipe_id: str
    pixels: Pixels
    png: bytes
    sha256: str
    seconds: float
    environment: Environment

    @property
    def batch_size(self) -> int:
        """The size that the picture's batch was padded to."""
        return self.environment.batch_size


@dataclass(frozen=True, slots=True)
class Delivered:
    """A picture, or with an ``error`` a failure, that a worker has put into the outbox.

    ``worker`` is its machine and device.
    """

    recipe_id: str
    worker: str
    error: str = ""


Outcome = Drawn | Failure


class Draws(Protocol):
    """Anything that draws jobs: an engine, several processes, or a pool of machines."""

    @property
    def batch_size(self) -> int:
        """The size that batches are padded to."""

    @property
    def environment(self) -> Environment:
        """The environment of most pictures; each ``Drawn`` has its own."""

    @property
    def delivers(self) -> bool:
        """Whether its workers put pictures into the outbox instead of handing them over."""

    def draw(self, jobs: Sequence[DrawJob]) -> Iterator[Outcome | Delivered]:
        """Draw all jobs; yield each one's outcome as soon as it is there.

        Raises:
            DrawingError: nothing more can be drawn; all finished pictures were yielded.
        """

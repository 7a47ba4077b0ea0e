"""The engine's input and output: jobs, pictures and failures. Does not import torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from catalog_gen.errors import InputError
from catalog_gen.recipe import Environment, Failure, Recipe

Pixels = npt.NDArray[np.uint8]
#: How much of each pixel is the product, (H, W), 0..255.
Coverage = npt.NDArray[np.uint8]


class RecipeError(InputError):
    """A recipe that this model or machine can't draw; the engine turns it into a ``Failure``."""


@dataclass(frozen=True, slots=True)
class DrawJob:
    """One picture to draw.

    ``reference`` is the product's photo, and ``mask`` the PNG of its mask, where the method needs
    them.
    """

    recipe_id: str
    recipe: Recipe
    reference: Path | None = None
    mask: bytes | None = None


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


Outcome = Drawn | Failure

"""The parts of a product mesh: the coloured body and its neutral trim."""

from dataclasses import dataclass
from typing import Literal

from studio.photos.meshes.shapes import Mesh

#: Neutral finishes of secondary parts; ``materials`` says how each looks.
Finish = Literal["rubber", "chrome", "white", "screen", "steel"]


@dataclass(frozen=True)
class Trim:
    """A part that keeps its own grey whatever the product's colour."""

    mesh: Mesh
    finish: Finish


@dataclass(frozen=True)
class Product:
    """One product in its own unit, facing the camera (-y)."""

    body: Mesh
    trims: tuple[Trim, ...] = ()


def mix(share: float, low: float, high: float) -> float:
    """The number at ``share`` in [0, 1] of the way from ``low`` to ``high``."""
    return low + share * (high - low)

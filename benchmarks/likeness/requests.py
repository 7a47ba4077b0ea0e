"""What is asked of every way about every product, and the true answers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.contrasts import Phrasing
from studio.photos.pairs import Answer, Pair
from studio.phrasing import canonical_phrasing

#: The request for the photo itself, which "reconstruction" is measured by.
ITSELF = "itself"


@dataclass(frozen=True, eq=False)
class Request:
    """One picture that is asked for; ``true`` (S, S, 3) shows it, its product where ``mask`` is."""

    name: str
    phrasing: Phrasing
    wanted: Mapping[str, str]
    """The product's category, colour and material, in the studio's words."""
    true: Pixels
    mask: NDArray[np.bool_]


def requests(pair: Pair) -> list[Request]:
    """The photo on white itself, and its edits."""
    itself = Answer(pair.scene, pair.colour, pair.photos["white"], pair.mask)
    return [
        Request(name, _phrasing(answer), _wanted(answer), answer.photo, answer.mask)
        for name, answer in ((ITSELF, itself), *pair.answers.items())
    ]


def photos_of(pair: Pair) -> dict[str, Pixels]:
    """The photos that may be learned from."""
    return {**pair.photos, "turned": pair.answers["angle"].photo}


def _wanted(answer: Answer) -> dict[str, str]:
    scene = answer.scene
    return {"category": scene.category, "colour": answer.colour, "material": scene.material}


def _phrasing(answer: Answer) -> Phrasing:
    scene = answer.scene
    return canonical_phrasing(
        scene.category,
        answer.colour,
        scene.material,
        scene.background,
        scene.angle,
        scene.count,
    )

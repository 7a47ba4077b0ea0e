"""The methods by name: a new one is a module beside these and a line here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from catalog_gen.diffusion.methods import img2img, text2img
from catalog_gen.diffusion.methods.batch import DrawMethod
from catalog_gen.recipe import Method


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """A way to draw, and whether it starts from a reference photo."""

    draw: DrawMethod
    needs_reference: bool


METHODS: Final[Mapping[Method, MethodEntry]] = {
    "text2img": MethodEntry(text2img.draw, needs_reference=False),
    "img2img": MethodEntry(img2img.draw, needs_reference=True),
}

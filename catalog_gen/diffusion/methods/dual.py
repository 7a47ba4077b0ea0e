"""Dual guidance: drawn between what the prompt says and what the product's photo shows.

Versatile Diffusion (https://arxiv.org/abs/2211.08332) mixes in every cross-attention
``r * text + (1 - r) * photo``. There either was trained alone; an IP-Adapter was trained beside the
whole prompt, so that here both have their full weight in the middle. At 1, without any prompt,
small adapters may draw something else.
"""

from typing import Annotated, Literal

from pydantic import Field

from catalog_gen.diffusion.methods.looking import Looking
from catalog_gen.method import Method

_Mix = Annotated[float, Field(ge=0, le=1)]


class Dual(Looking):
    """Draws from ``min(1, 2 - 2 mix) * prompt + min(1, 2 mix) * photo``."""

    name: Literal["dual"] = "dual"
    mix: _Mix | tuple[_Mix, ...] = Field(
        0.5, description="share of the photo; a list: one picture for each of them"
    )

    @property
    def variants(self) -> tuple[Method, ...]:
        return self.with_each("mix")

    @property
    def photo_weight(self) -> float:
        assert isinstance(self.mix, float)  # a recipe has one
        return min(1.0, 2 * self.mix)

    @property
    def prompt_weight(self) -> float:
        assert isinstance(self.mix, float)
        return min(1.0, 2 - 2 * self.mix)

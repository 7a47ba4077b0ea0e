"""Variation: drawn from the prompt and what the product's photo shows, by an IP-Adapter."""

from typing import Annotated, Literal

from pydantic import Field

from catalog_gen.diffusion.methods.looking import Looking
from catalog_gen.method import Method

_Scale = Annotated[float, Field(ge=0, le=2)]


class Variation(Looking):
    """Draws another picture of what the photo shows, as the prompt says."""

    name: Literal["variation"] = "variation"
    scale: _Scale | tuple[_Scale, ...] = Field(
        0.6,
        description="weight of the photo beside the prompt's 1; a list: one picture for each of "
        "them",
    )

    @property
    def variants(self) -> tuple[Method, ...]:
        return self.with_each("scale")

    @property
    def photo_weight(self) -> float:
        assert isinstance(self.scale, float)  # a recipe has one
        return self.scale

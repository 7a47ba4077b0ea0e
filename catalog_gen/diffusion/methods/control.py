"""Control: drawn from the prompt along the product's edges, by a ControlNet.

ControlNet (https://arxiv.org/abs/2302.05543): the control picture is computed from the product's
photo; the form follows it, everything else follows the prompt.
"""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from catalog_gen.imaging.edges import canny
from catalog_gen.method import Method, Need, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class Control(Method):
    """Keeps the photo's form, and draws colours, material and background as the prompt says."""

    needs: ClassVar[frozenset[Need]] = frozenset({"photo"})
    task: ClassVar[Task] = "control"

    name: Literal["control"] = "control"
    net: str = Field(description="the ControlNet, as model.controlnets names it")
    shows: Literal["edges", "photo"] = Field(
        "edges", description="what the net looks at: edges (Canny) or the photo itself (tile)"
    )
    threshold: float = Field(
        50.0, gt=0, le=500, description="least gradient of an edge; 50: a step of 20 levels of 255"
    )
    scale: float = Field(1.0, ge=0, le=2, description="how strongly the net is followed")
    start: float = Field(0.0, ge=0, lt=1, description="share of the steps before it begins")
    end: float = Field(1.0, gt=0, le=1, description="share of the steps after which it ends")

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"start {self.start:g} is not before end {self.end:g}")
        return self

    @property
    def departure(self) -> float:
        """Unlimited: only the form is tied to the photo."""
        return 1.0

    @property
    def part(self) -> str:
        return self.net

    def seen(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The control picture."""
        return canny(photo, self.threshold) if self.shows == "edges" else photo

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw a batch along control pictures of the pictures' size."""
        model.pipelines[self.task].controlnet = model.controlnets[self.net]
        return batch.run(
            model,
            image=batch.image(model),
            controlnet_conditioning_scale=self.scale,
            control_guidance_start=self.start,
            control_guidance_end=self.end,
        )

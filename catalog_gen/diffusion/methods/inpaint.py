"""Inpaint: draw a box of the product's photo anew, and keep the rest bit for bit.

For checkpoints trained with a mask as an additional input (High-Resolution Image Synthesis with
Latent Diffusion Models, https://arxiv.org/abs/2112.10752). The autoencoder changes every pixel a
little, so the pixels outside the box are copied back from the photo.
"""

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from catalog_gen.method import Method, Need, Task, too_few_steps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel

_Share = Annotated[float, Field(ge=0, le=1)]
#: Pixels per latent along a side: the box grows to whole latents.
_LATENT: Final = 8


class Inpaint(Method):
    """Draws the inside of a box, for example half of the background or the place of a prop."""

    needs: ClassVar[frozenset[Need]] = frozenset({"photo"})
    task: ClassVar[Task] = "inpaint"

    name: Literal["inpaint"] = "inpaint"
    box: tuple[_Share, _Share, _Share, _Share] = Field(
        description="left, top, right and bottom of the box, as shares of the picture"
    )
    strength: float = Field(1.0, gt=0, le=1, description="share of the steps that are run")

    @model_validator(mode="after")
    def _has_an_inside(self) -> Self:
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            raise ValueError(f"box {list(self.box)} is empty; write [left, top, right, bottom]")
        return self

    @property
    def share(self) -> float:
        return self.strength

    @property
    def departure(self) -> float:
        """Inside the box, only the strength keeps the picture close to the photo."""
        return self.strength

    def problem(self, steps: int) -> tuple[str, str, str] | None:
        """A problem if the strength leaves no step to run."""
        return too_few_steps("strength", self.strength, steps, "a higher strength")

    def pixels(self, width: int, height: int) -> tuple[slice, slice]:
        """The box's rows and columns in a picture of this size."""
        left, top, right, bottom = self.box
        return _grown(top, bottom, height), _grown(left, right, width)

    def kept(self, coverage: "NDArray[np.uint8]") -> "NDArray[np.bool_] | None":
        """All that lies outside of the box."""
        import numpy as np

        height, width = coverage.shape
        outside = np.ones(coverage.shape, dtype=bool)
        outside[self.pixels(width, height)] = False
        return outside

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw the box in a batch of photos of the pictures' size."""
        import torch

        photos = batch.photo_values()
        mask = torch.zeros_like(photos[:, :1])
        rows, columns = self.pixels(batch.key.width, batch.key.height)
        mask[:, :, rows, columns] = 1
        pictures = batch.run(
            model, image=batch.image(model), mask_image=mask, strength=self.strength
        )
        # In single precision, whatever the model's: half of it can't tell 256 levels apart.
        drawn = pictures.values.float()
        kept = torch.where(mask.to(drawn.device) > 0, drawn, photos.to(drawn.device))
        return pictures.of(kept)


def _grown(begin: float, end: float, pixels: int) -> slice:
    first = math.floor(begin * pixels / _LATENT) * _LATENT
    return slice(first, math.ceil(end * pixels / _LATENT) * _LATENT)

"""Image to image: the product's photo is noised by ``strength`` and denoised again.

SDEdit (https://arxiv.org/abs/2108.01073): the photo's latents are noised up to the step at
``strength`` and denoised from there, so that a low strength keeps the product.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from catalog_gen.method import Method, Need, Task, too_few_steps

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class ImageToImage(Method):
    """Redraws the product's photo; a strength of 0.30 to 0.40 changes only light and background."""

    needs: ClassVar[frozenset[Need]] = frozenset({"photo"})
    task: ClassVar[Task] = "img2img"

    name: Literal["img2img"] = "img2img"
    strength: float = Field(gt=0, le=1, description="share of the steps that are run")

    @property
    def share(self) -> float:
        return self.strength

    @property
    def departure(self) -> float:
        return self.strength

    @property
    def webui(self) -> Mapping[str, str]:
        return {"Denoising strength": f"{self.strength:g}"}

    def problem(self, steps: int) -> tuple[str, str, str] | None:
        """A problem if the strength leaves no step to run."""
        return too_few_steps("strength", self.strength, steps, "a higher strength")

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Redraw a batch of photos of the pictures' size."""
        return batch.run(model, image=batch.image(model), strength=self.strength)

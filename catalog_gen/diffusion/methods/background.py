"""Background: everything but the product is drawn anew, and the product keeps its pixels.

In a first pass the model draws around the product, and, as all models do, invents parts of it. So
only the ground is taken from it, cleared around the product and shaded beneath it; the product is
put on it, and a second pass at a low strength joins the two. Last, the photo's pixels are put back:
deeper than the seam, the product is the photo's, byte for byte.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from catalog_gen.method import Method, Need, Task, too_few_steps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class Background(Method):
    """Keeps the product's pixels, and draws what the prompt says around them."""

    needs: ClassVar[frozenset[Need]] = frozenset({"photo", "mask"})
    task: ClassVar[Task] = "inpaint"

    name: Literal["background"] = "background"
    seam: int = Field(
        2, ge=0, le=64, description="pixels along the outline that may mix with the ground"
    )
    shadow: float = Field(0.35, ge=0, le=1, description="depth of the contact shadow")
    harmony: float = Field(
        0.35, ge=0, le=1, description="share of the steps of the second pass; 0: there is none"
    )

    @property
    def share(self) -> float:
        return 1.0 + self.harmony

    def problem(self, steps: int) -> tuple[str, str, str] | None:
        """A problem if the harmony leaves the second pass no step to run."""
        if self.harmony == 0:
            return None
        return too_few_steps("harmony", self.harmony, steps, "harmony = 0 for no second pass")

    def kept(self, coverage: "NDArray[np.uint8]") -> "NDArray[np.bool_] | None":
        """The product, without the seam."""
        from catalog_gen.diffusion.grounds import core

        return core(coverage, self.seam)

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw grounds for a batch of photos of the pictures' size."""
        import numpy as np
        import torch

        from catalog_gen.diffusion.grounds import cleared, joined, shaded

        photos, masks = _arrays(batch.photo_values()), _arrays(batch.coverage())[..., 0]
        drawn_anew = _in_latents(batch.coverage(), model.pipelines[self.task].vae_scale_factor)
        pictures = batch.run(model, image=batch.image(model), mask_image=drawn_anew, strength=1.0)
        grounds = [
            shaded(cleared(drawn, mask), mask, self.shadow)
            for drawn, mask in zip(_arrays(pictures.values), masks, strict=True)
        ]
        if self.harmony:
            standing = [
                joined(*each, self.seam) for each in zip(photos, grounds, masks, strict=True)
            ]
            image = torch.from_numpy(np.stack(standing)).permute(0, 3, 1, 2)
            pictures = batch.run(
                model,
                image=model.family.image(image),
                mask_image=drawn_anew,
                strength=self.harmony,
            )
            grounds = list(_arrays(pictures.values))
        done = [joined(*each, self.seam) for each in zip(photos, grounds, masks, strict=True)]
        return pictures.of(torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2))


def _arrays(values: Any) -> "NDArray[np.float32]":
    """(B, C, H, W) as (B, H, W, C) in single precision: half of it can't tell 256 levels apart."""
    array: NDArray[np.float32] = values.float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    return array


def _in_latents(coverage: Any, pixels: int) -> Any:
    """The mask of what is drawn anew, (B, 1, H, W): latents, ``pixels`` wide, of mostly ground."""
    from torch.nn import functional

    ground = (functional.avg_pool2d(coverage, pixels) < 0.5).float()
    return functional.interpolate(ground, scale_factor=pixels)

"""Variation: drawn from the prompt and what the product's photo shows, by an IP-Adapter.

IP-Adapter (https://arxiv.org/abs/2308.06721): the photo is another prompt; no pixel of it is kept.
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from catalog_gen.method import Method, Need, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class Variation(Method):
    """Draws another picture of what the photo shows, as the prompt says."""

    needs: ClassVar[frozenset[Need]] = frozenset({"photo"})
    task: ClassVar[Task] = "variation"

    name: Literal["variation"] = "variation"
    adapter: str = Field(description="the IP-Adapter, as model.ip_adapters names it")
    scale: float = Field(0.6, ge=0, le=2, description="weight of the photo beside the prompt's 1")

    @property
    def departure(self) -> float:
        """Unlimited: the picture may show another product of the kind."""
        return 1.0

    @property
    def part(self) -> str:
        return self.adapter

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw a batch of pictures of what their photos show."""
        adapter = model.ip_adapters[self.adapter]
        guided = model.family.is_guided(model.main, batch.key.guidance)
        photos = adapter.embeddings(batch.photos, guided=guided)
        with adapter.worn(model.denoiser, self.scale):
            return batch.run(model, ip_adapter_image_embeds=photos)
